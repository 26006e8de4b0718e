// The history in day files on a real Kafka: killed again and again while rows come, it ends with each
// row of the topic once; and where the topic lost rows first, it says so.
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import type { EventLog } from '../../src/log/event-log.ts';
import { featureRow } from '../contracts/feature-store.contract.ts';
import { openTestLog } from './peers.ts';
import { planOf, Programs, semanticsEnv, settle } from './pipeline.ts';
import { eventually, runProgram, startProgram } from './program.ts';
import { makeReadings } from './readings.ts';
import { createTestTopics, deleteRecords, makeAgain, type TestTopics } from './topics.ts';

const brokers = inject('kafkaBrokers');
const partitions = 3;
const sensors = 40;
const view = 'sensor_features';

describe.skipIf(brokers === '')('the history in day files', () => {
  let log: EventLog;
  beforeAll(async () => {
    log = await openTestLog(brokers);
  });
  afterAll(() => log.close());

  it('holds each row once, however often export --follow is killed', async () => {
    const topics = await createTestTopics(log, brokers, partitions);
    const out = mkdtempSync(join(tmpdir(), 'sensorium-history-'));
    const env = { ...topics.env, HISTORY_INTERVAL_MS: '100' };
    let windows = 0;

    for (let round = 0; round < 6; round += 1) {
      const before = sequenceOf(out);
      const program = await startProgram(env, { args: ['export', '--follow', '--out', out] });
      // Killed under feed, after one commit more in each round.
      await eventually(
        async () => {
          await addRows(log, topics, windows, windows + 7);
          windows += 7;
          const done = sequenceOf(out) - before;
          if (done <= round) throw new Error(`only ${done} pieces`);
        },
        { timeoutMs: 60_000, onTimeout: () => program.output() },
      );
      await program.kill();
    }
    const last = await runProgram(['export', '--daily', '--out', out], topics.env);

    expect(last.exitCode, last.output).toBe(0);
    const found = await rowsIn(join(out, view));
    const wanted = Array.from({ length: windows }, (_, window) =>
      Array.from({ length: sensors }, (__, sensor) => `${idOf(sensor)} ${endOf(window)}`),
    ).flat();
    expect(found.sort()).toEqual(wanted.sort());
  });

  it('is kept by run in HISTORY_DIR, killed and started again, beside the pipeline', async () => {
    const topics = await createTestTopics(log, brokers, partitions);
    const out = mkdtempSync(join(tmpdir(), 'sensorium-history-'));
    const settings = { HISTORY_DIR: out, HISTORY_INTERVAL_MS: '100' };
    const env = { ...semanticsEnv, ...topics.env, ...settings };
    const programs = new Programs();
    await log.append(makeReadings(planOf(topics, 3_000)));
    const first = await programs.start(topics, env);
    await eventually(() => hasPieces(out), { timeoutMs: 60_000, onTimeout: () => first.output() });
    await first.kill();
    await programs.start(topics, env);
    const outcome = await settle(log, topics, programs);

    await eventually(() => isCaughtUp(log, topics, out), { timeoutMs: 60_000 });

    await programs.killAll();
    const last = await runProgram(['export', '--daily', '--out', out], topics.env);
    expect(last.exitCode, last.output).toBe(0);
    expect(outcome.rows.length).toBeGreaterThan(500);
    const wanted = outcome.rows.map((row) => `${row.sensor_id} ${row.window_end}`);
    expect((await rowsIn(join(out, view))).sort()).toEqual(wanted.sort());
  });

  it('that cannot go on stops nothing else, and says why', async () => {
    const topics = await createTestTopics(log, brokers, partitions);
    const out = mkdtempSync(join(tmpdir(), 'sensorium-history-'));
    mkdirSync(join(out, view));
    writeFileSync(join(out, view, 'mine.parquet'), '');
    const program = await startProgram({ ...semanticsEnv, ...topics.env, HISTORY_DIR: out });
    await program.ready();

    await eventually(
      async () => {
        const { history } = (await (await fetch(`${program.url}/supervisor`)).json()) as Tree;
        expect(history.state).toBe('failed');
        expect(history.lastError.message).toContain('holds mine.parquet and no _manifest.json');
      },
      { timeoutMs: 30_000, onTimeout: () => program.output() },
    );

    const ready = await fetch(`${program.url}/health/ready`);
    expect(ready.status).toBe(200);
    const metrics = await (await fetch(`${program.url}/metrics`)).text();
    expect(metrics).toMatch(/^sensorium_threads_not_answering 1$/m);
    expect(await program.stop()).toBe(0);
  });

  it('goes on where the topic lost rows first, and says which', async () => {
    const topics = await createTestTopics(log, brokers, partitions);
    const out = mkdtempSync(join(tmpdir(), 'sensorium-history-'));
    await addRows(log, topics, 0, 3);
    await runProgram(['export', '--daily', '--out', out], topics.env);
    await addRows(log, topics, 3, 6);
    const { end } = await log.offsets({ topic: topics.output, partition: 0 });
    await deleteRecords(brokers, topics.output, end - 1);

    const { exitCode, output } = await runProgram(['export', '--daily', '--out', out], topics.env);

    expect(exitCode, output).toBe(0);
    expect(output).toContain(`${topics.output}/0 begins at offset ${end - 1}, and the history had`);
    const { gaps } = manifestOf(out);
    expect(gaps).toEqual([{ partition: 0, from: expect.any(Number) as number, to: end - 1 }]);
  });

  it('refuses a topic that was deleted and made again, though it holds as much', async () => {
    const topics = await createTestTopics(log, brokers, partitions);
    const out = mkdtempSync(join(tmpdir(), 'sensorium-history-'));
    await addRows(log, topics, 0, 3);
    await runProgram(['export', '--daily', '--out', out], topics.env);
    const before = manifestOf(out);
    await makeAgain(log, brokers, { topic: topics.output, partitions });
    await addRows(log, topics, 0, 6);

    const { exitCode, output } = await runProgram(['export', '--daily', '--out', out], topics.env);

    expect(exitCode, output).toBe(1);
    expect(output).toContain(`${topics.output} was deleted and made again`);
    expect(output).toContain('Name another folder');
    expect(manifestOf(out)).toEqual({ ...before, writer: null });
  });
});

interface Tree {
  readonly history: { readonly state: string; readonly lastError: { readonly message: string } };
}

function hasPieces(out: string): Promise<void> {
  const pieces = sequenceOf(out);
  return pieces > 1 ? Promise.resolve() : Promise.reject(new Error(`${pieces} pieces`));
}

async function isCaughtUp(log: EventLog, topics: TestTopics, out: string): Promise<void> {
  const { positions } = manifestOf(out);
  for (const [partition, position] of positions.entries()) {
    const { end } = await log.offsets({ topic: topics.output, partition });
    if (position !== end) throw new Error(`${partition}: at ${position} of ${end}`);
  }
}

async function addRows(log: EventLog, topics: TestTopics, from: number, to: number): Promise<void> {
  for (let window = from; window < to; window += 1) {
    await log.append(
      Array.from({ length: sensors }, (_, sensor) => ({
        topic: topics.output,
        partition: sensor % partitions,
        key: Buffer.from(idOf(sensor)),
        value: Buffer.from(JSON.stringify(featureRow(idOf(sensor), window))),
      })),
    );
  }
}

function idOf(sensor: number): string {
  return `sensor-${sensor}`;
}

function endOf(window: number): number {
  return featureRow('a', window).window_end;
}

interface ReadManifest {
  readonly sequence: number;
  readonly positions: readonly number[];
  readonly gaps: readonly object[];
}

function manifestOf(out: string): ReadManifest {
  return JSON.parse(readFileSync(join(out, view, '_manifest.json'), 'utf8')) as ReadManifest;
}

function sequenceOf(out: string): number {
  try {
    return manifestOf(out).sequence;
  } catch {
    return 0;
  }
}

async function rowsIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of readdirSync(folder).filter((file) => /^\d.*\.parquet$/.test(file))) {
    const file = await asyncBufferFromFile(join(folder, name));
    for (const row of await parquetReadObjects({ file })) {
      found.push(`${String(row['sensor_id'])} ${(row['event_timestamp'] as Date).getTime()}`);
    }
  }
  return found;
}
