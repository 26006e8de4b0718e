// The history in day files on a real Kafka: killed again and again while rows come, it ends with each
// row of the topic once; and where the topic lost rows first, it says so.
import { mkdtempSync, readFileSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import type { EventLog } from '../../src/log/event-log.ts';
import { featureRow } from '../contracts/feature-store.contract.ts';
import { openTestLog } from './peers.ts';
import { eventually, runProgram, startProgram } from './program.ts';
import { createTestTopics, deleteRecords, type TestTopics } from './topics.ts';

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
});

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
