// Records as the simulated log holds them, and as a fetch answers: in batches of bytes of its own.
import type { RecordCursor, RecordHeader } from '../../src/log/event-log.ts';
import { encodeRecordBatch } from '../../src/log/record-batch-encoder.ts';
import { recordCursor } from '../../src/log/record-batch.ts';

export interface StoredRecord {
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

export interface FetchedRecords {
  /** A fresh cursor before the first. */
  cursor(): RecordCursor;
  /** Writes over the bytes that the fetch was answered with. */
  overwrite(): void;
}

/** Few, so that most fetches are of several batches. */
const batchRecords = 16;

/** Returns `records`, which begin at offset `from`, as one fetch answers them. */
export function fetchedRecords(records: readonly StoredRecord[], from: number): FetchedRecords {
  const batches: Uint8Array[] = [];
  for (let at = 0; at < records.length; at += batchRecords) {
    const batch = records.slice(at, at + batchRecords).map((record) => ({ topic: '', ...record }));
    batches.push(encodeRecordBatch(batch, { baseOffset: from + at, timestampMs: 0 }));
  }
  return {
    cursor: () => recordCursor(batches),
    overwrite: () => {
      for (const batch of batches) batch.fill(0xff);
    },
  };
}
