// Refills an online store from the whole topic of feature rows. Safe beside the live projector: the
// store refuses rows that are not newer, so neither can undo the other.
import type { Clock } from '../clock.ts';
import type { FeatureRow } from '../codecs/feature-row.ts';
import { isSensoriumError, UnavailableError } from '../errors.ts';
import type { EventLog } from '../log/event-log.ts';
import type { TopicPartition } from '../records/record.ts';
import type { FeatureTopic } from '../log/topics.ts';
import type { FeatureStore, UpsertCounts } from '../stores/feature-store.ts';
import { backoffMs } from '../backoff.ts';
import { collectNewest } from './newest-rows.ts';
import { topicRanges } from './topic-ranges.ts';

export interface RebuildOptions {
  /** The topics of feature rows with their views. */
  readonly topics: readonly FeatureTopic[];
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  /** Called for each record that is not a feature row; it is skipped. */
  onBadRow?(partition: TopicPartition, offset: number, error: Error): void;
}

export interface RebuildProgress {
  /** Records read so far and in total, over all partitions. */
  readonly records: number;
  readonly recordsTotal: number;
  readonly written: number;
  readonly skipped: number;
  readonly refused: number;
  readonly badRows: number;
}

/** Sensors whose newest row is buffered before a write. */
const sensorsHeldMax = 20_000;
const rowsPerUpsert = 1_000;
/** Half a minute of retries for one write; then the command fails and can be run again. */
const attemptsMax = 10;

/**
 * Writes the newest row of every sensor of each topic, as of the call, to `store`. Returns the
 * counts.
 * @throws ConfigError when a topic does not exist; UnavailableError when the store stays away, or
 * on abort.
 */
export async function rebuild(
  log: EventLog,
  store: FeatureStore,
  options: RebuildOptions,
  onProgress: (progress: RebuildProgress) => void,
): Promise<RebuildProgress> {
  const ranges = (await Promise.all(options.topics.map((topic) => topicRanges(log, topic)))).flat();
  const recordsTotal = ranges.reduce((sum, { from, to }) => sum + to - from, 0);
  const totals = { records: 0, written: 0, skipped: 0, refused: 0, badRows: 0 };
  const newest = new Map<string, FeatureRow>();
  const flush = async (view: string): Promise<void> => {
    const rows = [...newest.values()];
    newest.clear();
    for (let at = 0; at < rows.length; at += rowsPerUpsert) {
      const some = rows.slice(at, at + rowsPerUpsert);
      const counts = await upsertPatiently(() => store.upsert(some, view), options);
      totals.written += counts.written;
      totals.skipped += counts.skipped;
      totals.refused += counts.refused ?? 0;
    }
  };
  for (const { view, ...range } of ranges) {
    let position = range.from;
    for await (const batch of log.read(range)) {
      throwIfAborted(options.signal);
      collectNewest(batch, position, newest, {
        badRow: (offset, error) => {
          totals.badRows += 1;
          options.onBadRow?.(range, offset, error);
        },
      });
      totals.records += Math.min(batch.nextOffset, range.to) - position;
      position = Math.min(batch.nextOffset, range.to);
      if (newest.size >= sensorsHeldMax) await flush(view);
      onProgress({ ...totals, recordsTotal });
    }
    await flush(view);
  }
  const result = { ...totals, recordsTotal };
  onProgress(result);
  return result;
}

async function upsertPatiently(
  upsert: () => Promise<UpsertCounts>,
  { clock, signal }: RebuildOptions,
): Promise<UpsertCounts> {
  for (let attempt = 0; ; attempt += 1) {
    throwIfAborted(signal);
    try {
      return await upsert();
    } catch (error) {
      const again = isSensoriumError(error) && error.directive === 'retry';
      if (!again || attempt + 1 >= attemptsMax) throw error;
      await clock.sleep(backoffMs(attempt), signal);
    }
  }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new UnavailableError('the rebuild was interrupted');
}
