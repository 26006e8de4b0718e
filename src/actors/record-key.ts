// Whether a record is keyed by its sensor: then it is folded where it is.
import type { RecordCursor } from '../records/record.ts';
import type { Reading } from '../sensors/reading.ts';

type KeyedRecord = Pick<RecordCursor, 'bytes' | 'keyStart' | 'keyEnd'>;

/** Returns whether the record's key is the id of `reading`, byte for byte. */
export function keyIsSensorId(record: KeyedRecord, reading: Reading): boolean {
  // hot path
  const { bytes, keyStart, keyEnd } = record;
  const { idBytes, idStart, idEnd } = reading;
  const length = idEnd - idStart;
  if (keyStart < 0 || keyEnd - keyStart !== length) return false;
  for (let i = 0; i < length; i += 1) {
    if (bytes[keyStart + i] !== idBytes[idStart + i]) return false;
  }
  return true;
}
