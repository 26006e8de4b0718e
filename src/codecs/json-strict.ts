// The strict half of JSON decoding: JSON.parse over checked UTF-8. Slow, allocating, and the judge:
// whatever the fast scanner does not recognise is decided here, and every reason a JSON record can
// be refused for is given here.
import { isUtf8 } from 'node:buffer';
import type { DeadLetterReason, Reading } from '../sensors/reading.ts';
import { isJsonSpace } from './json-bytes.ts';
import { sensorIdLengthReason, shown, timestampReason, valueReason } from './reading-limits.ts';

// ignoreBOM keeps the mark in the text, where JSON.parse refuses it; by default it would vanish
// unseen.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
export const notUtf8: DeadLetterReason = {
  code: 'json_syntax',
  message: 'the record is not UTF-8',
};
const loneSurrogate = /\p{Surrogate}/u;

/**
 * Fills `out` from the JSON object in bytes [start, end) and returns null, or returns why it is no
 * reading; `out` is then untouched. Never throws, however deep the nesting.
 */
export function parseReading(
  bytes: Uint8Array,
  start: number,
  end: number,
  out: Reading,
): DeadLetterReason | null {
  const record = bytes.subarray(start, end);
  if (!isUtf8(bytes.subarray(start, end))) return notUtf8Reason(record);
  const parsed = parseJson(utf8.decode(record));
  if ('reason' in parsed) return parsed.reason;
  const fields = parsed.value;
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    return {
      code: 'json_not_object',
      message: `expected a JSON object, got ${shown(fields)}`,
    };
  }
  return readFields(new Map(Object.entries(fields)), out);
}

function readFields(fields: ReadonlyMap<string, unknown>, out: Reading): DeadLetterReason | null {
  const id = fields.get('sensor_id');
  const timestamp = fields.get('timestamp');
  const value = fields.get('value');
  if (typeof id !== 'string') return wrongField('sensor_id', 'a string', id);
  if (loneSurrogate.test(id)) {
    return { code: 'sensor_id_utf8', message: 'sensor_id has a lone surrogate: no UTF-8 for it' };
  }
  const idBytes = Buffer.from(id);
  const idReason = sensorIdLengthReason(idBytes.length);
  if (idReason !== null) return idReason;
  if (typeof timestamp !== 'number') return wrongField('timestamp', 'an integer', timestamp);
  const timeReason = timestampReason(timestamp);
  if (timeReason !== null) return timeReason;
  if (typeof value !== 'number') return wrongField('value', 'a number', value);
  const numberReason = valueReason(value);
  if (numberReason !== null) return numberReason;
  out.idBytes = idBytes;
  out.idStart = 0;
  out.idEnd = idBytes.length;
  out.timestampMs = timestamp + 0;
  out.value = value;
  return null;
}

function wrongField(
  field: 'sensor_id' | 'timestamp' | 'value',
  expected: string,
  got: unknown,
): DeadLetterReason {
  return got === undefined
    ? { code: `${field}_missing`, message: `${field} is missing` }
    : { code: `${field}_type`, message: `expected ${field} to be ${expected}, got ${shown(got)}` };
}

/**
 * Which code bytes that are not UTF-8 get: sensor_id_utf8 where the id is what is malformed, else
 * json_syntax. Read as latin-1, where every byte is a character, the record still parses and the
 * id's characters are its bytes.
 */
function notUtf8Reason(record: Uint8Array): DeadLetterReason {
  if (outerFault(record) !== undefined) return notUtf8;
  const parsed = parseJson(Buffer.from(record).toString('latin1'));
  if ('value' in parsed && typeof parsed.value === 'object' && parsed.value !== null) {
    const id = new Map<string, unknown>(Object.entries(parsed.value)).get('sensor_id');
    if (typeof id === 'string') {
      const idBytes = Buffer.from(id, 'latin1');
      if (!isUtf8(idBytes)) {
        return { code: 'sensor_id_utf8', message: 'sensor_id is not UTF-8' };
      }
    }
  }
  return notUtf8;
}

/**
 * Returns the reason where the first and last character alone show that the record is not JSON:
 * text of another kind, or a record that was cut off. An error that is thrown costs ten times as
 * much, and a backlog may hold nothing else.
 */
function outerFault(record: Uint8Array): DeadLetterReason | undefined {
  let first = 0;
  let last = record.length - 1;
  while (first < last && isJsonSpace(record[first])) first += 1;
  while (last > first && isJsonSpace(record[last])) last -= 1;
  const opening = record[first] as number;
  const closing = closings.get(opening);
  if (closing === undefined) {
    return opensScalar.has(opening) || isJsonSpace(opening)
      ? undefined
      : jsonSyntax(`it begins with ${character(opening)}`);
  }
  const end = record[last] as number;
  if (end === closing && last > first) return undefined;
  return jsonSyntax(
    `it begins with ${character(opening)} and ends with ${character(end)}: it was cut off, or more follows it`,
  );
}

const codeOf = (text: string): number => text.charCodeAt(0);
/** By the first character of a JSON text: the only one that it can end with. */
const closings: ReadonlyMap<number, number> = new Map(
  ['{}', '[]', '""'].map((pair) => [codeOf(pair), pair.charCodeAt(1)]),
);
/** First characters of numbers, true, false and null. */
const opensScalar: ReadonlySet<number> = new Set(Buffer.from('-0123456789tfn'));

function character(byte: number): string {
  const isPrintable = byte > 0x20 && byte < 0x7f;
  return isPrintable ? String.fromCharCode(byte) : `byte 0x${byte.toString(16).padStart(2, '0')}`;
}

function jsonSyntax(detail: string): DeadLetterReason {
  return { code: 'json_syntax', message: `not JSON: ${detail}` };
}

export function parseJson(
  text: string,
): { readonly value: unknown } | { reason: DeadLetterReason } {
  // The stack of the error is not read, and takes as long to collect as all the rest.
  const framesBefore = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    // A RangeError of a parser that ran out of stack would be the record's fault just as a
    // SyntaxError is.
    const detail = error instanceof Error ? error.message : String(error);
    return { reason: jsonSyntax(printable(detail)) };
  } finally {
    Error.stackTraceLimit = framesBefore;
  }
}

/** V8 quotes the input in its message; control characters would break a log line. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Surrogate}\ufeff]/gu, '?').slice(0, 200);
}
