// Records as the simulated log holds them, and a cursor over some of them as a fetch answers.
import type { RecordCursor, RecordHeader } from '../../src/log/event-log.ts';

export interface StoredRecord {
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

/** Returns a cursor before the first of `records`, which begin at offset `from`. */
export function cursorOver(records: readonly StoredRecord[], from: number): RecordCursor {
  let index = -1;
  const empty = new Uint8Array(0);
  const cursor = {
    offset: -1,
    timestampMs: 0,
    bytes: empty,
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
      const key = record.key ?? empty;
      const value = record.value ?? empty;
      cursor.offset = from + index;
      cursor.timestampMs = record.timestampMs;
      cursor.bytes = Buffer.concat([key, value]);
      cursor.keyStart = record.key === null ? -1 : 0;
      cursor.keyEnd = record.key === null ? -1 : key.length;
      cursor.valueStart = record.value === null ? -1 : key.length;
      cursor.valueEnd = record.value === null ? -1 : key.length + value.length;
      cursor.headerCount = record.headers.length;
      return true;
    },
  };
  return cursor;
}
