// Larger windows on a real Kafka and a real Redis, through the built program that is killed in the middle: the rows of
// every length equal a sequential model's, and the store, the HTTP API and the real Feast SDK read the last of each view.
import { setTimeout as sleep } from 'node:timers/promises';
import {
  afterAll,
  afterEach,
  beforeAll,
  describe,
  expect,
  inject,
  it,
  onTestFinished,
} from 'vitest';

import type { EventLog } from '../../src/log/event-log.ts';
import { openFeastSdk, type FeastSdk } from '../feast/feast-sdk.ts';
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
import { runProgram } from './program.ts';
import { makeReadings } from './readings.ts';
import { createTestTopics, type Outcome } from './topics.ts';

const brokers = inject('kafkaBrokers');
const redisUrl = inject('redisUrl');
const feastPython = inject('feastPython');

const WINDOWS = '20s,30s/10s';
const windows = [
  { name: '20s', sizeMs: 20_000, hopMs: 20_000 },
  { name: '30s/10s', sizeMs: 30_000, hopMs: 10_000 },
];
const views = ['sensor_features_20s', 'sensor_features_30s_10s'];

describe.skipIf(brokers === '' || redisUrl === '')('larger windows on real Kafka and Redis', () => {
  let log: EventLog;
  const programs = new Programs();
  const url = `${redisUrl}/10`;

  beforeAll(async () => {
    log = await openTestLog(brokers);
  });
  afterAll(() => log.close());
  afterEach(() => programs.killAll());

  it('writes every row of every length once, and each view holds each last row', async () => {
    const topics = await createTestTopics(log, brokers, partitions);
    const records = makeReadings({ ...planOf(topics, 12_000), unkeyed: 0.1 });
    const feeding = feedSteadily(log, records, 8_000);
    const env = { REDIS_URL: url, WINDOWS };
    const killed = await programs.start(topics, env);
    await killed.ready();
    await sleep(4_000);
    await killed.kill();
    const program = await programs.start(topics, env);
    await feeding;

    const outcome = await settle(log, topics, programs, { settings: { windows } });

    const store = await openTestFeatureStore(url, { ...semanticsEnv, WINDOWS });
    await expectLastRows(store, outcome);
    // One for both views: it takes many seconds to start on a machine that has other work.
    const feast =
      feastPython === '' ? undefined : await openFeastSdk(feastPython, url, { windows: WINDOWS });
    onTestFinished(() => feast?.close());
    for (const [index, view] of views.entries()) {
      const rows = outcome.larger[index] ?? [];
      expect(rows.length).toBeGreaterThan(1_000);
      await expectLastRows(store, { rows }, view);
      await expectServed(program.url, rows, view);
      if (feast !== undefined) await expectFeastReads(feast, rows, view);
    }
    expect(await program.stop()).toBe(0);

    const rebuilt = await runProgram(['project', '--rebuild', '--json'], {
      ...semanticsEnv,
      ...topics.env,
      ...env,
    });
    const counted = JSON.parse(
      rebuilt.output.split('\n').find((line) => line.startsWith('{')) ?? '',
    ) as { readonly skipped: number };
    const stored = [outcome.rows, ...outcome.larger].map((rows) => lastRows({ rows }).size);
    expect(counted).toMatchObject({ written: 0, refused: 0, badRows: 0 });
    expect(counted.skipped).toBeGreaterThanOrEqual(stored.reduce((sum, size) => sum + size, 0));
    await store.close();
  });
});

/** `POST /get-online-features` answers the view's averages. */
async function expectServed(url: string, rows: Outcome['rows'], view: string): Promise<void> {
  const last = lastRows({ rows });
  const answer = await fetch(`${url}/get-online-features`, {
    method: 'POST',
    body: JSON.stringify({
      features: [`${view}:avg_value`],
      entities: { sensor_id: [...last.keys()] },
    }),
  });
  const body = (await answer.json()) as { results: { values: unknown[] }[] };
  const averages = [...last.values()].map(({ features }) => features['avg_value']);
  expect(body.results[1]?.values).toEqual(averages);
}

async function expectFeastReads(
  feast: FeastSdk,
  rows: Outcome['rows'],
  view: string,
): Promise<void> {
  const last = lastRows({ rows });
  const wanted = [...last.values()].map(({ window_end, features }) => ({
    eventTimeMs: window_end,
    values: {
      ...features,
      count: BigInt(features['count'] ?? -1),
      anomaly_count: BigInt(features['anomaly_count'] ?? -1),
    },
  }));
  expect(await feast.read([...last.keys()], view)).toEqual(wanted);
}
