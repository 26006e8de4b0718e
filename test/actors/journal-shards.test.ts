// Whether a shard's journal holds entries, as many shards of a thread ask at once, over the embedded log.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { systemClock } from '../../src/clock.ts';
import { journalRecord, openingEntry } from '../../src/actors/journal.ts';
import { JournalShards } from '../../src/actors/journal-shards.ts';
import { openEmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { createLogger } from '../../src/logger.ts';

const journal = { topic: 'journal', partition: 0 };
const keyOf = (shard: number): string => `group/readings/${shard}`;

describe('the journal of many shards', () => {
  let log: EventLog;
  let recordsRead: number;

  beforeEach(async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'journal-shards-'));
    log = openEmbeddedLog({ dataDir, clock: systemClock, logger: createLogger('fatal') });
    await log.ensureTopics([{ topic: journal.topic, partitions: 1 }]);
    recordsRead = 0;
  });
  afterEach(() => log.close());

  const counted = (): Pick<EventLog, 'offsets' | 'read'> => ({
    offsets: (place) => log.offsets(place),
    async *read(range) {
      for await (const batch of log.read(range)) {
        const records = batch.records();
        while (records.next()) recordsRead += 1;
        yield batch;
      }
    },
  });
  const append = (shards: readonly number[]): Promise<unknown> =>
    log.append(shards.map((shard) => journalRecord(openingEntry(0), keyOf(shard), journal)));

  it('is read once, however many ask at the same moment', async () => {
    const even = Array.from({ length: 100 }, (_, index) => 2 * index);
    await append(even);
    const shards = new JournalShards(counted());

    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, shard) => shards.has(journal, keyOf(shard))),
    );

    expect(answers).toEqual(answers.map((_, shard) => shard % 2 === 0));
    expect(recordsRead).toBe(even.length);
  });

  it('is read on to its present end by whoever asks later, also while others are answered', async () => {
    await append([1]);
    const shards = new JournalShards(counted());

    const first = shards.has(journal, keyOf(2));
    await append([2]);
    const second = shards.has(journal, keyOf(2));

    expect(await second).toBe(true);
    await first;
    await append([3]);
    expect(await shards.has(journal, keyOf(3))).toBe(true);
    expect(recordsRead).toBe(3);
  });

  it('is read again after a read that failed', async () => {
    await append([1]);
    let fails = true;
    const shards = new JournalShards({
      ...counted(),
      offsets: (place) => {
        if (!fails) return log.offsets(place);
        fails = false;
        return Promise.reject(new Error('no answer'));
      },
    });

    await expect(shards.has(journal, keyOf(1))).rejects.toThrow('no answer');

    expect(await shards.has(journal, keyOf(1))).toBe(true);
  });

  it('is read again where a transaction was open: its entries may have come since', async () => {
    await append([1, 2]);
    const end = { earliest: 0, end: 2 };
    let open = true;
    const shards = new JournalShards({
      offsets: () => Promise.resolve(end),
      async *read(range) {
        for await (const batch of log.read(open ? { ...range, from: 1 } : range)) {
          yield open ? { ...batch, pastOpen: true as const } : batch;
        }
      },
    });

    const whileOpen = await Promise.all([1, 2].map((shard) => shards.has(journal, keyOf(shard))));
    open = false;
    const after = await Promise.all([1, 2].map((shard) => shards.has(journal, keyOf(shard))));

    expect([whileOpen, after]).toEqual([
      [false, true],
      [true, true],
    ]);
  });
});
