// A decoded reading, as one reused slot: the decoder fills it, the fold reads it, nothing is
// allocated per reading.
import { InvariantError } from '../errors.ts';

export interface Reading {
  /** The sensor id's UTF-8 bytes are the range [idStart, idEnd) of idBytes. */
  idBytes: Uint8Array;
  idStart: number;
  idEnd: number;
  /** Event time, ms since epoch, a safe integer. */
  timestampMs: number;
  /** Finite, |value| ≤ 1e150. */
  value: number;
}

/** Readings of records in log order, column by column; a row each. */
export interface ReadingColumns {
  /** The sensor ids' UTF-8 bytes are the ranges [idStarts, idEnds) of idBytes. */
  readonly idBytes: Uint8Array;
  readonly idStarts: Int32Array;
  readonly idEnds: Int32Array;
  /** As Reading's. */
  readonly timestampsMs: Float64Array;
  readonly values: Float64Array;
  /** The records' own timestamps, ms since epoch. */
  readonly recordTimesMs: Float64Array;
  readonly offsets: Float64Array;
}

/** Why an input record cannot be folded; `code` is the fixed `dlq.reason`. */
export interface DeadLetterReason {
  readonly code: DeadLetterCode;
  readonly message: string;
}

/** Every code that is or was written to the dead-letter topic. */
export const deadLetterCodes = [
  'null_value',
  'json_syntax',
  'json_not_object',
  'json_not_array',
  'avro_malformed',
  'confluent_magic',
  'schema_unknown',
  'schema_unsupported',
  'schema_mismatch',
  'sensor_id_missing',
  'sensor_id_type',
  'sensor_id_length',
  'sensor_id_utf8',
  'timestamp_missing',
  'timestamp_type',
  'timestamp_range',
  'timestamp_zone',
  'timestamp_unit',
  'value_missing',
  'value_type',
  'value_range',
  'too_large',
  'late',
  'timestamp_ahead',
  'sensors_max',
  'quarantined',
  'fold_failed',
  'rekey_header',
  'rekey_key_mismatch',
] as const;

export type DeadLetterCode = (typeof deadLetterCodes)[number];

/** Returns an empty slot. */
export function emptyReading(): Reading {
  return { idBytes: new Uint8Array(0), idStart: 0, idEnd: 0, timestampMs: 0, value: 0 };
}

/** Returns columns of one row. */
export function oneReading(): {
  -readonly [Column in keyof ReadingColumns]: ReadingColumns[Column];
} {
  return {
    idBytes: new Uint8Array(0),
    idStarts: new Int32Array(1),
    idEnds: new Int32Array(1),
    timestampsMs: new Float64Array(1),
    values: new Float64Array(1),
    recordTimesMs: new Float64Array(1),
    offsets: new Float64Array(1),
  };
}

/** Where no reading may be: the decoders refuse it, and sums of squares would overflow. */
const valueMax = 1e150;

/** @throws InvariantError where the numbers are not those of a decoded reading. */
export function assertReading(timestampMs: number, value: number): void {
  // hot path: no details object unless it fails
  if (Number.isSafeInteger(timestampMs) && Math.abs(value) <= valueMax) return;
  throw new InvariantError('expected a decoded reading: safe integer time, |value| ≤ 1e150', {
    timestampMs,
    value,
  });
}
