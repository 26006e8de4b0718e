// Bounds the disk: deletes whole batches from the front of a partition once they are too old, or
// the partition is too large. The topic settings `retention.ms` and `retention.bytes` override the
// defaults; -1 keeps everything.
import type { Clock, Timer } from '../../clock.ts';
import type { Logger } from '../../logger.ts';
import type { Tables } from '../../lmdb/tables.ts';
import type { FetchPlace } from './fetch.ts';
import {
  appendTimeMsOf,
  batchKey,
  decodeExtent,
  decodeTopic,
  encodeExtent,
  extentKey,
  lastOffsetOf,
  logTables,
  type StoredTopic,
} from './layout.ts';

export interface Retention {
  /** Age of a batch, counted from its append. */
  readonly retentionMs: number;
  /** Bytes of batches in one partition. */
  readonly retentionBytes: number;
}

export const retentionDefaults: Retention = {
  retentionMs: 7 * 24 * 60 * 60 * 1_000,
  retentionBytes: 1024 * 1024 * 1024,
};

/** Time between two passes. */
const retentionIntervalMs = 60_000;
/** Batches deleted per update: keeps the write lock short. */
const batchesPerUpdate = 32;

/**
 * Applies `retention` at intervals until the returned function is called; it awaits a running pass.
 */
export function keepRetention(options: {
  readonly tables: Tables;
  readonly retention: Retention;
  readonly clock: Clock;
  readonly logger: Logger;
}): () => Promise<void> {
  const { tables, retention, clock, logger } = options;
  let stopped = false;
  let running: Promise<void> = Promise.resolve();
  let timer: Timer;
  const pass = async (): Promise<void> => {
    try {
      const batches = await applyRetention(tables, retention, clock.nowMs());
      if (batches > 0) logger.info({ batches }, 'deleted old batches of the embedded log');
    } catch (error) {
      logger.warn({ error: String(error) }, 'could not delete old batches');
    }
    arm();
  };
  const arm = (): void => {
    if (stopped) return;
    timer = clock.after(retentionIntervalMs, () => {
      running = pass();
    });
  };
  arm();
  return () => {
    stopped = true;
    timer.cancel();
    return running;
  };
}

/** Deletes expired batches of every partition; resolves with their number. */
export async function applyRetention(
  tables: Tables,
  defaults: Retention,
  nowMs: number,
): Promise<number> {
  tables.refresh();
  let deleted = 0;
  for (const { topic, stored } of storedTopics(tables)) {
    const retention = retentionOf(stored, defaults);
    for (let partition = 0; partition < stored.partitions; partition += 1) {
      const place = { topic, topicId: stored.id, partition };
      deleted += await trimPartition(tables, place, retention, nowMs);
    }
  }
  return deleted;
}

async function trimPartition(
  tables: Tables,
  place: FetchPlace,
  retention: Retention,
  nowMs: number,
): Promise<number> {
  let deleted = 0;
  for (;;) {
    tables.refresh();
    const due = dueBatches(tables, place, retention, nowMs);
    if (due.length === 0) return deleted;
    await tables.update((view) => {
      const key = extentKey(place.topicId, place.partition);
      const extent = decodeExtent(view.get(logTables.partitions, key));
      // Another thread may have trimmed the partition meanwhile.
      const left = due.filter((batch) => batch.lastOffset >= extent.earliest);
      const last = left.at(-1);
      if (last === undefined) return;
      for (const { lastOffset } of left) {
        view.remove(logTables.batches, batchKey(place.topicId, place.partition, lastOffset));
      }
      const bytes = left.reduce((sum, batch) => sum - batch.bytes, extent.bytes);
      const trimmed = { ...extent, earliest: last.lastOffset + 1, bytes };
      view.put(logTables.partitions, key, encodeExtent(trimmed));
    });
    deleted += due.length;
  }
}

function dueBatches(
  tables: Tables,
  place: FetchPlace,
  retention: Retention,
  nowMs: number,
): { readonly lastOffset: number; readonly bytes: number }[] {
  const { topicId, partition } = place;
  const extent = decodeExtent(tables.get(logTables.partitions, extentKey(topicId, partition)));
  if (extent.earliest === extent.end) return [];
  const due = [];
  let left = extent.bytes;
  const keys = {
    from: batchKey(topicId, partition, extent.earliest),
    to: batchKey(topicId, partition, Number.MAX_SAFE_INTEGER),
  };
  for (const { key, value } of tables.range(logTables.batches, keys)) {
    const old = nowMs - appendTimeMsOf(value) > retention.retentionMs;
    if (due.length === batchesPerUpdate || (!old && left <= retention.retentionBytes)) break;
    due.push({ lastOffset: lastOffsetOf(key), bytes: value.length });
    left -= value.length;
  }
  return due;
}

function retentionOf(stored: StoredTopic, defaults: Retention): Retention {
  const setting = (name: string, fallback: number): number => {
    const value = Number(stored.config[name] ?? fallback);
    return value < 0 || Number.isNaN(value) ? Number.POSITIVE_INFINITY : value;
  };
  return {
    retentionMs: setting('retention.ms', defaults.retentionMs),
    retentionBytes: setting('retention.bytes', defaults.retentionBytes),
  };
}

function storedTopics(tables: Tables): { topic: string; stored: StoredTopic }[] {
  const all = { from: Buffer.from([1]), to: Buffer.from([255]) };
  return [...tables.range(logTables.topics, all)].flatMap(({ key, value }) => {
    const stored = decodeTopic(value);
    return stored === undefined ? [] : [{ topic: key.toString('utf8'), stored }];
  });
}
