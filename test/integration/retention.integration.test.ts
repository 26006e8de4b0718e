// Records that retention deletes before they are read, on real Kafka: the program refuses to start
// and says what is lost, goes on over it when told, and on later starts without being told; no row
// is lost or doubled but those of the lost readings.
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import type { EventLog } from '../../src/log/event-log.ts';
import type { OutputRecord } from '../../src/records/record.ts';
import { openTestLog } from './peers.ts';
import { planOf, semanticsEnv } from './pipeline.ts';
import { eventually, startProgram, type Program } from './program.ts';
import { makeReadings } from './readings.ts';
import { createTestTopics, deleteRecords, readTopic, type TestTopics } from './topics.ts';

const brokers = inject('kafkaBrokers');
const sensorId = 'sensor_001';

describe.skipIf(brokers === '')('records that retention deleted unread', () => {
  let log: EventLog;
  const running: Program[] = [];

  beforeAll(async () => {
    log = await openTestLog(brokers);
  });
  afterAll(() => log.close());
  afterEach(async () => {
    for (const program of running.splice(0)) await program.kill();
  });

  async function start(topics: TestTopics, args: readonly string[] = []): Promise<Program> {
    const env = { ...semanticsEnv, ...topics.env, WORKERS: '1', SNAPSHOT_INTERVAL_MS: '600000' };
    const program = await startProgram(env, { args });
    running.push(program);
    return program;
  }

  it('stop the start with both offsets, are passed with --accept-gap, and by every later start', async () => {
    const topics = await createTestTopics(log, brokers, 1);
    const [first = [], second = [], third = []] = partsOf(topics);
    await log.append(first);
    const before = await start(topics);
    await learned(before, ofSensor(first));
    expect(await before.stop()).toBe(0);
    await log.append(second);
    await deleteRecords(brokers, topics.input, 600);

    const refused = await start(topics);
    expect(await refused.exited()).toBe(1);
    expect(refused.output()).toMatch(
      /begins at offset 600.*from offset 400 \(committed 400\).*--accept-gap/,
    );
    expect(await rowsOf(log, topics)).not.toHaveLength(0);

    const accepting = await start(topics, ['run', '--accept-gap']);
    const kept = ofSensor(first) + ofSensor(second.slice(200));
    await learned(accepting, kept);
    expect(accepting.output()).toMatch(/"needed":400,"earliest":600.*"unread":200.*gap accepted/);
    const metrics = await (await fetch(`${accepting.url}/metrics`)).text();
    expect(metrics).toMatch(/^sensorium_gap_records_total 200$/m);
    await accepting.kill();

    const later = await start(topics);
    await learned(later, kept);
    await log.append(third);
    await learned(later, kept + ofSensor(third));
    await eventually(
      async () => {
        const rows = await rowsOf(log, topics);
        const windows = rows.map(({ sensor_id, window_start }) => `${sensor_id} ${window_start}`);
        expect(new Set(windows).size).toBe(windows.length);
        expect(rows.reduce((sum, { features }) => sum + features.count, 0)).toBe(1_000);
      },
      { timeoutMs: 60_000, onTimeout: () => later.output() },
    );
  });
});

/** Three parts of 400 readings in order, a minute of event time between them. */
function partsOf(topics: TestTopics): OutputRecord[][] {
  const plan = { ...planOf(topics, 400), sensors: 4, partitions: 1, late: 0, bad: 0 };
  return [1_800_000, 1_200_000, 600_000].map((ageMs, part) => {
    const fromMs = plan.toMs - ageMs;
    const length = { fromMs, toMs: fromMs + 540_000 };
    return makeReadings({ ...plan, ...length, firstIndex: part * 400, seed: part });
  });
}

const ofSensor = (records: readonly OutputRecord[]): number =>
  records.filter(({ key }) => Buffer.from(key ?? []).toString() === sensorId).length;

async function learned(program: Program, readings: number): Promise<void> {
  await eventually(
    async () => {
      const response = await fetch(`${program.url}/sensors/${sensorId}`);
      const { baseline } = (await response.json()) as { baseline: { n: number } };
      expect(baseline.n).toBe(readings);
    },
    { timeoutMs: 60_000, onTimeout: () => program.output() },
  );
}

interface Row {
  readonly sensor_id: string;
  readonly window_start: number;
  readonly features: { readonly count: number };
}

async function rowsOf(log: EventLog, topics: TestTopics): Promise<Row[]> {
  const rows = [...(await readTopic(log, topics.output)).values()].flat();
  return rows.map(({ value }) => JSON.parse(value ?? '') as Row);
}
