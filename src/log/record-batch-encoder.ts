// Encodes records as one Kafka record batch v2, uncompressed: what the Kafka writer produces and the embedded log
// stores. The layout is drawn in record-batch.ts, whose cursor reads it back.
import { crc32c } from '@node-rs/crc32';
import { assert } from '../errors.ts';
import type { OutputRecord } from './event-log.ts';
import { batchHeaderBytes } from './record-batch-header.ts';
import { varlongBytes, writeVarlong } from './record-batch-varint.ts';

export interface EncodeOptions {
  /** Offset of the first record; the others follow without a gap. */
  readonly baseOffset: number;
  /** The timestamp of records that carry none, ms since epoch. */
  readonly timestampMs: number;
  /** The batch is under LogAppendTime: every record reads back with `timestampMs`. */
  readonly logAppendTime?: boolean;
  /** The idempotent or transactional producer; left out, none. */
  readonly producer?: BatchProducer;
}

export interface BatchProducer {
  readonly id: bigint;
  readonly epoch: number;
  /** Sequence number of the batch's first record in its partition. */
  readonly sequence: number;
  readonly transactional: boolean;
}

const timestampMsMax = 2 ** 51;

/** A record batch whose length is known before it is written. */
export interface SizedBatch {
  readonly bytes: number;
  /** Writes the batch from `at` on. */
  write(into: Buffer, at: number): void;
}

/**
 * Returns the bytes of one batch of at least one record; topic and partition of the records are not part of it.
 * @throws InvariantError when there is no record, or an offset or timestamp is out of range.
 */
export function encodeRecordBatch(
  records: readonly OutputRecord[],
  options: EncodeOptions,
): Uint8Array {
  const sized = sizedRecordBatch(records, options);
  const batch = Buffer.allocUnsafe(sized.bytes);
  sized.write(batch, 0);
  return batch;
}

/** Returns the batch that `encodeRecordBatch` would, to be written where the caller has room for it. @throws as that. */
export function sizedRecordBatch(
  records: readonly OutputRecord[],
  options: EncodeOptions,
): SizedBatch {
  const { baseOffset, timestampMs } = options;
  assert(records.length > 0, 'A batch needs at least one record');
  assert(
    Number.isSafeInteger(baseOffset + records.length) && baseOffset >= 0,
    'A batch needs an offset to begin at',
    { baseOffset },
  );
  const baseTimestampMs = records[0]?.timestampMs ?? timestampMs;
  let maxTimestampMs = options.logAppendTime === true ? timestampMs : baseTimestampMs;
  let bytes = batchHeaderBytes;
  const bodies: number[] = [];
  for (let index = 0; index < records.length; index++) {
    const record = records[index];
    assert(record !== undefined, 'A batch has a hole', { index });
    const recordTimestampMs = record.timestampMs ?? timestampMs;
    assert(
      Number.isSafeInteger(recordTimestampMs) && Math.abs(recordTimestampMs) <= timestampMsMax,
      'A record timestamp must be whole milliseconds',
      { timestampMs: recordTimestampMs },
    );
    if (options.logAppendTime !== true && recordTimestampMs > maxTimestampMs) {
      maxTimestampMs = recordTimestampMs;
    }
    const body = recordBodyBytes(record, recordTimestampMs - baseTimestampMs, index);
    bodies.push(body);
    bytes += varlongBytes(body) + body;
  }
  const write = (into: Buffer, start: number): void => {
    const batch = into.subarray(start, start + bytes);
    let at = batchHeaderBytes;
    for (let index = 0; index < records.length; index++) {
      const record = records[index];
      assert(record !== undefined, 'A batch has a hole', { index });
      at = writeVarlong(batch, at, bodies[index] ?? 0);
      const delta = (record.timestampMs ?? timestampMs) - baseTimestampMs;
      at = writeRecordBody(batch, at, record, delta, index);
    }
    assert(at === bytes, 'A batch was sized wrongly', { at, bytes });
    writeHeader(batch, records.length, baseTimestampMs, maxTimestampMs, options);
  };
  return { bytes, write };
}

/** Returns the bytes `record` takes in a batch at most, whatever its neighbours: to cut batches below a limit. */
export function recordBytesMax(record: OutputRecord): number {
  // Length, timestamp and offset varints take at most 5 + 9 + 5 bytes.
  return recordBodyBytes(record, 0, 0) + 19;
}

function recordBodyBytes(record: OutputRecord, timestampDelta: number, index: number): number {
  const headers = record.headers ?? [];
  let length = 1 + varlongBytes(timestampDelta) + varlongBytes(index);
  length += fieldBytes(record.key) + fieldBytes(record.value) + varlongBytes(headers.length);
  for (const header of headers) {
    const keyLength = Buffer.byteLength(header.key);
    length += varlongBytes(keyLength) + keyLength + fieldBytes(header.value);
  }
  return length;
}

function fieldBytes(field: Uint8Array | null): number {
  return field === null ? 1 : varlongBytes(field.length) + field.length;
}

function writeRecordBody(
  batch: Buffer,
  start: number,
  record: OutputRecord,
  timestampDelta: number,
  index: number,
): number {
  let at = start;
  batch[at++] = 0;
  at = writeVarlong(batch, at, timestampDelta);
  at = writeVarlong(batch, at, index);
  at = writeField(batch, at, record.key);
  at = writeField(batch, at, record.value);
  const headers = record.headers ?? [];
  at = writeVarlong(batch, at, headers.length);
  for (const header of headers) {
    at = writeVarlong(batch, at, Buffer.byteLength(header.key));
    at += batch.write(header.key, at, 'utf8');
    at = writeField(batch, at, header.value);
  }
  return at;
}

function writeField(batch: Buffer, at: number, field: Uint8Array | null): number {
  if (field === null) return writeVarlong(batch, at, -1);
  const start = writeVarlong(batch, at, field.length);
  batch.set(field, start);
  return start + field.length;
}

function writeHeader(
  batch: Buffer,
  recordCount: number,
  baseTimestampMs: number,
  maxTimestampMs: number,
  options: EncodeOptions,
): void {
  const { producer } = options;
  batch.writeBigInt64BE(BigInt(options.baseOffset), 0);
  batch.writeInt32BE(batch.length - 12, 8);
  batch.writeInt32BE(-1, 12);
  batch.writeInt8(2, 16);
  const attributes =
    (options.logAppendTime === true ? 0x08 : 0) | (producer?.transactional === true ? 0x10 : 0);
  batch.writeInt16BE(attributes, 21);
  batch.writeInt32BE(recordCount - 1, 23);
  batch.writeBigInt64BE(BigInt(baseTimestampMs), 27);
  batch.writeBigInt64BE(BigInt(maxTimestampMs), 35);
  batch.writeBigInt64BE(producer?.id ?? -1n, 43);
  batch.writeInt16BE(producer?.epoch ?? -1, 51);
  batch.writeInt32BE(producer?.sequence ?? -1, 53);
  batch.writeInt32BE(recordCount, 57);
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
}
