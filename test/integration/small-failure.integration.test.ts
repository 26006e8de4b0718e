// A failure of one shard, and a process that cannot go on, beside healthy ones on real Kafka: three processes of the built
// program over four partitions. Nobody else ends, waits or restores, and every other row comes once.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import type { EventLog } from '../../src/log/event-log.ts';
import type { OutputRecord } from '../../src/records/record.ts';
import { partitionForKey } from '../../src/records/partitioning.ts';
import { openTestLog } from './peers.ts';
import { partitions, planOf, Programs } from './pipeline.ts';
import { eventually, type Program } from './program.ts';
import { makeReadings } from './readings.ts';
import { createTestTopics, deleteRecords, readTopic, type TestTopics } from './topics.ts';

const brokers = inject('kafkaBrokers');
const readings = 400;
/** The longest that a fetch of a quiet member waits at the broker. */
const fetchMsMax = 500;

describe.skipIf(brokers === '')('a small failure', () => {
  let log: EventLog;
  const programs = new Programs();

  beforeAll(async () => {
    log = await openTestLog(brokers);
  });
  afterAll(() => log.close());
  afterEach(() => programs.killAll());

  const start = (topics: TestTopics, env = {}): Promise<Program> =>
    programs.start(topics, { WORKERS: '1', HTTP_TOKEN: 'secret', ...env });

  async function counted(topics: TestTopics, expected: number): Promise<void> {
    await eventually(
      async () => {
        const rows = await rowsOf(log, topics);
        const windows = rows.map(({ sensor_id, window_start }) => `${sensor_id} ${window_start}`);
        expect(new Set(windows).size).toBe(windows.length);
        expect(rows.reduce((sum, { features }) => sum + features.count, 0)).toBe(expected);
      },
      { timeoutMs: 60_000, onTimeout: () => programs.output() },
    );
  }

  it('records deleted under one shard of three processes fail that shard alone, until its gap is accepted', async () => {
    const topics = await createTestTopics(log, brokers, partitions);
    const [first = [], second = [], third = []] = partsOf(topics);
    const all = [await start(topics), await start(topics), await start(topics)];
    for (const program of all) await program.ready();
    await log.append(first);
    await counted(topics, readings);

    // Nobody may read the records between their append and their deletion, nor have a fetch that waits for them.
    for (const program of all) program.signal('SIGSTOP');
    await sleep(2 * fetchMsMax);
    await log.append(second);
    const kept = 5;
    const inPartition0 = (records: readonly OutputRecord[]): number =>
      records.filter(({ key }) => partitionForKey(key ?? Buffer.of(), partitions) === 0).length;
    const { end } = await log.offsets({ topic: topics.input, partition: 0 });
    await deleteRecords(brokers, topics.input, end - kept);
    for (const program of all) program.signal('SIGCONT');

    const others = second.length - inPartition0(second);
    await counted(topics, readings + others);
    const failed = await eventually(() => onlyFailing(all), {
      timeoutMs: 30_000,
      onTimeout: () => programs.output(),
    });
    const { reasons } = await readiness(failed);
    expect(reasons).toEqual([
      expect.stringMatching(/\/0 failed since .*begins at offset .*accept_gap=true/),
    ]);
    const metrics = await (await fetch(`${failed.url}/metrics`)).text();
    const labels = `{topic="${topics.input}",partition="0"}`;
    expect(metrics).toContain(`sensorium_shard_failed${labels} 1`);
    expect(metrics).toContain(`sensorium_lag_records${labels} ${inPartition0(second)}`);
    expect(metrics).toContain('sensorium_shard_failures_total{code="CONFIG"} 1');
    expect(all.flatMap((program) => program.output().match(/shard failed/g) ?? [])).toHaveLength(1);
    for (const program of all) {
      expect((await fetch(`${program.url}/health/live`)).status).toBe(200);
      expect(program.output()).not.toMatch(/thread restarts|gave up/);
    }

    expect(await retry(failed, topics, '')).toMatchObject([409, { phase: 'failed' }]);
    expect(await retry(failed, topics, '?accept_gap=true')).toMatchObject([
      200,
      { phase: 'running' },
    ]);
    await log.append(third);
    await counted(topics, readings + others + kept + third.length);
    for (const program of all) {
      await program.ready();
      expect(program.output()).not.toMatch(/thread restarts|gave up/);
    }
  });

  it('a process with other semantics ends before it joins, and the healthy one hears nothing of it', async () => {
    const topics = await createTestTopics(log, brokers, partitions);
    const [first = [], second = []] = partsOf(topics);
    const healthy = await start(topics);
    await log.append(first);
    await counted(topics, readings);
    const before = await restoresOf(healthy);

    for (const WINDOW_MS of ['5000', '20000']) {
      const other = await start(topics, { WINDOW_MS });
      expect(await other.exited()).toBe(1);
      expect(other.output()).toMatch(
        new RegExp(
          `results differ .*/0, 1, 2, 3.*WINDOW_MS: stored 10000, configured ${WINDOW_MS}`,
        ),
      );
      expect(other.output()).not.toMatch(/joined the group/);
    }

    await log.append(second);
    await counted(topics, 2 * readings);
    expect(await restoresOf(healthy)).toEqual(before);
    await healthy.ready();
  });
});

/** Three parts of readings in order, a minute of event time between them. */
function partsOf(topics: TestTopics): OutputRecord[][] {
  const plan = { ...planOf(topics, readings), late: 0, bad: 0 };
  return [1_800_000, 1_200_000, 600_000].map((ageMs, part) => {
    const fromMs = plan.toMs - ageMs;
    const length = { fromMs, toMs: fromMs + 540_000 };
    return makeReadings({ ...plan, ...length, firstIndex: part * readings, seed: part });
  });
}

async function readiness(program: Program): Promise<{ status: number; reasons: string[] }> {
  const answer = await fetch(`${program.url}/health/ready`);
  const { reasons } = (await answer.json()) as { reasons: string[] };
  return { status: answer.status, reasons };
}

/** Returns the one process that is not ready. */
async function onlyFailing(all: readonly Program[]): Promise<Program> {
  const answers = await Promise.all(all.map(readiness));
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 503]);
  const index = answers.findIndex(({ status }) => status === 503);
  const found = all[index];
  if (found === undefined) throw new Error('none is not ready');
  return found;
}

async function retry(
  program: Program,
  topics: TestTopics,
  query: string,
): Promise<[status: number, body: unknown]> {
  const answer = await fetch(`${program.url}/shards/${topics.input}/0/retry${query}`, {
    method: 'POST',
    headers: { authorization: 'Bearer secret' },
  });
  return [answer.status, await answer.json()];
}

/** How often the process has restored a shard, and was fenced. */
async function restoresOf(program: Program): Promise<readonly (string | undefined)[]> {
  const metrics = await (await fetch(`${program.url}/metrics`)).text();
  return ['restore_duration_seconds_count', 'fences_total'].map(
    (name) => new RegExp(`^sensorium_${name} (\\d+)$`, 'm').exec(metrics)?.[1],
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
