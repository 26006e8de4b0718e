// Faults under a steady feed, on a Kafka and a Redis of the test's own: threads that die, a broker and a Redis that are
// killed and come back. Nothing lost, nothing doubled, nothing stuck.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import type { EventLog } from '../../src/log/event-log.ts';
import { openTestFeatureStore, openTestLog } from './peers.ts';
import { expectLastRows, feedSteadily, partitions, planOf, Programs, settle } from './pipeline.ts';
import { makeReadings } from './readings.ts';
import { createTestTopics } from './topics.ts';

const available = inject('kafkaBrokers') !== '' && inject('redisUrl') !== '';
const kafkaPort = '19292';
const redisPort = '16579';
const brokers = `127.0.0.1:${kafkaPort}`;
const redisUrl = `redis://127.0.0.1:${redisPort}/0`;

describe.skipIf(!available)('the main job under faults', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sensorium-services-'));
  const env = {
    ...process.env,
    SERVICES_DIR: folder,
    KAFKA_PORT: kafkaPort,
    REDIS_PORT: redisPort,
  };
  const services = (...args: string[]): void => {
    execFileSync('scripts/services.sh', args, { env, stdio: 'ignore' });
  };
  const kill = (service: 'kafka' | 'redis'): void => {
    const port = service === 'kafka' ? kafkaPort : redisPort;
    const pid = readFileSync(join(folder, `${service}-${port}.pid`), 'utf8');
    process.kill(Number(pid), 'SIGKILL');
  };
  let log: EventLog;
  const programs = new Programs();

  beforeAll(async () => {
    services('start');
    log = await openTestLog(brokers);
  });
  afterAll(async () => {
    await log.close();
    services('stop');
  });
  afterEach(() => programs.killAll());

  it('loses and doubles nothing when threads die of a bug', async () => {
    const topics = await createTestTopics(log, brokers, partitions);
    const records = makeReadings({ ...planOf(topics, 18_000), unkeyed: 0.05 });
    const feeding = feedSteadily(log, records, 15_000);
    const deaths = mkdtempSync(join(tmpdir(), 'sensorium-deaths-'));
    const preload = join(import.meta.dirname, 'threads/die-once.cjs');
    const program = await programs.start(topics, {
      REDIS_URL: redisUrl,
      NODE_OPTIONS: `--require ${preload}`,
      DIE_FOLDER: deaths,
    });
    await feeding;

    const outcome = await settle(log, topics, programs);

    expect(program.output()).toContain('a thread of the test dies');
    const store = await openTestFeatureStore(redisUrl);
    await expectLastRows(store, outcome);
    await store.close();
    await program.ready();
  });

  it('goes on after the broker was killed and came back', async () => {
    const topics = await createTestTopics(log, brokers, partitions);
    const records = makeReadings({ ...planOf(topics, 18_000), unkeyed: 0.05 });
    const program = await programs.start(topics, { REDIS_URL: redisUrl });
    await program.ready();
    await feedSteadily(log, records.slice(0, 9_000), 5_000);
    kill('kafka');
    await sleep(5_000);
    services('start', 'kafka');
    await feedSteadily(log, records.slice(9_000), 5_000);

    await settle(log, topics, programs, { timeoutMs: 110_000 });

    await program.ready();
  });

  it('folds on while Redis is away, says it is not ready, and catches up', async () => {
    const topics = await createTestTopics(log, brokers, partitions);
    const records = makeReadings(planOf(topics, 18_000));
    const program = await programs.start(topics, { REDIS_URL: redisUrl });
    await program.ready();
    kill('redis');
    await feedSteadily(log, records, 8_000);
    const outcome = await settle(log, topics, programs);
    const ready = await fetch(`${program.url}/health/ready`);
    services('start', 'redis');

    expect(ready.status).toBe(503);
    const store = await openTestFeatureStore(redisUrl);
    await expectLastRows(store, outcome);
    await store.close();
    await program.ready();
  });
});
