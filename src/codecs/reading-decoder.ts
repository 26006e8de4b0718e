// record → reading, the strict way, for what the record scanner leaves: recognises the format of
// each record by itself. A record for which it returns a reason becomes a dead letter; it never
// throws. Next: the fold finds the sensor.
//
//   {…                 JSON                             0 + schema id + …   Avro behind a Confluent header
//   else, if Avro consumes the record exactly: Avro     else: JSON, for its whitespace or its error
import type { DeadLetterReason, Reading } from '../sensors/reading.ts';
import { avroMalformed, decodeAvroReading } from './avro-reading.ts';
import { confluentHeaderBytes } from './confluent.ts';
import { parseReading } from './json-strict.ts';
import { readingBytesMax } from './reading-limits.ts';

const braceOpen = 0x7b;

const nullValue: DeadLetterReason = {
  code: 'null_value',
  message: 'expected a reading, got a record without a value',
};
const empty: DeadLetterReason = {
  code: 'json_syntax',
  message: 'expected a reading, got a value of 0 bytes',
};
const shortHeader: DeadLetterReason = {
  code: 'confluent_magic',
  message: `the record begins with 0 as a Confluent header does, but ends within its ${confluentHeaderBytes} bytes`,
};

/**
 * Fills `out` from the record value in bytes [start, end) and returns null, or returns why it is no
 * reading; `out` is then untouched. A start below 0 is a null value. Reads nothing outside the
 * range; `out` may refer to `bytes`, uncopied, and is valid as long as they are.
 */
export function decodeReading(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Reading,
): DeadLetterReason | null {
  if (start < 0) return nullValue;
  if (end <= start) return empty;
  if (end - start > readingBytesMax) return tooLarge(end - start);
  const first = bytes[start];
  if (first === braceOpen) return parseReading(bytes, start, end, out);
  if (first === 0) return decodeConfluent(bytes, start, end, out);
  const reason = decodeAvroReading(bytes, start, end, out);
  // No JSON reading can be taken for Avro here: it is at least 42 bytes long with the whitespace
  // before its brace, and a whitespace byte as Avro's length means at most 16 bytes of id, 35 in
  // all.
  return reason === avroMalformed ? decodeOther(bytes, start, end, out) : reason;
}

function decodeConfluent(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Reading,
): DeadLetterReason | null {
  if (end - start < confluentHeaderBytes) return shortHeader;
  const reason = decodeAvroReading(bytes, start + confluentHeaderBytes, end, out);
  if (reason !== avroMalformed) return reason;
  // A bare Avro record whose sensor_id is empty begins with 0 too: then that is what is wrong with
  // it.
  return decodeAvroReading(bytes, start, end, out) ?? reason;
}

function decodeOther(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Reading,
): DeadLetterReason | null {
  const reason = parseReading(bytes, start, end, out);
  if (reason !== null && holdsAvroAfterHeader(bytes, start, end)) {
    const magic = bytes[start];
    return {
      code: 'confluent_magic',
      message: `expected 0 as the first byte of a Confluent header, got ${magic}`,
    };
  }
  return reason;
}

function holdsAvroAfterHeader(bytes: Uint8Array, start: number, end: number): boolean {
  const body = start + confluentHeaderBytes;
  const ignored = { idBytes: bytes, idStart: 0, idEnd: 0, timestampMs: 0, value: 0 };
  return body < end && decodeAvroReading(bytes, body, end, ignored) === null;
}

function tooLarge(lengthBytes: number): DeadLetterReason {
  return {
    code: 'too_large',
    message: `expected a reading of at most ${readingBytesMax} bytes, got ${lengthBytes}`,
  };
}
