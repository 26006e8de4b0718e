// Records as the simulated log holds them, and a cursor over some of them as a fetch answers.
import type { RecordCursor, RecordHeader } from '../../src/log/event-log.ts';

export interface StoredRecord {
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

/** A record with bytes of a fetch's own: its key, then its value. */
export interface FetchedRecord extends StoredRecord {
  readonly bytes: Uint8Array;
}

export function fetchedRecord(record: StoredRecord): FetchedRecord {
  const empty = new Uint8Array(0);
  return {
    ...record,
    bytes: Buffer.concat([record.key ?? empty, record.value ?? empty]),
    headers: record.headers.map(({ key, value }) => ({
      key,
      value: value === null ? null : Uint8Array.from(value),
    })),
  };
}

/** Writes over the bytes that a fetch was answered with. */
export function overwrite({ bytes, headers }: FetchedRecord): void {
  bytes.fill(0xff);
  for (const { value } of headers) value?.fill(0xff);
}

/** Returns a cursor before the first of `records`, which begin at offset `from`. */
export function cursorOver(records: readonly FetchedRecord[], from: number): RecordCursor {
  let index = -1;
  const cursor = {
    offset: -1,
    timestampMs: 0,
    bytes: new Uint8Array(0) as Uint8Array,
    keyStart: -1,
    keyEnd: -1,
    valueStart: -1,
    valueEnd: -1,
    headerCount: 0,
    headers: () => records[index]?.headers ?? [],
    next: () => {
      index += 1;
      const record = records[index];
      if (record === undefined) return false;
      const { key, value, bytes } = record;
      const keyEnd = key?.length ?? 0;
      cursor.offset = from + index;
      cursor.timestampMs = record.timestampMs;
      cursor.bytes = bytes;
      cursor.keyStart = key === null ? -1 : 0;
      cursor.keyEnd = key === null ? -1 : keyEnd;
      cursor.valueStart = value === null ? -1 : keyEnd;
      cursor.valueEnd = value === null ? -1 : bytes.length;
      cursor.headerCount = record.headers.length;
      return true;
    },
  };
  return cursor;
}
