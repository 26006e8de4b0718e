// The history of one view: every committed feature row of its topic, for training. The online
// projection serves the newest of the same rows, so a model is trained on the values it is served.
import { decodeFeatureRow, type FeatureRow } from '../codecs/feature-row.ts';
import { DecodeError, UnavailableError } from '../errors.ts';
import type { EventLog, FetchedBatch } from '../log/event-log.ts';
import type { RecordCursor, TopicPartition } from '../records/record.ts';
import type { FeatureTopic } from '../log/topics.ts';
import type { FeatureDeclaration } from '../sensors/features.ts';
import type { HistoryEntry } from '../stores/history-store.ts';
import { topicRanges, type TopicRange } from './topic-ranges.ts';

export interface CommittedRow extends HistoryEntry {
  /** Offset after the row's record. */
  readonly nextOffset: number;
}

export interface RowOptions {
  /** Filter of records, called before they are decoded; default: all. */
  readonly isWanted?: (record: RecordCursor) => boolean;
  readonly features: readonly Pick<FeatureDeclaration, 'name' | 'type'>[];
  /** From a window's end until its row counts as readable (ADR 19). */
  readonly availableAfterMs: number;
  /** Called for each record that is not a feature row; it is skipped. */
  onBadRow(partition: TopicPartition, offset: number, error: DecodeError): void;
}

export interface CommittedRowsOptions extends FeatureTopic, RowOptions {
  /** Lower bound of the window end, exclusive, ms since epoch. */
  readonly fromMs: number;
  /** Upper bound, inclusive, so that adjacent ranges share no row. */
  readonly toMs: number;
  readonly signal: AbortSignal;
  onProgress(progress: { readonly records: number; readonly recordsTotal: number }): void;
}

/**
 * Yields the rows the topic holds at the call; those of one sensor come in window order.
 * @throws ConfigError when the topic does not exist; UnavailableError on abort.
 */
export async function* readCommittedRows(
  log: EventLog,
  options: CommittedRowsOptions,
): AsyncGenerator<CommittedRow> {
  const ranges = await topicRanges(log, options);
  const recordsTotal = ranges.reduce((sum, { from, to }) => sum + to - from, 0);
  let records = 0;
  for (const range of ranges) {
    let position = range.from;
    for await (const batch of log.read(range)) {
      if (options.signal.aborted) throw new UnavailableError('the export was interrupted');
      for (const entry of rowsOf(batch, { ...range, from: position }, options)) {
        const { window_end } = entry.row;
        if (window_end > options.fromMs && window_end <= options.toMs) yield entry;
      }
      const next = Math.min(batch.nextOffset, range.to);
      records += next - position;
      position = next;
      options.onProgress({ records, recordsTotal });
    }
  }
}

/** Yields the feature rows of `batch` within `range`, in the order of the log. */
export function* rowsOf(
  batch: FetchedBatch,
  range: TopicRange,
  options: RowOptions,
): Generator<CommittedRow> {
  const cursor = batch.records();
  while (cursor.next()) {
    if (cursor.offset < range.from || cursor.offset >= range.to) continue;
    if (options.isWanted?.(cursor) === false) continue;
    const row = rowAt(cursor, range, options);
    if (row === undefined) continue;
    yield {
      row,
      // The record's Kafka timestamp.
      createdMs: cursor.timestampMs,
      availableMs: row.window_end + options.availableAfterMs,
      nextOffset: cursor.offset + 1,
    };
  }
}

function rowAt(
  { offset, bytes, valueStart, valueEnd }: RecordCursor,
  range: TopicRange,
  { features, onBadRow }: RowOptions,
): FeatureRow | undefined {
  try {
    if (valueStart < 0) throw new DecodeError('expected a feature row, got a null value');
    const row = decodeFeatureRow(bytes, valueStart, valueEnd);
    const broken = features.find(
      ({ name, type }) => type === 'Int64' && !Number.isSafeInteger(row.features[name] ?? 0),
    );
    if (broken === undefined) return row;
    throw new DecodeError(`feature ${broken.name} must be a whole number`);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    onBadRow(range, offset, error);
    return undefined;
  }
}
