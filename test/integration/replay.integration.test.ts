// Time travel beside the running program: what `replay` computes from the log is what the program
// itself says it holds at that offset, on a real Kafka and on the embedded log; the program notices
// nothing of it.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import type { EventLog } from '../../src/log/event-log.ts';
import { cli } from '../cli/captured-cli.ts';
import { openTestLog } from './peers.ts';
import { feedSteadily, partitions, planOf, Programs, semanticsEnv, settle } from './pipeline.ts';
import { eventually, startProgram, type Program } from './program.ts';
import { makeReadings } from './readings.ts';
import { createTestTopics, deleteRecords, readRecords, type TestTopics } from './topics.ts';

const brokers = inject('kafkaBrokers');

interface View {
  readonly sensor_id: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

describe.skipIf(brokers === '')('replay on real Kafka', () => {
  let log: EventLog;
  const programs = new Programs();

  beforeAll(async () => {
    log = await openTestLog(brokers);
  });
  afterAll(() => log.close());
  afterEach(() => programs.killAll());

  it('gives the state of every sensor that the running program has, whenever it is asked', async () => {
    const topics = await createTestTopics(log, brokers, partitions);
    const records = makeReadings({ ...planOf(topics, 12_000), unkeyed: 0.3 });
    const feeding = feedSteadily(log, records, 12_000);
    // No idle mark in between: it would change the state at an offset that a view was valid at
    // before it.
    const program = await programs.start(topics, { IDLE_TIMEOUT_MS: '60000' });
    await program.ready();
    const views: View[] = [];
    for (const id of ['sensor_001', 'sensor_017', 'sensor_042', 'sensor_001', 'sensor_060']) {
      views.push(await viewOf(program, id));
    }
    await feeding;
    views.push(await viewOf(program, 'sensor_033'));

    for (const view of views) await expectSame(view, topicsEnv(topics));

    const metrics = await (await fetch(`${program.url}/metrics`)).text();
    expect(/^sensorium_fences_total (\d+)/m.exec(metrics)?.[1] ?? '0').toBe('0');
  });

  it('explains anomalies and late readings, and names both offsets of what the log lost', async () => {
    const topics = await createTestTopics(log, brokers, 1);
    await log.append(makeReadings({ ...planOf(topics, 6_000), sensors: 4, partitions: 1 }));
    await programs.start(topics, {});
    const outcome = await settle(log, topics, programs);
    const env = topicsEnv(topics);

    const late = outcome.deadLetters.find((letter) => letter.endsWith(' late')) ?? '';
    const lateOffset = Number(/\/(\d+) late$/.exec(late)?.[1]);
    const explainedLate = await explain(await sensorAt(log, topics, lateOffset), lateOffset, env);
    const row = outcome.rows.find(({ features }) => features['anomaly_count'] === 1);
    const { first_offset: first = 0, last_offset: last = -1 } = row?.lineage ?? {};
    const anomalies: string[] = [];
    for (let at = first; at <= last;) {
      const found = await explain(row?.sensor_id ?? '', at, env);
      if (found.anomaly && found.window.start === row?.window_start) anomalies.push(found.sentence);
      at = found.offset + 1;
    }

    expect(explainedLate).toMatchObject({ offset: lateOffset, outcome: 'dead_letter' });
    expect(explainedLate.sentence).toMatch(/dead letter \(late\): its window \[.*\) had closed/);
    expect(anomalies).toHaveLength(1);
    expect(anomalies[0]).toMatch(/more than the threshold 2.5: an anomaly/);

    await programs.killAll();
    await deleteRecords(brokers, topics.input, 5_000);
    const lost = await cli(['replay', '--sensor', 'sensor_001', '--at', '100'], env);
    expect(lost.exitCode).toBe(1);
    expect(lost.err).toMatch(/offset 100 .*needs the log from offset 0, but it starts at 5000/);
  });

  it('goes by event time where a time is given, and takes a partition by name', async () => {
    const topics = await createTestTopics(log, brokers, 2);
    const plan = { ...planOf(topics, 2_000), sensors: 4, partitions: 2, late: 0, bad: 0 };
    await log.append(makeReadings({ ...plan, disorderMs: 0 }));
    await programs.start(topics, {});
    await settle(log, topics, programs);
    const env = topicsEnv(topics);
    const time = new Date(plan.fromMs + 300_000);

    const args = ['replay', '--sensor', 'sensor_002', '--at', time.toISOString(), '--explain'];
    const { out } = await cli([...args, '--json'], env);
    const found = JSON.parse(out) as View & { explanation: { offset: number; timestamp: number } };
    const records = await readRecords(log, { topic: topics.input, partition: found.partition });
    const readings = records.filter(({ key }) => key === 'sensor_002');
    const timeOf = (value: string | null): number =>
      (JSON.parse(value ?? '{}') as { timestamp: number }).timestamp;
    const first = readings.find(({ value }) => timeOf(value) >= time.getTime());

    expect(found.offset).toBe(first?.offset);
    expect(found.explanation.offset).toBe(first?.offset);
    const other = await cli(
      [...args, '--partition', `${topics.input}/${1 - found.partition}`],
      env,
    );
    expect(other.err).toMatch(/no reading of sensor "sensor_002" from .* on in .*; --at \d+ shows/);
  });
});

describe('replay on the embedded log', () => {
  let program: Program | undefined;
  afterEach(() => program?.kill());

  it('reads beside the process that holds the folder, and equals what that process says', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'sensorium-replay-'));
    const env = { ...semanticsEnv, DATA_DIR: dataDir, SNAPSHOT_INTERVAL_MS: '1000' };
    program = await startProgram({ ...env, WORKERS: '2' });
    await program.ready();
    const early = await viewOf(program, 'sensor_000');
    await eventually(async () => expectFolded(await viewOf(program, 'sensor_003'), 60), {
      timeoutMs: 60_000,
    });
    const later = await viewOf(program, 'sensor_003');

    await expectSame(early, env);
    await expectSame(later, env);
    await program.stop();
    await expectSame(later, env);
  });
});

const topicsEnv = (topics: TestTopics): Readonly<Record<string, string>> => ({
  ...semanticsEnv,
  ...topics.env,
});

async function viewOf(program: Program | undefined, sensorId: string): Promise<View> {
  return eventually(
    async () => {
      const response = await fetch(`${program?.url ?? ''}/sensors/${sensorId}`);
      if (!response.ok) throw new Error(`${sensorId}: ${response.status}`);
      // The other fields are not part of the shard's state.
      const shown = (await response.json()) as View & {
        anomalies: unknown;
        anomaly_events: unknown;
      };
      const { anomalies, anomaly_events: events, ...view } = shown;
      expect([anomalies, events]).toHaveLength(2);
      return view;
    },
    { timeoutMs: 30_000 },
  );
}

function expectFolded({ offset }: View, atLeast: number): void {
  expect(offset).toBeGreaterThan(atLeast);
}

async function expectSame(view: View, env: Readonly<Record<string, string>>): Promise<void> {
  const { topic, partition, offset } = view;
  const args = ['replay', '--sensor', view.sensor_id, '--at', String(offset)];
  const found = await cli([...args, '--partition', `${topic}/${partition}`, '--json'], env);

  expect(found.exitCode, found.err).toBe(0);
  expect(JSON.parse(found.out)).toMatchObject({ ...view });
}

async function sensorAt(log: EventLog, topics: TestTopics, offset: number): Promise<string> {
  const records = await readRecords(log, { topic: topics.input, partition: 0 });
  return records.find((record) => record.offset === offset)?.key ?? '';
}

interface Explained {
  readonly offset: number;
  readonly anomaly: boolean;
  readonly window: { readonly start: number };
  readonly sentence: string;
}

async function explain(
  sensorId: string,
  offset: number,
  env: Readonly<Record<string, string>>,
): Promise<Explained> {
  const args = ['replay', '--sensor', sensorId, '--at', String(offset), '--explain', '--json'];
  const { exitCode, out, err } = await cli(args, env);
  expect(exitCode, err).toBe(0);
  return (JSON.parse(out) as { explanation: Explained }).explanation;
}
