// Offsets of no record in a real input: the marker of a transaction and the records of an aborted one. A fold that throws
// just after them is blamed on the record's own offset, its sensor is set aside, and the others go on.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';

import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import {
  createTrappedBaseline,
  trapMin,
} from '../../property-tests/simulation/trapped-baseline.ts';
import type { JournalEntry } from '../../src/actors/journal.ts';
import { runShards } from '../../src/actors/worker-loop.ts';
import { systemClock } from '../../src/clock.ts';
import { parseConfig } from '../../src/config/config.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import type { OutputRecord } from '../../src/records/record.ts';
import { createLogger } from '../../src/logger.ts';
import { openFileSnapshotStore } from '../../src/stores/file/file-snapshot-store.ts';
import { openTestLog } from './peers.ts';
import { eventually } from './program.ts';
import { createTestTopics, readRecords, type TestTopics } from './topics.ts';

const brokers = inject('kafkaBrokers');
const logger = createLogger('fatal');

describe.skipIf(brokers === '')('an input with offsets of no record', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holes-'));
  let log: EventLog;
  let endShards: (() => Promise<void>) | undefined;

  beforeAll(async () => {
    log = await openTestLog(brokers);
  });
  afterEach(() => endShards?.());
  afterAll(async () => {
    await log.close();
    rmSync(folder, { recursive: true });
  });

  /** Runs the shards of one worker in this thread; folding a trap throws in it. */
  async function startShards(topics: TestTopics): Promise<() => Promise<void>> {
    const config = parseConfig({ ...topics.env, WINDOW_MS: '10000', WATERMARK_DELAY_MS: '0' });
    const own = await openTestLog(brokers);
    const { port1, port2 } = new MessageChannel();
    const running = runShards({
      ...{ config, log: own, clock: systemClock, logger, port: port2 },
      snapshots: openFileSnapshotStore({ folder }),
      createBaseline: createTrappedBaseline,
    });
    const failed = running.catch((error: unknown) => error);
    return async () => {
      endShards = undefined;
      port1.postMessage({ type: 'drain' });
      const failure = await failed;
      port1.close();
      await own.close();
      if (failure !== undefined) throw failure as Error;
    };
  }

  it('has the sensor of a record that throws set aside at the record’s own offset, and replays so', async () => {
    const topics = await createTestTopics(log, brokers, 1);
    const input = { topic: topics.input, partition: 0 };
    const startMs = Math.floor(Date.now() / 10_000) * 10_000 - 600_000;
    const reading = (sensorId: string, atMs: number, value: number): OutputRecord => ({
      ...input,
      key: Buffer.from(sensorId),
      value: Buffer.from(JSON.stringify({ sensor_id: sensorId, timestamp: startMs + atMs, value })),
    });
    const producer = `producer-${topics.groupId}`;
    const writer = await log.openWriter(producer, input);
    const commit = (...records: OutputRecord[]): Promise<unknown> =>
      writer.commit({ nextOffset: 0, metadata: '', records });
    await commit(reading('poisoned', 0, 1), reading('other', 0, 1));
    await commit(reading('poisoned', 1_000, trapMin), reading('other', 1_000, 2));

    endShards = await startShards(topics);
    await eventually(async () => expect(await quarantines(log, topics)).toHaveLength(1), {
      timeoutMs: 30_000,
    });
    await endShards();
    endShards = await startShards(topics);
    await commit(reading('poisoned', 2_000, 1), reading('other', 2_000, 3));
    await commit(reading('other', 30_000, 4));

    // Two records, the marker of their transaction, then the one that throws.
    expect(await quarantines(log, topics)).toEqual([
      expect.objectContaining({ offset: 3, sensor_id: 'poisoned', cause: 'fold_failed' }),
    ]);
    await eventually(
      async () => {
        const letters = await readRecords(log, { topic: topics.deadLetters, partition: 0 });
        expect(
          letters.map(({ headers }) =>
            ['offset', 'reason'].map((name) => headers.get(`dlq.${name}`)),
          ),
        ).toEqual([
          ['3', 'quarantined'],
          ['6', 'quarantined'],
        ]);
        const rows = await readRecords(log, { topic: topics.output, partition: 0 });
        const counts = rows.map(({ value }) => JSON.parse(value ?? '') as Row);
        expect(counts.find(({ sensor_id: id }) => id === 'other')?.features.count).toBe(3);
      },
      { timeoutMs: 30_000 },
    );
    await writer.close();
  });
});

interface Row {
  readonly sensor_id: string;
  readonly features: { readonly count: number };
}

async function quarantines(log: EventLog, topics: TestTopics): Promise<readonly JournalEntry[]> {
  const description = await log.describeTopic(topics.journal);
  const all = await Promise.all(
    Array.from({ length: description?.partitions ?? 0 }, (_, partition) =>
      readRecords(log, { topic: topics.journal, partition }),
    ),
  );
  return all
    .flat()
    .filter(({ key }) => key === `${topics.groupId}/${topics.input}/0`)
    .map(({ value }) => JSON.parse(value ?? '') as JournalEntry)
    .filter(({ kind }) => kind === 'quarantine');
}
