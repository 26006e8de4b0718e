// The audit of the built program's work on a real Kafka and Redis: clean after kill -9, and whatever is forged in Redis or
// in the topic afterwards is found and named.
import { Redis } from 'ioredis';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import { feastEntityKey } from '../../src/codecs/feast.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import type { OutputRecord } from '../../src/records/record.ts';
import { cli } from '../cli/captured-cli.ts';
import { openTestFeatureStore, openTestLog } from './peers.ts';
import {
  expectLastRows,
  feedSteadily,
  lastRows,
  partitions,
  planOf,
  Programs,
  semanticsEnv,
  settle,
} from './pipeline.ts';
import { freePort } from '../free-port.ts';
import { eventually, startProgram, type Program } from './program.ts';
import { makeReadings } from './readings.ts';
import { createTestTopics, readTopic } from './topics.ts';

const brokers = inject('kafkaBrokers');
const redisUrl = inject('redisUrl');

interface Report {
  readonly equal: boolean;
  readonly windows: number;
  readonly sensors_in_store: number;
  readonly unchecked: readonly string[];
  readonly findings: readonly { readonly kind: string; readonly sensor_id?: string }[];
}

type Env = Readonly<Record<string, string>>;

async function audit(env: Env, ...args: string[]): Promise<Report & { readonly exitCode: number }> {
  const { exitCode, out, err } = await cli(['audit', '--json', ...args], env);
  expect(out, err).not.toBe('');
  return { ...(JSON.parse(out) as Report), exitCode };
}

describe.skipIf(brokers === '' || redisUrl === '')('audit on real Kafka and Redis', () => {
  let log: EventLog;
  const programs = new Programs();

  beforeAll(async () => {
    log = await openTestLog(brokers);
  });
  afterAll(() => log.close());
  afterEach(() => programs.killAll());

  it('finds nothing after kill -9, and names each row that is forged in Redis and in the topic', async () => {
    const topics = await createTestTopics(log, brokers, partitions);
    const env = { ...semanticsEnv, ...topics.env, REDIS_URL: `${redisUrl}/14` };
    const redis = new Redis(env.REDIS_URL);
    await redis.flushdb();
    const feeding = feedSteadily(
      log,
      makeReadings({ ...planOf(topics, 6_000), sensors: 20 }),
      6_000,
    );
    const first = await programs.start(topics, env);
    await first.ready();
    await sleep(2_000);
    await first.kill();
    await programs.start(topics, env);
    await feeding;
    const outcome = await settle(log, topics, programs);
    const store = await openTestFeatureStore(env.REDIS_URL);
    await expectLastRows(store, outcome);
    await store.close();

    const clean = await eventually(
      async () => {
        const report = await audit(env);
        expect(report.unchecked).toEqual([]);
        return report;
      },
      { timeoutMs: 30_000 },
    );
    expect(clean).toMatchObject({ exitCode: 0, equal: true, findings: [] });
    expect(clean.windows).toBe(outcome.rows.length);
    expect(clean.sensors_in_store).toBe(lastRows(outcome).size);

    // The topic is copied with one row changed, one left out, one twice and one of nobody.
    const [changed, left, twice] = outcome.rows;
    const copy = await createTestTopics(log, brokers, partitions);
    const records = await forgedCopy(log, topics.output, copy.output, { changed, left, twice });
    await log.append(records);
    const forged = await audit({ ...env, OUTPUT_TOPIC: copy.output });
    const named = forged.findings.map(({ kind, sensor_id }) => `${kind} ${sensor_id ?? ''}`);
    expect(forged.exitCode).toBe(1);
    expect(named.filter((text) => !text.startsWith('store')).sort()).toEqual(
      [
        'doubled ' + (twice?.sensor_id ?? ''),
        'extra ghost',
        'mismatch ' + (changed?.sensor_id ?? ''),
        'missing ' + (left?.sensor_id ?? ''),
      ].sort(),
    );

    // Another sensor's features under this sensor's key; and a key that is gone.
    await redis.copy(feastEntityKey('sensor_001'), feastEntityKey('sensor_002'), 'REPLACE');
    await redis.del(feastEntityKey('sensor_003'));
    await redis.quit();
    const tampered = await audit(env);
    const sensors = new Set(tampered.findings.map(({ sensor_id }) => sensor_id));
    expect(tampered.exitCode).toBe(1);
    expect(sensors).toEqual(new Set(['sensor_002', 'sensor_003']));
    expect(tampered.findings.every(({ kind }) => kind.startsWith('store_'))).toBe(true);

    const unknown = await cli(['audit'], { ...env, GROUP_ID: 'nobody' });
    expect([unknown.exitCode, unknown.err]).toEqual([
      2,
      expect.stringMatching(/committed nothing/),
    ]);
  });

  it('goes on with a sample and counts what it compares and finds', async () => {
    const topics = await createTestTopics(log, brokers, partitions);
    const env = { ...topics.env, REDIS_URL: `${redisUrl}/15` };
    const redis = new Redis(env.REDIS_URL);
    await redis.flushdb();
    await redis.quit();
    const port = String(await freePort());
    await (await programs.start(topics, env)).ready();
    const auditor = await startProgram(
      { ...semanticsEnv, ...env, HTTP_HOST: '127.0.0.1' },
      { args: ['audit', '--continuous', '--interval', '1', '--metrics-port', port] },
    );
    try {
      const metric = async (name: string): Promise<number> => {
        const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
        const series = new RegExp(`^sensorium_audit_${name}(?:\\{.*\\})? (\\d+)`, 'gm');
        return [...text.matchAll(series)].reduce((sum, [, value]) => sum + Number(value), 0);
      };
      // From its first round on it compares whatever closes.
      await eventually(
        async () => expect(await metric('last_round_timestamp_seconds')).toBeGreaterThan(0),
        { timeoutMs: 30_000, onTimeout: () => auditor.output() },
      );
      await log.append(makeReadings({ ...planOf(topics, 3_000), sensors: 20, late: 0, bad: 0 }));
      const outcome = await settle(log, topics, programs);
      await eventually(
        async () => expect(await metric('windows_total')).toBe(outcome.rows.length),
        { timeoutMs: 30_000, onTimeout: () => auditor.output() },
      );

      expect(await metric('mismatches_total'), auditor.output()).toBe(0);
      const [row] = outcome.rows;
      const value = Buffer.from(JSON.stringify({ ...row, sensor_id: 'ghost' }));
      await log.append([{ topic: topics.output, key: Buffer.from('ghost'), value }]);
      await eventually(async () => expect(await metric('mismatches_total')).toBeGreaterThan(0), {
        timeoutMs: 30_000,
        onTimeout: () => auditor.output(),
      });
    } finally {
      await auditor.stop();
    }
    expect(await auditor.exited()).toBe(1);
  });
});

describe('audit on the embedded log', () => {
  let program: Program | undefined;
  afterEach(() => program?.kill());

  it('finds nothing beside the running process, nor after kill -9', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'sensorium-audit-'));
    const env = { ...semanticsEnv, DATA_DIR: dataDir, SNAPSHOT_INTERVAL_MS: '1000' };
    program = await startProgram(env);
    await program.ready();
    await eventually(
      async () => {
        const report = await audit(env);
        expect(report.findings).toEqual([]);
        expect(report.windows).toBeGreaterThan(10);
      },
      { timeoutMs: 90_000, onTimeout: () => program?.output() ?? '' },
    );
    await program.kill();

    const after = await audit(env);
    expect(after.findings).toEqual([]);
    const range = await audit(env, '--from', '2020-01-01', '--to', '2020-01-02');
    expect(range).toMatchObject({ findings: [], windows: 0 });
  });
});

interface Row {
  readonly sensor_id: string;
  readonly window_start: number;
}

async function forgedCopy(
  log: EventLog,
  from: string,
  to: string,
  rows: { readonly [name in 'changed' | 'left' | 'twice']: Row | undefined },
): Promise<readonly OutputRecord[]> {
  const records: OutputRecord[] = [];
  for (const { key, value } of [...(await readTopic(log, from)).values()].flat()) {
    const row = JSON.parse(value ?? '') as Row & { readonly features: object };
    const is = (other: Row | undefined): boolean =>
      row.sensor_id === other?.sensor_id && row.window_start === other.window_start;
    const record = { topic: to, key: Buffer.from(key ?? ''), value: Buffer.from(value ?? '') };
    if (is(rows.left)) continue;
    if (is(rows.changed)) {
      const features = { ...row.features, max_value: 1e6 };
      records.push({ ...record, value: Buffer.from(JSON.stringify({ ...row, features })) });
      const ghost = { ...row, sensor_id: 'ghost' };
      records.push({ ...record, value: Buffer.from(JSON.stringify(ghost)) });
      continue;
    }
    records.push(record);
    if (is(rows.twice)) records.push(record);
  }
  return records;
}
