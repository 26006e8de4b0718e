// One record of an input, as its reader takes it: a record of the log, or parts that are no record
// yet. Next on the line: input-reader.ts.
import type { RecordCursor } from '../records/record.ts';

/** The parts of a record that a reader uses. */
export type InputRecord = Pick<
  RecordCursor,
  'bytes' | 'keyStart' | 'keyEnd' | 'valueStart' | 'valueEnd'
> & {
  /** When the record entered the log, ms: for a forward that of the record it was made from. */
  readonly timestampMs: number;
};

/** Returns the record that has this key and value, in bytes of its own. */
export function inputRecord({
  key,
  value,
  timestampMs,
}: {
  readonly key: string | null;
  readonly value: Uint8Array;
  readonly timestampMs: number;
}): InputRecord {
  const keyBytes = Buffer.from(key ?? '');
  const bytes = Buffer.concat([keyBytes, value]);
  return {
    bytes,
    keyStart: key === null ? -1 : 0,
    keyEnd: keyBytes.length,
    valueStart: keyBytes.length,
    valueEnd: bytes.length,
    timestampMs,
  };
}

/** Returns the record as if it had entered the log here at the time it first entered it. */
export function enteredAt(record: InputRecord, entryTimeMs: number | undefined): InputRecord {
  if (entryTimeMs === undefined) return record;
  const { bytes, keyStart, keyEnd, valueStart, valueEnd } = record;
  return { bytes, keyStart, keyEnd, valueStart, valueEnd, timestampMs: entryTimeMs };
}
