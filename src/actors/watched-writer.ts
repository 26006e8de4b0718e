// The writer of one shard, watched: how long its commits take decides how much the next one may
// hold, and none is lost without a line and a count. A commit that took too long would else be
// repeated for ever in silence.
import { recordBytes } from '../codecs/record-size.ts';
import { ConfigError, FencedError, isSensoriumError } from '../errors.ts';
import type { Commit, CommitResult, PartitionWriter } from '../log/event-log.ts';
import type { OutputRecord, TopicPartition } from '../records/record.ts';
import type { LostCommit } from '../metrics/label-values.ts';
import type { CommitSize } from './commit-size.ts';
import type { ShardContext } from './shard-context.ts';

export interface WatchedWriter extends PartitionWriter {
  /** How much its next commit may hold. */
  readonly size: CommitSize;
  /** `traceFields` name the commit's span in the line of one that is lost. */
  commit(commit: Commit, traceFields?: object): Promise<CommitResult>;
}

export interface WatchedWriterParts {
  readonly context: Pick<
    ShardContext,
    'clock' | 'heldPositions' | 'logger' | 'metrics' | 'settings'
  >;
  readonly shard: TopicPartition;
  readonly size: CommitSize;
}

/** Returns `writer`, its commits watched. */
export function watchedWriter(writer: PartitionWriter, parts: WatchedWriterParts): WatchedWriter {
  const { context, shard, size } = parts;
  const { clock, heldPositions, logger, metrics, settings } = context;
  let closed = false;
  const commit = async (wanted: Commit, traceFields: object = {}): Promise<CommitResult> => {
    const records = new CountedRecords(wanted.records);
    const startedMs = clock.monotonicMs();
    const tookMs = (): number => clock.monotonicMs() - startedMs;
    try {
      const ends = await writer.commit({ ...wanted, records });
      size.committed(records.bytes, tookMs());
      heldPositions.acknowledged(shard, wanted.nextOffset);
      return ends;
    } catch (error) {
      size.lost(records.bytes, tookMs());
      const { transactionTimeoutMs } = settings;
      const reason = closed ? 'released' : lostTo(error, tookMs() >= transactionTimeoutMs);
      metrics.commitsLost.inc({ reason });
      const { bytes } = records;
      const fields = {
        ...shard,
        ...traceFields,
        reason,
        bytes,
        tookMs: Math.round(tookMs()),
        error: String(error),
      };
      // A rebalance takes a partition in the middle of a commit as a matter of course.
      const level = reason === 'released' ? 'info' : 'warn';
      logger[level]({ ...fields, nextBytesMax: Math.round(size.bytes) }, lines[reason]);
      throw error;
    }
  };
  return {
    epoch: writer.epoch,
    size,
    commit,
    begin: () => writer.begin(),
    close: () => {
      closed = true;
      return writer.close();
    },
  };
}

const lines: Readonly<Record<LostCommit, string>> = {
  timeout:
    'commit lost: it took longer than TRANSACTION_TIMEOUT_MS, and Kafka aborted it; the next ones hold less',
  fenced: 'commit lost: another owner took the partition over',
  unknown: 'commit of unknown fate: the shard recovers and finds out',
  refused: 'commit refused',
  released: 'commit lost: the partition was released while it was under way',
  bug: 'commit lost to an error of the program',
};

function lostTo(error: unknown, timedOut: boolean): Exclude<LostCommit, 'released'> {
  if (!isSensoriumError(error)) return 'bug';
  if (error instanceof ConfigError) return 'refused';
  const indefinite = error.directive === 'retry';
  if (timedOut && (indefinite || error instanceof FencedError)) return 'timeout';
  if (error instanceof FencedError) return 'fenced';
  return indefinite ? 'unknown' : 'bug';
}

/** Records whose bytes are counted as they are read. */
class CountedRecords implements Iterable<OutputRecord> {
  /** Of the records read so far; of the longest reading where there were several. */
  bytes: number = 0;
  readonly #records: Iterable<OutputRecord>;

  constructor(records: Iterable<OutputRecord>) {
    this.#records = records;
  }

  *[Symbol.iterator](): Generator<OutputRecord, void, undefined> {
    let bytes = 0;
    for (const record of this.#records) {
      bytes += recordBytes(record);
      this.bytes = Math.max(this.bytes, bytes);
      yield record;
    }
  }
}
