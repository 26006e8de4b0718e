// Reads the embedded log: whole batches from an offset on, bounded in bytes.
import { setImmediate as nextTurn } from 'node:timers/promises';

import { ConfigError } from '../../errors.ts';
import type { FetchedBatch } from '../event-log.ts';
import type { TopicPartition } from '../../records/record.ts';
import { recordCursor } from '../record-batch.ts';
import type { Tables } from '../../lmdb/tables.ts';
import {
  batchKey,
  decodeExtent,
  extentKey,
  lastOffsetOf,
  logTables,
  type StoredExtent,
} from './layout.ts';

/** A fetch ends with the batch that reaches this size: the work of one turn of the event loop. */
const fetchBytes = 512 * 1024;

export interface FetchPlace extends TopicPartition {
  readonly topicId: number;
}

/** Returns the extent of the partition as of the last `refresh`. */
export function readExtent(tables: Tables, place: FetchPlace): StoredExtent {
  return decodeExtent(tables.get(logTables.partitions, extentKey(place.topicId, place.partition)));
}

/**
 * Returns the first records of [from, to), up to the size of a fetch; undefined if there are none
 * yet.
 * @throws ConfigError if `from` is outside the log; names both offsets.
 */
export function fetchBatch(
  tables: Tables,
  place: FetchPlace,
  range: { readonly from: number; readonly to?: number },
): FetchedBatch | undefined {
  const extent = readExtent(tables, place);
  const { from } = range;
  if (from < extent.earliest || from > extent.end) throw outOfRange(place, from, extent);
  const to = Math.min(range.to ?? extent.end, extent.end);
  if (from >= to) return undefined;
  const batches: Buffer[] = [];
  let bytes = 0;
  let nextOffset = from;
  const keys = {
    from: batchKey(place.topicId, place.partition, from),
    to: batchKey(place.topicId, place.partition, Number.MAX_SAFE_INTEGER),
  };
  for (const { key, value } of tables.range(logTables.batches, keys)) {
    batches.push(value);
    bytes += value.length;
    nextOffset = Math.min(lastOffsetOf(key) + 1, to);
    if (bytes >= fetchBytes || nextOffset >= to) break;
  }
  const { topic, partition } = place;
  const until = nextOffset;
  return {
    topic,
    partition,
    fetchOffset: from,
    nextOffset,
    highWatermark: extent.end,
    bytes,
    records: () => recordCursor(batches, { topic, partition }, { from, to: until }),
  };
}

/**
 * Yields [from, to) batch by batch, one per turn of the event loop; stops at the end seen first.
 */
export async function* readRange(
  tables: Tables,
  place: FetchPlace,
  range: { readonly from: number; readonly to?: number },
): AsyncGenerator<FetchedBatch> {
  tables.refresh();
  const end = readExtent(tables, place).end;
  const to = Math.min(range.to ?? end, end);
  let { from } = range;
  for (;;) {
    const batch = fetchBatch(tables, place, { from, to });
    if (batch === undefined) return;
    yield batch;
    from = batch.nextOffset;
    await nextTurn();
    tables.refresh();
  }
}

/**
 * Resolves with the first offset whose timestamp is at or after `timeMs`; the end if there is none.
 */
export async function findOffsetAtTime(
  tables: Tables,
  place: FetchPlace,
  timeMs: number,
): Promise<number> {
  tables.refresh();
  const { earliest, end } = readExtent(tables, place);
  for await (const batch of readRange(tables, place, { from: earliest, to: end })) {
    const cursor = batch.records();
    while (cursor.next()) {
      if (cursor.timestampMs >= timeMs) return cursor.offset;
    }
  }
  return end;
}

function outOfRange(place: TopicPartition, offset: number, extent: StoredExtent): ConfigError {
  const { topic, partition } = place;
  return new ConfigError(
    `Offset ${offset} of ${topic}/${partition} is not in the embedded log, which holds ` +
      `${extent.earliest} to ${extent.end}`,
    { topic, partition, offset, earliest: extent.earliest, end: extent.end },
  );
}
