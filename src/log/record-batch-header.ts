// Reads the header of a Kafka record batch v2 and checks length, magic and CRC-32C. The bytes are
// drawn in record-batch.ts, which reads the records.
import { crc32c } from '@node-rs/crc32';
import { InvariantError, type ErrorDetails } from '../errors.ts';
import { codecs, type Codec } from './record-batch-codecs.ts';

export const batchHeaderBytes = 61;
const crcStart = 17;
const crcCoverStart = 21;
const lengthFieldEnd = 12;

export interface BatchHeader {
  readonly baseOffset: number;
  /** Offset of the last record as written; compaction may have removed that record. */
  readonly lastOffset: number;
  /** Bytes of the whole batch, including the header. */
  readonly length: number;
  readonly codec: Codec;
  readonly logAppendTime: boolean;
  readonly transactional: boolean;
  /** A control batch holds a transaction marker instead of records. */
  readonly control: boolean;
  readonly baseTimestampMs: number;
  readonly maxTimestampMs: number;
  /** -1n if the producer is not idempotent. */
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly recordCount: number;
}

/** A whole batch with checked length, magic and CRC. */
export interface CheckedBatch {
  readonly bytes: Uint8Array;
  readonly header: BatchHeader;
}

/** Where a batch was read, for error messages. */
export interface BatchPlace extends ErrorDetails {
  readonly topic?: string;
  readonly partition?: number;
}

/**
 * Returns the length in bytes of the batch at `start`; undefined if it is incomplete, since a fetch
 * response may truncate its last batch.
 * @throws InvariantError if the format is not v2, or the length field is invalid.
 */
export function batchLength(
  bytes: Uint8Array,
  start: number,
  place: BatchPlace = {},
): number | undefined {
  if (bytes.length - start < batchHeaderBytes) return undefined;
  const view = viewOf(bytes, start);
  const baseOffset = Number(view.getBigInt64(0));
  const magic = view.getInt8(16);
  if (magic !== 2) {
    throw corruptBatch('its format is not v2 (Kafka 0.11 or newer)', place, { baseOffset, magic });
  }
  const length = view.getInt32(8) + lengthFieldEnd;
  if (length < batchHeaderBytes) {
    throw corruptBatch('its length is shorter than a header', place, { baseOffset, length });
  }
  return bytes.length - start < length ? undefined : length;
}

/**
 * Returns the complete batches of a fetched record set, each checked; leaves out a truncated last
 * one.
 * @throws InvariantError like `readBatchHeader`.
 */
export function checkedBatches(recordSet: Uint8Array, place: BatchPlace): CheckedBatch[] {
  const batches: CheckedBatch[] = [];
  for (let at = 0; ;) {
    const length = batchLength(recordSet, at, place);
    if (length === undefined) return batches;
    const bytes = recordSet.subarray(at, at + length);
    batches.push({ bytes, header: readBatchHeader(bytes, place) });
    at += length;
  }
}

/**
 * Returns the header of the single batch in `bytes` after checking length, magic and CRC-32C.
 * @throws InvariantError with the place and the base offset if any of them is wrong.
 */
export function readBatchHeader(bytes: Uint8Array, place: BatchPlace = {}): BatchHeader {
  const length = batchLength(bytes, 0, place);
  if (length === undefined || length !== bytes.length) {
    throw corruptBatch('its length field disagrees with its bytes', place, { bytes: bytes.length });
  }
  const view = viewOf(bytes, 0);
  const baseOffset = Number(view.getBigInt64(0));
  if (crc32c(bytes.subarray(crcCoverStart)) !== view.getUint32(crcStart)) {
    throw corruptBatch('its CRC-32C does not match', place, { baseOffset, length });
  }
  const attributes = view.getInt16(crcCoverStart);
  const codec = codecs[attributes & 0x07];
  const lastOffsetDelta = view.getInt32(23);
  const recordCount = view.getInt32(57);
  if (codec === undefined)
    throw corruptBatch('its codec is unknown', place, { baseOffset, attributes });
  if (
    baseOffset < 0 ||
    lastOffsetDelta < 0 ||
    !Number.isSafeInteger(baseOffset + lastOffsetDelta)
  ) {
    throw corruptBatch('its offsets are out of range', place, { baseOffset, lastOffsetDelta });
  }
  if (recordCount < 0) throw corruptBatch('its record count is negative', place, { baseOffset });
  return {
    baseOffset,
    lastOffset: baseOffset + lastOffsetDelta,
    length,
    codec,
    logAppendTime: (attributes & 0x08) !== 0,
    transactional: (attributes & 0x10) !== 0,
    control: (attributes & 0x20) !== 0,
    baseTimestampMs: Number(view.getBigInt64(27)),
    maxTimestampMs: Number(view.getBigInt64(35)),
    producerId: view.getBigInt64(43),
    producerEpoch: view.getInt16(51),
    baseSequence: view.getInt32(53),
    recordCount,
  };
}

function viewOf(bytes: Uint8Array, start: number): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset + start, bytes.byteLength - start);
}

/** Returns the error for a corrupt batch, with the reason and the place. */
export function corruptBatch(
  reason: string,
  place: BatchPlace,
  details: ErrorDetails,
  cause?: unknown,
): InvariantError {
  const where = { ...place, ...details };
  const text = Object.entries(where).map(([name, value]) => `${name} ${String(value)}`);
  return new InvariantError(
    `A record batch is corrupt: ${reason} (${text.join(', ')})`,
    where,
    cause,
  );
}
