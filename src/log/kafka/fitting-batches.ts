// Sends a batch in as many pieces as its topic takes. A definite refusal for length appends nothing
// and uses no sequence number, so that something shorter may follow:
//
//   several records ──refused──▶ batches below what was learned
//   one record ──too long──▶ compressed ──refused──▶ cut, if it may be ──refused──▶ cut further
//                                                     └─ ConfigError where it cannot be
import { cutRecord } from '../../codecs/cut-record.ts';
import { ConfigError } from '../../errors.ts';
import type { CutAs, OutputRecord, TopicPartition } from '../../records/record.ts';
import { recordCursor } from '../record-batch.ts';
import { RecordBatchBuilder, type EncodedBatch } from '../record-batch-encoder.ts';
import { batchHeaderBytes } from '../record-batch-header.ts';
import type { BatchLimits } from './batch-limits.ts';

export interface FittingOptions {
  readonly place: TopicPartition;
  readonly limits: BatchLimits;
  /**
   * Sends a piece; resolves with the offset it begins at, or undefined where the topic takes no
   * batch so long.
   */
  readonly send: (piece: EncodedBatch) => Promise<number | undefined>;
}

/** Returns whether the batch may be sent as it is. */
export function isGathered(batch: RecordBatchBuilder, topic: string, limits: BatchLimits): boolean {
  return batch.bytes <= limits.gatheredBytesMax(topic);
}

/**
 * Sends all records of `batch`, in order; resolves with the offset after the last one.
 * @throws ConfigError where the topic refuses a record that is as short as it can be; what `send`
 * throws.
 */
export async function sendFitting(
  batch: RecordBatchBuilder,
  options: FittingOptions,
): Promise<number> {
  const { place, limits, send } = options;
  let endOffset = 0;
  for (let waiting = [batch]; ;) {
    const [next, ...rest] = waiting;
    if (next === undefined) return endOffset;
    if (next.count > 1 && !isGathered(next, place.topic, limits)) {
      waiting = [...pieces(next, place, limits), ...rest];
      continue;
    }
    const piece = await shortened(next, place.topic, limits);
    const baseOffset = await send(piece);
    if (baseOffset !== undefined) {
      endOffset = baseOffset + piece.count;
      waiting = rest;
      continue;
    }
    const refusedBefore = limits.bytesMax(place.topic);
    limits.refused(place.topic, piece.bytes);
    const isShortest = next.count === 1 && piece.bytes > refusedBefore;
    if (isShortest) throw tooLong(place, piece.bytes);
  }
}

/** One record that is too long is compressed, and cut where that is not enough. */
async function shortened(
  batch: RecordBatchBuilder,
  topic: string,
  limits: BatchLimits,
): Promise<EncodedBatch> {
  if (batch.count > 1 || isGathered(batch, topic, limits)) return batch;
  const compressed = await batch.compressed();
  const shortest = compressed.bytes < batch.bytes ? compressed : batch;
  const bytesMax = limits.bytesMax(topic);
  const [cutAs] = batch.cuts;
  if (shortest.bytes <= bytesMax || cutAs === undefined) return shortest;
  const [record] = recordsOf(batch, topic);
  if (record === undefined) return shortest;
  const cut = new RecordBatchBuilder();
  cut.append(cutRecord(record, bytesMax - batchHeaderBytes), 0);
  return cut;
}

function pieces(
  batch: RecordBatchBuilder,
  { topic }: TopicPartition,
  limits: BatchLimits,
): readonly RecordBatchBuilder[] {
  const bytesMax = limits.gatheredBytesMax(topic);
  const cut: RecordBatchBuilder[] = [];
  for (const record of recordsOf(batch, topic)) {
    if ((cut.at(-1)?.append(record, 0, bytesMax) ?? 0) > 0) continue;
    const piece = new RecordBatchBuilder();
    piece.append(record, 0);
    cut.push(piece);
  }
  return cut;
}

/** The records as they were appended: a builder keeps their bytes alone. */
function* recordsOf(batch: RecordBatchBuilder, topic: string): Generator<OutputRecord> {
  const bytes = Buffer.allocUnsafe(batch.bytes);
  batch.write(bytes, 0, { baseOffset: 0 });
  const cursor = recordCursor(bytes, { topic });
  for (let index = 0; cursor.next(); index += 1) {
    const { keyStart, keyEnd, valueStart, valueEnd, timestampMs } = cursor;
    const cutAs: CutAs | undefined = batch.cuts[index];
    yield {
      topic,
      key: keyStart < 0 ? null : cursor.bytes.subarray(keyStart, keyEnd),
      value: valueStart < 0 ? null : cursor.bytes.subarray(valueStart, valueEnd),
      headers: cursor.headers(),
      timestampMs,
      ...(cutAs === undefined ? {} : { cutAs }),
    };
  }
}

function tooLong({ topic, partition }: TopicPartition, bytes: number): ConfigError {
  return new ConfigError(
    `Topic ${topic} takes no batch of ${bytes} bytes, which one record needs at least: raise its max.message.bytes ` +
      '(and segment.bytes, where that is smaller)',
    { topic, partition, bytes },
  );
}
