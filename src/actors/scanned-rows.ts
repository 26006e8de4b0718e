// The rows of a scan as the fold needs them: the readings of records, of which a declared one may
// have several, one row behind the other.
import { decodeReading } from '../codecs/reading-decoder.ts';
import type { RecordScan } from '../codecs/record-scan.ts';
import type { RecordCursor } from '../records/record.ts';
import type { DeadLetterReason, Reading } from '../sensors/reading.ts';

/**
 * Fills `out` with the reading of a record that the scan left out; returns the reason where the
 * record is not a reading.
 */
export function decodeRecord(record: RecordCursor, out: Reading): DeadLetterReason | null {
  return decodeReading(record.bytes, record.valueStart, record.valueEnd, out);
}

/** Returns the first row of the record that `row` is of. */
export function firstRow(indexes: Int32Array, row: number): number {
  let first = row;
  while (first > 0 && indexes[first - 1] === indexes[row]) first -= 1;
  return first;
}

/** Returns how many records begin in the rows [row, end). */
export function recordsAmong(indexes: Int32Array, row: number, end: number): number {
  return (indexes[end - 1] as number) - (indexes[row] as number) + 1;
}

export function sensorOfRow({ readings }: RecordScan, row: number): string {
  const { idBytes, idStarts, idEnds } = readings;
  return Buffer.from(idBytes.subarray(idStarts[row], idEnds[row])).toString();
}

/** Returns `out` filled with the reading that the scan found in `row`. */
export function readRow({ readings }: RecordScan, row: number, out: Reading): Reading {
  out.idBytes = readings.idBytes;
  out.idStart = readings.idStarts[row] as number;
  out.idEnd = readings.idEnds[row] as number;
  out.timestampMs = readings.timestampsMs[row] as number;
  out.value = readings.values[row] as number;
  return out;
}
