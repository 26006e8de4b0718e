// An Avro reading straight from bytes: avro/raw_reading.avsc, no schema resolution, no object per
// reading.
//
//   sensor_id   zigzag varint length, then that many UTF-8 bytes
//   timestamp   zigzag varint, at most 64 bits
//   value       8 bytes, IEEE 754, little-endian
import { isUtf8 } from 'node:buffer';
import type { DeadLetterReason, Reading } from '../sensors/reading.ts';
import {
  sensorIdBytesMax,
  sensorIdLengthReason,
  timestampReason,
  valueMagnitudeMax,
  valueReason,
} from './reading-limits.ts';

/** The bytes are no Avro reading at all (identity matters: a bare record then counts as JSON). */
export const avroMalformed: DeadLetterReason = {
  code: 'avro_malformed',
  message: 'the bytes are not exactly one Avro record of sensor_id, timestamp and value',
};

const notUtf8: DeadLetterReason = { code: 'sensor_id_utf8', message: 'sensor_id is not UTF-8' };

// Returned doubles may be boxed; slots are not.
const longSlot = new Float64Array(1);
const doubleBytes = new Uint8Array(8);
const doubleView = new DataView(doubleBytes.buffer);

/**
 * Fills `out` from the Avro record that is bytes [start, end), exactly, and returns null;
 * `avroMalformed` where they are not one Avro record, another reason where the record is well
 * formed but no reading. `out` is then untouched. Reads nothing outside the range. `out` refers to
 * `bytes`, uncopied.
 */
export function decodeAvroReading(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Reading,
): DeadLetterReason | null {
  // hot path
  const idStart = readLong(bytes, start, end);
  const idLength = longSlot[0] as number;
  if (idStart < 0 || idLength < 0) return avroMalformed;
  const idEnd = idStart + idLength; // past the end, however far, there is no long to read
  const at = readLong(bytes, idEnd, end);
  if (at < 0 || at + 8 !== end) return avroMalformed;
  const timestamp = longSlot[0] as number;
  for (let i = 0; i < 8; i += 1) doubleBytes[i] = bytes[at + i] as number;
  const value = doubleView.getFloat64(0, true);

  if (idLength < 1 || idLength > sensorIdBytesMax) return sensorIdLengthReason(idLength);
  if (!isUtf8(bytes.subarray(idStart, idEnd))) return notUtf8;
  if (!Number.isSafeInteger(timestamp)) return timestampReason(timestamp);
  if (!(Math.abs(value) <= valueMagnitudeMax)) return valueReason(value);
  out.idBytes = bytes;
  out.idStart = idStart;
  out.idEnd = idEnd;
  out.timestampMs = timestamp;
  out.value = value;
  return null;
}

/**
 * Puts the zigzag varint at `start` into the slot and returns the position after it; -1 where it is
 * cut off or longer than 64 bits. Exact for safe integers; what is beyond 2^53 stays beyond it,
 * since sums round monotonically.
 */
function readLong(bytes: Uint8Array, start: number, end: number): number {
  if (start >= end) return -1;
  let byte = bytes[start] as number;
  const negative = (byte & 1) === 1;
  let magnitude = (byte >> 1) & 0x3f;
  let scale = 64;
  let at = start + 1;
  while (byte >= 0x80) {
    if (at >= end || at - start >= 10) return -1;
    byte = bytes[at] as number;
    if (at - start === 9 && byte > 1) return -1;
    magnitude += (byte & 0x7f) * scale;
    scale *= 128;
    at += 1;
  }
  longSlot[0] = negative ? -magnitude - 1 : magnitude;
  return at;
}
