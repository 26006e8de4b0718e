// Limits on the values of a reading: the same limits and dead-letter reasons for every format.
import type { DeadLetterReason } from '../sensors/reading.ts';

/** A record longer than this becomes a dead letter without being parsed. */
export const readingBytesMax = 1_048_576;
export const sensorIdBytesMax = 256;
/** Squares of values, and sums of them, stay finite below this. */
export const valueMagnitudeMax = 1e150;

/**
 * Of one device in a record. All are folded before the next record is, and a forward must fit into
 * its topic.
 */
export const measurementsMax = 1_000;

const shownMax = 40;

/** Returns why a sensor id of this many bytes cannot be folded, or null. */
export function sensorIdLengthReason(lengthBytes: number): DeadLetterReason | null {
  if (lengthBytes >= 1 && lengthBytes <= sensorIdBytesMax) return null;
  return {
    code: 'sensor_id_length',
    message: `expected a sensor_id of 1 to ${sensorIdBytesMax} UTF-8 bytes, got ${lengthBytes}`,
  };
}

/**
 * Returns why a number cannot be a reading's timestamp, or null for any safe integer, `1.0e3` and
 * negative ones included. A fraction is an error of type: the field is an integer.
 */
export function timestampReason(timestamp: number): DeadLetterReason | null {
  if (Number.isSafeInteger(timestamp)) return null;
  const integer = Number.isInteger(timestamp) || !Number.isFinite(timestamp);
  return {
    code: integer ? 'timestamp_range' : 'timestamp_type',
    message: `expected a timestamp in whole ms since 1970 within ±(2^53 − 1), got ${timestamp}`,
  };
}

/** Returns why a number cannot be a reading's value, or null. */
export function valueReason(value: number): DeadLetterReason | null {
  if (Math.abs(value) <= valueMagnitudeMax) return null; // false for NaN
  return {
    code: 'value_range',
    message: `expected a finite value within ±${valueMagnitudeMax}, got ${value}`,
  };
}

/** Returns a field's value for a message: what it is, and as much of it as helps. */
export function shown(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  switch (typeof value) {
    case 'string':
      return `the string ${JSON.stringify(cut(value))}`;
    case 'number':
    case 'boolean':
      return `${typeof value} ${value}`;
    default:
      return 'an object';
  }
}

function cut(text: string): string {
  return text.length > shownMax ? `${text.slice(0, shownMax)}…` : text;
}
