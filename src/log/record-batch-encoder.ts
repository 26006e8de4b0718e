// Encodes records as one Kafka record batch v2, for the Kafka writer and for the embedded log. The
// layout is drawn in record-batch.ts, whose cursor reads it.
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { crc32c } from '@node-rs/crc32';
import { assert } from '../errors.ts';
import type { CutAs, OutputRecord } from '../records/record.ts';
import { batchHeaderBytes } from './record-batch-header.ts';
import { varlongBytes, writeVarlong } from './record-batch-varint.ts';

/** Header fields that do not follow from the records. */
export interface BatchOptions {
  /** Offset of the first record; the others follow without gaps. */
  readonly baseOffset: number;
  /** Set under LogAppendTime: the timestamp of every record, ms since epoch. */
  readonly logAppendTimeMs?: number | undefined;
  /** The idempotent or transactional producer, if any. */
  readonly producer?: BatchProducer;
}

export interface EncodeOptions extends BatchOptions {
  /** Timestamp of records without one, ms since epoch. */
  readonly timestampMs: number;
}

export interface BatchProducer {
  readonly id: bigint;
  readonly epoch: number;
  /** Sequence number of the batch's first record in its partition. */
  readonly sequence: number;
  readonly transactional: boolean;
}

/** A batch ready to be written. */
export interface EncodedBatch {
  /** Number of records. */
  readonly count: number;
  /** Bytes of the whole batch. */
  readonly bytes: number;
  /** Writes the batch into `into` from `at` on; may be called several times. */
  write(into: Buffer, at: number, options: BatchOptions): void;
}

const timestampMsMax = 2 ** 51;
const bufferBytesMin = 1_024;
const compress = promisify(gzip);
const codecNone = 0;
const codecGzip = 1;

/**
 * Returns the bytes of one batch of at least one record, without topic and partition.
 * @throws InvariantError if there is no record, or an offset or timestamp is out of range.
 */
export function encodeRecordBatch(
  records: readonly OutputRecord[],
  options: EncodeOptions,
): Uint8Array {
  const builder = new RecordBatchBuilder();
  for (const record of records) builder.append(record, options.timestampMs);
  const batch = Buffer.allocUnsafe(builder.bytes);
  builder.write(batch, 0, options);
  return batch;
}

/** Builds a batch record by record: each is encoded once on arrival and need not be kept. */
export class RecordBatchBuilder implements EncodedBatch {
  /** Records appended. */
  count: number = 0;
  /** Bytes of the whole batch. */
  bytes: number = batchHeaderBytes;
  /** How each record may be truncated; empty if none may. */
  cuts: CutAs[] = [];
  private buffer: Buffer = Buffer.allocUnsafeSlow(bufferBytesMin);
  private baseTimestampMs: number = 0;
  private maxTimestampMs: number = 0;

  /** Bytes of memory in use, which `clear` keeps. */
  get capacity(): number {
    return this.buffer.length;
  }

  /**
   * Appends a record and returns its bytes; `timestampMs` is its default time. Returns 0 without
   * appending if the batch would exceed `bytesMax`; the first record is always appended.
   * @throws InvariantError if its timestamp is out of range.
   */
  append(record: OutputRecord, timestampMs: number, bytesMax: number = Infinity): number {
    const { count } = this;
    const recordTimestampMs = record.timestampMs ?? timestampMs;
    assert(
      Number.isSafeInteger(recordTimestampMs) && Math.abs(recordTimestampMs) <= timestampMsMax,
      'A record timestamp must be whole milliseconds',
      { timestampMs: recordTimestampMs },
    );
    const delta = count === 0 ? 0 : recordTimestampMs - this.baseTimestampMs;
    const body = recordBodyBytes(record, delta, count);
    const end = this.bytes + varlongBytes(body) + body;
    const taken = end - this.bytes;
    if (end > bytesMax && count > 0) return 0;
    this.reserve(end);
    const start = writeVarlong(this.buffer, this.bytes, body);
    const at = writeRecordBody(this.buffer, start, record, delta, count);
    assert(at === end, 'A record was sized wrongly', { at, end });
    if (record.cutAs !== undefined) this.cuts[count] = record.cutAs;
    if (count === 0) this.baseTimestampMs = recordTimestampMs;
    if (count === 0 || recordTimestampMs > this.maxTimestampMs) {
      this.maxTimestampMs = recordTimestampMs;
    }
    this.count = count + 1;
    this.bytes = end;
    return taken;
  }

  /**
   * Writes the batch into `into` from `at` on; may be called several times.
   * @throws InvariantError if it has no record, or its offset is out of range.
   */
  write(into: Buffer, at: number, options: BatchOptions): void {
    const { baseOffset } = options;
    assert(this.count > 0, 'A batch needs at least one record');
    assert(
      Number.isSafeInteger(baseOffset + this.count) && baseOffset >= 0,
      'The base offset of a batch must be an offset',
      { baseOffset },
    );
    const batch = into.subarray(at, at + this.bytes);
    batch.set(this.records(), batchHeaderBytes);
    writeHeader(batch, this.facts(codecNone), options);
  }

  /**
   * Resolves with the batch compressed with gzip, which every broker accepts and Node compresses
   * off this thread. Used for the rare record too long for its topic, so the ratio matters more
   * than the speed. Do not append meanwhile.
   */
  async compressed(): Promise<EncodedBatch> {
    const facts = this.facts(codecGzip);
    const records = await compress(this.records());
    return {
      count: facts.count,
      bytes: batchHeaderBytes + records.length,
      write(into, at, options) {
        const batch = into.subarray(at, at + batchHeaderBytes + records.length);
        batch.set(records, batchHeaderBytes);
        writeHeader(batch, facts, options);
      },
    };
  }

  /** Removes all records. */
  clear(): void {
    this.count = 0;
    this.bytes = batchHeaderBytes;
    this.cuts = [];
  }

  private records(): Uint8Array {
    return this.buffer.subarray(batchHeaderBytes, this.bytes);
  }

  private facts(codec: number): BatchFacts {
    const { baseTimestampMs, maxTimestampMs, count } = this;
    return { codec, baseTimestampMs, maxTimestampMs, count };
  }

  private reserve(bytes: number): void {
    if (bytes <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(bytes)));
    grown.set(this.buffer.subarray(0, this.bytes));
    this.buffer = grown;
  }
}

interface BatchFacts {
  /** Codec number, for the attributes. */
  readonly codec: number;
  readonly baseTimestampMs: number;
  readonly maxTimestampMs: number;
  readonly count: number;
}

function writeHeader(
  batch: Buffer,
  { codec, baseTimestampMs, maxTimestampMs, count }: BatchFacts,
  { baseOffset, logAppendTimeMs, producer }: BatchOptions,
): void {
  batch.writeBigInt64BE(BigInt(baseOffset), 0);
  batch.writeInt32BE(batch.length - 12, 8);
  batch.writeInt32BE(-1, 12);
  batch.writeInt8(2, 16);
  const attributes =
    codec |
    (logAppendTimeMs === undefined ? 0 : 0x08) |
    (producer?.transactional === true ? 0x10 : 0);
  batch.writeInt16BE(attributes, 21);
  batch.writeInt32BE(count - 1, 23);
  batch.writeBigInt64BE(BigInt(baseTimestampMs), 27);
  batch.writeBigInt64BE(BigInt(logAppendTimeMs ?? maxTimestampMs), 35);
  batch.writeBigInt64BE(producer?.id ?? -1n, 43);
  batch.writeInt16BE(producer?.epoch ?? -1, 51);
  batch.writeInt32BE(producer?.sequence ?? -1, 53);
  batch.writeInt32BE(count, 57);
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
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
