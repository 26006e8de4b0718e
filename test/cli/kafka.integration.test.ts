import { describe, expect, inject, it } from 'vitest';

import type { Check } from '../../src/cli/doctor-check.ts';
import { cli } from './captured-cli.ts';

const brokers = inject('kafkaBrokers');
const redisUrl = inject('redisUrl');

function freshEnv(): Readonly<Record<string, string>> {
  const unique = `${Date.now()}-${Math.random().toString(36).slice(2, 8)}`;
  return {
    KAFKA_BROKERS: brokers,
    REDIS_URL: redisUrl,
    INPUT_TOPIC: `cli-readings-${unique}`,
    OUTPUT_TOPIC: `cli-features-${unique}`,
    GROUP_ID: `cli-${unique}`,
    ONLINE_OTHER_WRITER: 'share',
  };
}

describe.skipIf(brokers === '' || redisUrl === '')('the commands on real Kafka and Redis', () => {
  it('create topics that doctor finds nothing wrong with', async () => {
    const env = freshEnv();

    const before = await cli(['doctor', '--json'], env);
    await cli(['topics', 'create', '--partitions', '2'], env);
    const after = await cli(['doctor', '--json'], env);

    const checksOf = (out: string): Check[] => (JSON.parse(out) as { checks: Check[] }).checks;
    const input = `topic ${env['INPUT_TOPIC'] ?? ''}`;
    expect(before.exitCode).toBe(0);
    expect(checksOf(before.out).find(({ name }) => name === input)?.found).toBe('missing');
    expect(after.exitCode).toBe(0);
    const topics = checksOf(after.out).filter(({ name }) => name.startsWith(input));
    expect(topics.map(({ status }) => status)).toEqual(['ok', 'ok', 'ok']);
    const version = checksOf(after.out).find(({ name }) => name === 'kafka version');
    expect(version?.status).toBe('ok');
    expect(checksOf(after.out).find(({ name }) => name === 'redis')?.status).toBe('ok');
  });

  it('produce into Kafka, and inspect counts the records not yet processed', async () => {
    const env = freshEnv();

    const { out } = await cli(
      ['produce', '--sensors', '3', '--rate', '50', '--duration', '0.2', '--json'],
      env,
    );
    const { out: groups } = await cli(['inspect', '--json'], env);

    expect(JSON.parse(out)).toMatchObject({ records: 30 });
    const { shards } = JSON.parse(groups) as { shards: { lag: number; position: number | null }[] };
    expect(shards.reduce((sum, { lag }) => sum + lag, 0)).toBe(30);
    expect(shards.every(({ position }) => position === null)).toBe(true);
  });

  it('report an unreachable Redis as a failed check, without its password', async () => {
    const { exitCode, out } = await cli(['doctor'], {
      ...freshEnv(),
      REDIS_URL: 'redis://:hunter2@127.0.0.1:1',
    });

    expect(exitCode).toBe(1);
    expect(out).toContain('fail  redis: Redis at 127.0.0.1:1: connect ECONNREFUSED');
    expect(out).not.toContain('hunter2');
  });
});
