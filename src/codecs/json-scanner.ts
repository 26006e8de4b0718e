// The fast half of JSON decoding: fields of a flat object straight from the bytes, no object or string per reading. It
// only ever says "read" or "not for me"; the strict parser then decides, so that reasons are given in one place.
import type { Reading } from '../sensors/reading.ts';
import { scanNumber, scannedNumber } from './json-number.ts';
import { knownEnd, knownField, noteShape } from './json-shape.ts';
import { sensorIdBytesMax, valueMagnitudeMax } from './reading-limits.ts';
import { isUtf8 } from './utf8.ts';

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const backslash = 0x5c;
const braceOpen = 0x7b;
const braceClose = 0x7d;
const space = 0x20;

/**
 * Fills `out` from the flat JSON object in bytes [start, end) and returns true; returns false, `out` untouched, for
 * anything but a valid reading without escapes or nesting: such bytes may still be valid, the strict parser knows.
 * Field order and unknown fields do not matter, of duplicate keys the last wins. `out` refers to `bytes`, uncopied.
 *
 * Bounds: the range must end in `}`, which no token but a string can contain. So every loop over a number, literal, key
 * or whitespace stops there by itself, and only string loops compare positions.
 */
export function scanReading(bytes: Uint8Array, start: number, end: number, out: Reading): boolean {
  // hot path
  let last = end - 1;
  while (last > start && isSpace(bytes[last] as number)) last -= 1;
  if (last <= start || bytes[last] !== braceClose) return false;
  let at = skipSpace(bytes, start);
  if (bytes[at] !== braceOpen) return false;

  let idStart = -1;
  let idEnd = -1;
  let timestamp = NaN;
  let value = NaN;
  let byte = 0;
  let place = 0;
  do {
    const begin = at;
    at = knownEnd(bytes, begin, last, place);
    let field = otherField;
    if (at >= 0) {
      field = knownField(place);
      at = skipSpace(bytes, at);
    } else {
      at = skipSpace(bytes, begin + 1);
      if (bytes[at] !== quote) return false;
      field = fieldAt(bytes, at + 1);
      at = field === otherField ? stringEnd(bytes, at + 1, last) : at + fieldBytes(field);
      if (at < 0) return false;
      at = skipSpace(bytes, at);
      if (bytes[at] !== colon) return false;
      at = skipSpace(bytes, at + 1);
      noteShape(bytes, begin, at, place, field);
    }
    place += 1;
    if (field === timestampField) {
      at = scanNumber(bytes, at);
      timestamp = scannedNumber[0] as number;
    } else if (field === valueField) {
      at = scanNumber(bytes, at);
      value = scannedNumber[0] as number;
    } else if (field === sensorIdField) {
      if (bytes[at] !== quote) return false;
      idStart = at + 1;
      at = stringEnd(bytes, idStart, last);
      idEnd = at - 1;
    } else {
      at = otherEnd(bytes, at, last);
    }
    if (at < 0) return false;
    at = skipSpace(bytes, at);
    byte = bytes[at] as number;
  } while (byte === comma);

  if (at !== last || idStart < 0 || idEnd === idStart || idEnd - idStart > sensorIdBytesMax) {
    return false;
  }
  if (!Number.isSafeInteger(timestamp) || !(Math.abs(value) <= valueMagnitudeMax)) return false;
  out.idBytes = bytes;
  out.idStart = idStart;
  out.idEnd = idEnd;
  out.timestampMs = timestamp + 0; // −0 becomes 0: a time has no sign of zero
  out.value = value;
  return true;
}

const otherField = 0;
const sensorIdField = 1;
const timestampField = 2;
const valueField = 3;

/** From the opening quote to after the closing one. */
function fieldBytes(field: number): number {
  return field === valueField ? 7 : 11;
}

function isSpace(byte: number): boolean {
  return byte === space || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function skipSpace(bytes: Uint8Array, start: number): number {
  let at = start;
  while ((bytes[at] as number) <= space && isSpace(bytes[at] as number)) at += 1;
  return at;
}

/** Which field's name, with its closing quote, begins at `at`. A name with an escape in it counts as another field,
 * whose scan then meets the backslash. */
function fieldAt(bytes: Uint8Array, at: number): number {
  // hot path
  const first = bytes[at];
  if (first === 0x76) {
    return bytes[at + 1] === 0x61 && // a
      bytes[at + 2] === 0x6c && // l
      bytes[at + 3] === 0x75 && // u
      bytes[at + 4] === 0x65 && // e
      bytes[at + 5] === quote
      ? valueField
      : otherField;
  }
  if (first === 0x74) return matches(bytes, at, timestampName) ? timestampField : otherField;
  if (first === 0x73) return matches(bytes, at, sensorIdName) ? sensorIdField : otherField;
  return otherField;
}

const timestampName = Uint8Array.from(Buffer.from('timestamp"'));
const sensorIdName = Uint8Array.from(Buffer.from('sensor_id"'));
const trueName = Uint8Array.from(Buffer.from('true'));
const falseName = Uint8Array.from(Buffer.from('false'));
const nullName = Uint8Array.from(Buffer.from('null'));

function matches(bytes: Uint8Array, at: number, name: Uint8Array): boolean {
  for (let i = 0; i < name.length; i += 1) {
    if (bytes[at + i] !== name[i]) return false;
  }
  return true;
}

/** The position after the closing quote of the string whose content begins at `start`, or -1. */
function stringEnd(bytes: Uint8Array, start: number, last: number): number {
  // hot path
  let seen = 0;
  for (let at = start; at < last; at += 1) {
    const byte = bytes[at] as number;
    if (byte === quote) return seen < 0x80 || isUtf8(bytes, start, at) ? at + 1 : -1;
    if (byte === backslash || byte < space) return -1;
    seen |= byte;
  }
  return -1;
}

/** The position after the flat value of a field that is not ours, or -1. */
function otherEnd(bytes: Uint8Array, at: number, last: number): number {
  switch (bytes[at]) {
    case quote:
      return stringEnd(bytes, at + 1, last);
    case 0x74:
      return matches(bytes, at, trueName) ? at + trueName.length : -1;
    case 0x66:
      return matches(bytes, at, falseName) ? at + falseName.length : -1;
    case 0x6e:
      return matches(bytes, at, nullName) ? at + nullName.length : -1;
    default:
      return scanNumber(bytes, at);
  }
}
