// Records as the simulated log holds them, and as a fetch answers: in batches of bytes of its own, some with records gone
// as compaction leaves them.
import { crc32c } from '@node-rs/crc32';

import type { RecordCursor, RecordHeader } from '../../src/records/record.ts';
import { encodeRecordBatch } from '../../src/log/record-batch-encoder.ts';
import { batchHeaderBytes } from '../../src/log/record-batch-header.ts';
import { recordCursor } from '../../src/log/record-batch.ts';
import { readVarint } from '../../src/log/record-batch-varint.ts';

export interface StoredRecord {
  /** Offsets rise; those between may belong to no record. */
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

export interface FetchedRecords {
  readonly bytes: number;
  /** A fresh cursor before the first. */
  cursor(): RecordCursor;
  /** Writes over the bytes that the fetch was answered with. */
  overwrite(): void;
}

/** Few, so that most fetches are of several batches. */
const batchOffsets = 16;

/** Returns those of `records` that lie in [from, to) as one fetch answers them. */
export function fetchedRecords(
  records: readonly StoredRecord[],
  { from, to }: { readonly from: number; readonly to: number },
): FetchedRecords {
  const batches: Uint8Array[] = [];
  let next = firstFrom(records, from);
  for (let at = from; at < to; at += batchOffsets) {
    const end = Math.min(at + batchOffsets, to);
    const batch: StoredRecord[] = [];
    for (; (records[next]?.offset ?? Infinity) < end; next += 1) {
      batch.push(records[next] as StoredRecord);
    }
    batches.push(encodeBatch(batch, at, end));
  }
  return {
    bytes: batches.reduce((sum, batch) => sum + batch.length, 0),
    cursor: () => recordCursor(batches),
    overwrite: () => {
      for (const batch of batches) batch.fill(0xff);
    },
  };
}

/** Returns the index of the first record at or after `offset`. */
export function firstFrom(records: readonly StoredRecord[], offset: number): number {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((records[middle] as StoredRecord).offset < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The batch of all offsets of [base, end), compacted to `records`: it keeps its first and last offset, as Kafka does. */
function encodeBatch(records: readonly StoredRecord[], base: number, end: number): Uint8Array {
  if (records.length === end - base) {
    const all = records.map((record) => ({ topic: '', ...record }));
    return encodeRecordBatch(all, { baseOffset: base, timestampMs: 0 });
  }
  const byOffset = new Map(records.map((record) => [record.offset, record]));
  const gone = { topic: '', key: null, value: null, timestampMs: records[0]?.timestampMs ?? 0 };
  const all = Array.from({ length: end - base }, (_, i) => ({
    ...(byOffset.get(base + i) ?? gone),
    topic: '',
  }));
  return compacted(encodeRecordBatch(all, { baseOffset: base, timestampMs: 0 }), base, byOffset);
}

function compacted(
  whole: Uint8Array,
  base: number,
  kept: ReadonlyMap<number, StoredRecord>,
): Uint8Array {
  const parts: Uint8Array[] = [whole.subarray(0, batchHeaderBytes)];
  const reader = { bytes: whole, at: batchHeaderBytes, end: whole.length, corruptRecord: corrupt };
  for (let offset = base; reader.at < whole.length; offset += 1) {
    const start = reader.at;
    reader.at = readVarint(reader) + reader.at;
    if (kept.has(offset)) parts.push(whole.subarray(start, reader.at));
  }
  const batch = Buffer.concat(parts);
  batch.writeInt32BE(batch.length - 12, 8);
  batch.writeInt32BE(kept.size, 57);
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
  return batch;
}

const corrupt = (reason: string): Error => new Error(reason);
