// The main job on a real Kafka and a real Redis, through the built program: every feature row, dead letter and forward
// equals a sequential model's, none missing, none twice, also when it is killed in the middle and when two processes
// share the work. Read back from Redis through our store and by the real Feast SDK.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import type { EventLog, OutputRecord } from '../../src/log/event-log.ts';
import type { FeatureStore } from '../../src/stores/feature-store.ts';
import { openFeastSdk } from '../feast/feast-sdk.ts';
import { openTestFeatureStore, openTestLog } from './peers.ts';
import { eventually, startProgram, type Program } from './program.ts';
import { makeReadings, type ReadingsPlan } from './readings.ts';
import {
  createTestTopics,
  outcomeDifferences,
  readOutcome,
  type Outcome,
  type TestTopics,
} from './topics.ts';

const brokers = inject('kafkaBrokers');
const redisUrl = inject('redisUrl');
const feastPython = inject('feastPython');

const semantics = {
  windowMs: 10_000,
  watermarkDelayMs: 2_000,
  maxAheadMs: 300_000,
  baseline: 'cumulative' as const,
  baselineHalfLife: 4_000,
  anomalyThreshold: 2.5,
  anomalyWarmup: 2,
  sensorsMax: 1_000_000,
  inputKeying: 'auto' as const,
};
const env = {
  WINDOW_MS: '10000',
  WATERMARK_DELAY_MS: '2000',
  IDLE_TIMEOUT_MS: '2000',
  BASELINE: 'cumulative',
  SENSORS_MAX: '1000000',
  SNAPSHOT_INTERVAL_MS: '3000',
  WORKERS: '2',
};
const partitions = 4;

describe.skipIf(brokers === '' || redisUrl === '')('the main job on real Kafka and Redis', () => {
  let log: EventLog;
  let programs: Program[] = [];

  beforeAll(async () => {
    log = await openTestLog(brokers);
  });
  afterAll(() => log.close());
  afterEach(async () => {
    for (const program of programs) await program.kill();
    programs = [];
  });

  const start = async (topics: TestTopics, database: number): Promise<Program> => {
    const program = await startProgram({
      ...env,
      ...topics.env,
      REDIS_URL: `${redisUrl}/${database}`,
    });
    programs.push(program);
    return program;
  };

  const planOf = (topics: TestTopics, readings: number): ReadingsPlan => ({
    topic: topics.input,
    sensors: 64,
    readings,
    fromMs: Date.now() - 600_000,
    toMs: Date.now(),
    disorderMs: 1_900,
    late: 0.01,
    bad: 0.005,
    unkeyed: 0,
    partitions,
    seed: 7,
  });

  const settle = (topics: TestTopics, timeoutMs = 90_000): Promise<Outcome> =>
    eventually(
      async () => {
        const outcome = await readOutcome(log, topics, semantics);
        const differences = outcomeDifferences(outcome);
        if (differences.length > 0) {
          throw new Error(`${differences.length}: ${differences.slice(0, 10).join('\n')}`);
        }
        return outcome;
      },
      { timeoutMs, onTimeout: () => programs.map((p) => p.output().slice(-4_000)).join('\n') },
    );

  it('writes every feature row and dead letter once, and Redis and Feast hold each last row', async () => {
    const topics = await createTestTopics(log, brokers, partitions);
    await log.append(makeReadings(planOf(topics, 24_000)));

    const program = await start(topics, 1);
    await program.ready();
    const outcome = await settle(topics);

    expect(outcome.rows.length).toBeGreaterThan(3_000);
    expect(outcome.deadLetters.length).toBeGreaterThan(200);
    const store = await openTestFeatureStore(`${redisUrl}/1`);
    await expectLastRows(store, outcome);
    if (feastPython !== '') await expectFeastReads(outcome, `${redisUrl}/1`);
    await store.close();
    expect(await program.stop()).toBe(0);
  });

  it('loses and doubles nothing when it is killed in the middle, twice', async () => {
    const topics = await createTestTopics(log, brokers, partitions);
    const plan = planOf(topics, 24_000);
    const feeding = feedSteadily(log, makeReadings({ ...plan, unkeyed: 0.1 }), 12_000);
    for (const runMs of [4_000, 5_000]) {
      const program = await start(topics, 2);
      await program.ready();
      await sleep(runMs);
      await program.kill();
    }
    await start(topics, 2);
    await feeding;

    const outcome = await settle(topics);

    expect(outcome.forwards.length).toBeGreaterThan(2_000);
    const store = await openTestFeatureStore(`${redisUrl}/2`);
    await expectLastRows(store, outcome);
    await store.close();
  });

  it('shares the work over two processes, of which one is killed and one drained', async () => {
    const topics = await createTestTopics(log, brokers, partitions);
    const feeding = feedSteadily(log, makeReadings(planOf(topics, 24_000)), 15_000);
    const first = await start(topics, 3);
    const second = await start(topics, 3);
    await Promise.all([first.ready(), second.ready()]);
    await eventually(() => expectBothFold([first, second]), { timeoutMs: 20_000 });
    await sleep(3_000);
    await first.kill();
    const third = await start(topics, 3);
    await third.ready();
    const exitCode = await second.stop();
    await feeding;

    await settle(topics);

    expect(exitCode).toBe(0);
  });
});

async function expectBothFold(both: readonly Program[]): Promise<void> {
  for (const { url } of both) {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const folded = /^sensorium_readings_total (\d+)/m.exec(metrics)?.[1];
    if (Number(folded ?? 0) === 0) throw new Error(`${url} has folded nothing`);
  }
}

/** Appends the records at an even pace over `overMs`, so that kills hit a working pipeline. */
async function feedSteadily(
  log: EventLog,
  records: readonly OutputRecord[],
  overMs: number,
): Promise<void> {
  const steps = 60;
  const size = Math.ceil(records.length / steps);
  for (let step = 0; step < steps; step += 1) {
    const part = records.slice(step * size, (step + 1) * size);
    if (part.length > 0) await log.append(part);
    await sleep(overMs / steps);
  }
}

function lastRows(outcome: Outcome): Map<string, Outcome['rows'][number]> {
  const last = new Map<string, Outcome['rows'][number]>();
  for (const row of outcome.rows) {
    const known = last.get(row.sensor_id);
    if (known === undefined || known.window_end < row.window_end) last.set(row.sensor_id, row);
  }
  return last;
}

async function expectLastRows(store: FeatureStore, outcome: Outcome): Promise<void> {
  const last = lastRows(outcome);
  await eventually(
    async () => {
      const stored = await store.read([...last.keys()]);
      const wanted = [...last.values()].map((row) => ({
        eventTimeMs: row.window_end,
        values: row.features,
      }));
      expect(stored).toEqual(wanted);
    },
    { timeoutMs: 20_000 },
  );
}

async function expectFeastReads(outcome: Outcome, url: string): Promise<void> {
  const last = lastRows(outcome);
  const feast = await openFeastSdk(feastPython, url);
  try {
    const read = await feast.read([...last.keys()]);
    const wanted = [...last.values()].map(({ window_end, features }) => ({
      eventTimeMs: window_end,
      values: {
        ...features,
        count: BigInt(features['count'] ?? -1),
        anomaly_count: BigInt(features['anomaly_count'] ?? -1),
      },
    }));
    expect(read).toEqual(wanted);
  } finally {
    feast.close();
  }
}
