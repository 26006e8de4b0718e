// The key of a record, compared where it lies in its batch.
import type { RecordCursor } from './record.ts';

/** Returns whether the key of the current record is `key`. */
export function hasKey(
  { bytes, keyStart, keyEnd }: Pick<RecordCursor, 'bytes' | 'keyStart' | 'keyEnd'>,
  key: Uint8Array,
): boolean {
  if (keyStart < 0 || keyEnd - keyStart !== key.length) return false;
  return Buffer.compare(key, bytes.subarray(keyStart, keyEnd)) === 0;
}
