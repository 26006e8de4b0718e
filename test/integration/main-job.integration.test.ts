// The main job on a real Kafka and a real Redis, through the built program: every feature row, dead letter and forward
// equals a sequential model's, none missing, none twice, also when it is killed in the middle and when two processes
// share the work. Read back from Redis through our store and by the real Feast SDK.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import type { EventLog } from '../../src/log/event-log.ts';
import { openFeastSdk } from '../feast/feast-sdk.ts';
import { openTestFeatureStore, openTestLog } from './peers.ts';
import {
  expectLastRows,
  feedSteadily,
  lastRows,
  partitions,
  planOf,
  Programs,
  settle,
} from './pipeline.ts';
import { eventually, runProgram, type Program } from './program.ts';
import { makeReadings, sensorName } from './readings.ts';
import { createTestTopics, type Outcome, type TestTopics } from './topics.ts';

const brokers = inject('kafkaBrokers');
const redisUrl = inject('redisUrl');
const feastPython = inject('feastPython');

describe.skipIf(brokers === '' || redisUrl === '')('the main job on real Kafka and Redis', () => {
  let log: EventLog;
  const programs = new Programs();

  beforeAll(async () => {
    log = await openTestLog(brokers);
  });
  afterAll(() => log.close());
  afterEach(() => programs.killAll());

  const start = (topics: TestTopics, database: number): Promise<Program> =>
    programs.start(topics, { REDIS_URL: `${redisUrl}/${database}` });

  it('writes every feature row and dead letter once, and Redis and Feast hold each last row', async () => {
    const topics = await createTestTopics(log, brokers, partitions);
    await log.append(makeReadings(planOf(topics, 24_000)));

    const program = await start(topics, 1);
    await program.ready();
    const outcome = await settle(log, topics, programs);

    expect(outcome.rows.length).toBeGreaterThan(3_000);
    expect(outcome.deadLetters.length).toBeGreaterThan(200);
    await expectStored(outcome, 1);
    if (feastPython !== '') await expectFeastReads(outcome, `${redisUrl}/1`);
    expect(await program.stop()).toBe(0);
  });

  it('loses and doubles nothing when it is killed in the middle, twice', async () => {
    const topics = await createTestTopics(log, brokers, partitions);
    const records = makeReadings({ ...planOf(topics, 24_000), unkeyed: 0.1 });
    const feeding = feedSteadily(log, records, 12_000);
    for (const runMs of [4_000, 5_000]) {
      const program = await start(topics, 2);
      await program.ready();
      await sleep(runMs);
      await program.kill();
    }
    await start(topics, 2);
    await feeding;

    const outcome = await settle(log, topics, programs);

    expect(outcome.forwards.length).toBeGreaterThan(2_000);
    await expectStored(outcome, 2);
  });

  it('shares the work over two processes, of which one is killed and one drained', async () => {
    const topics = await createTestTopics(log, brokers, partitions);
    const plan = planOf(topics, 24_000);
    const feeding = feedSteadily(log, makeReadings(plan), 15_000);
    const first = await start(topics, 3);
    const second = await start(topics, 3);
    await Promise.all([first.ready(), second.ready()]);
    await eventually(() => expectBothFold([first, second]), { timeoutMs: 20_000 });
    await sleep(3_000);
    const sensorIds = Array.from({ length: plan.sensors }, (_, index) => sensorName(index));
    await eventually(() => expectEachSensorFrom(first, sensorIds), { timeoutMs: 20_000 });
    await first.kill();
    const third = await start(topics, 3);
    await third.ready();
    const exitCode = await second.stop();
    await feeding;

    await settle(log, topics, programs);

    expect(exitCode).toBe(0);
  });

  it('replays a real labelled series through `produce --file`, every reading in a window or a dead letter', async () => {
    const topics = await createTestTopics(log, brokers, partitions);
    const file = 'data/machine_temperature_system_failure.csv';
    await start(topics, 4);

    const produced = await runProgram(
      ['produce', '--file', file, '--speed', 'max', '--json'],
      topics.env,
    );
    // The file jumps by minutes, so that each of its readings is a window; its last one stays open for a minute.
    const settings = { windowMs: 10_000 };
    const outcome = await settle(log, topics, programs, { settings });

    const counted = outcome.rows.reduce((sum, row) => sum + (row.features['count'] ?? 0), 0);
    expect(produced.exitCode, produced.output).toBe(0);
    expect(counted + outcome.deadLetters.length).toBe(22_695);
    expect(outcome.deadLetters.every((letter) => letter.endsWith(' late'))).toBe(true);
  });

  async function expectStored(outcome: Outcome, database: number): Promise<void> {
    const store = await openTestFeatureStore(`${redisUrl}/${database}`);
    await expectLastRows(store, outcome);
    await store.close();
  }
});

async function expectBothFold(both: readonly Program[]): Promise<void> {
  for (const { url } of both) {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const folded = /^sensorium_readings_total (\d+)/m.exec(metrics)?.[1];
    if (Number(folded ?? 0) === 0) throw new Error(`${url} has folded nothing`);
  }
}

/** Whichever process is asked: it has the sensor, or sends to who has. */
async function expectEachSensorFrom({ url }: Program, sensorIds: readonly string[]): Promise<void> {
  const answers = await Promise.all(
    sensorIds.map((id) => fetch(`${url}/sensors/${encodeURIComponent(id)}`)),
  );
  expect(answers.map(({ status }) => status)).toEqual(sensorIds.map(() => 200));
  expect(new Set(answers.map(({ redirected }) => redirected))).toEqual(new Set([true, false]));
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
