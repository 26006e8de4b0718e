// A reading in a flat JSON object: fields straight from the bytes. It only ever says "read" or "not
// for me"; the strict parser then decides, so that reasons are given in one place.
import { isUtf8, sameBytes } from './bytes';
import { fieldNameBytes, fieldNameLengths, fieldNames } from './layout';
import { scanNumber, scannedNumber } from './number';
import { keepReading } from './reading';
import { scannedMs } from './time-unit';

const quote: u32 = 0x22;
const comma: u32 = 0x2c;
const colon: u32 = 0x3a;
const backslash: u32 = 0x5c;
const braceOpen: u32 = 0x7b;
const braceClose: u32 = 0x7d;
const space: u32 = 0x20;

const otherField: u32 = 0;
const sensorIdField: u32 = 1;
const timestampField: u32 = 2;
const valueField: u32 = 3;

/**
 * Keeps the reading in bytes [start, end) and returns true; returns false for anything but a valid
 * reading without escapes or nesting. Field order and unknown fields do not matter, of duplicate
 * keys the last wins.
 *
 * Bounds: the range must end in `}`, which no token but a string can contain. So every loop over a
 * number, literal, key or whitespace stops there by itself, and only string loops compare
 * positions.
 */
export function scanJson(start: usize, end: usize): bool {
  let last = end - 1;
  while (last > start && isSpace(load<u8>(last))) last -= 1;
  if (last <= start || load<u8>(last) != braceClose) return false;
  let at = skipSpace(start);
  if (load<u8>(at) != braceOpen) return false;

  let idStart: usize = 0;
  let idEnd: usize = 0;
  let timestamp: f64 = NaN;
  let value: f64 = NaN;
  let place: usize = 0;
  let byte: u32 = 0;
  do {
    const begin = at;
    let field = otherField;
    at = knownEnd(begin, last, place);
    if (at != 0) {
      field = knownField(place);
      at = skipSpace(at);
    } else {
      at = skipSpace(begin + 1);
      if (load<u8>(at) != quote) return false;
      field = fieldAt(at + 1);
      at = stringEnd(at + 1, last);
      if (at == 0) return false;
      at = skipSpace(at);
      if (load<u8>(at) != colon) return false;
      at = skipSpace(at + 1);
      noteShape(begin, at, place, field);
    }
    place += 1;
    if (field == timestampField) {
      at = scanNumber(at);
      timestamp = scannedMs();
    } else if (field == valueField) {
      at = scanNumber(at);
      value = scannedNumber;
    } else if (field == sensorIdField) {
      if (load<u8>(at) != quote) return false;
      idStart = at + 1;
      at = stringEnd(idStart, last);
      idEnd = at - 1;
    } else {
      at = otherEnd(at, last);
    }
    if (at == 0) return false;
    at = skipSpace(at);
    byte = load<u8>(at);
  } while (byte == comma);
  return at == last && keepReading(idStart, idEnd, timestamp, value);
}

function isSpace(byte: u32): bool {
  return byte == space || byte == 0x0a || byte == 0x0d || byte == 0x09;
}

export function skipSpace(start: usize): usize {
  let at = start;
  while (load<u8>(at) <= space && isSpace(load<u8>(at))) at += 1;
  return at;
}

const trueName: usize = memory.data<u8>([0x74, 0x72, 0x75, 0x65]);
const falseName: usize = memory.data<u8>([0x66, 0x61, 0x6c, 0x73, 0x65]);
const nullName: usize = memory.data<u8>([0x6e, 0x75, 0x6c, 0x6c]);

/**
 * Which field's name, with its closing quote, begins at `at`. A name with an escape in it counts as
 * another field, whose scan then meets the backslash.
 */
function fieldAt(at: usize): u32 {
  if (isNamed(at, 0)) return sensorIdField;
  if (isNamed(at, 1)) return timestampField;
  return isNamed(at, 2) ? valueField : otherField;
}

function isNamed(at: usize, place: usize): bool {
  const length: usize = load<i32>(fieldNameLengths + (place << 2));
  return sameBytes(at, fieldNames + place * <usize>fieldNameBytes, length);
}

/** The position after the closing quote of the string whose content begins at `start`, or 0. */
export function stringEnd(start: usize, last: usize): usize {
  let at = start;
  while (at < last) {
    const found = notable(load<u64>(at));
    if (found == 0) {
      at += 8;
      continue;
    }
    at += <usize>(ctz(found) >> 3);
    if (at >= last) return 0;
    const byte: u32 = load<u8>(at);
    if (byte == quote) return at + 1;
    return byte < 0x80 ? 0 : wideStringEnd(start, at, last);
  }
  return 0;
}

/**
 * The high bit of the first byte that is a quote, a backslash, below space or above 0x7f is the
 * lowest bit set; 0 where there is none. Bits above it may be wrong: a borrow only goes up.
 */
function notable(bytes: u64): u64 {
  const ones: u64 = 0x0101010101010101;
  const quotes = (bytes ^ (ones * quote)) - ones;
  const backslashes = (bytes ^ (ones * backslash)) - ones;
  const controls = bytes - ones * space;
  return (quotes | backslashes | controls | bytes) & (ones * 0x80);
}

/** As stringEnd, for a string with bytes above 0x7f, of which the first is at `at`. */
function wideStringEnd(start: usize, at: usize, last: usize): usize {
  for (; at < last; at += 1) {
    const byte: u32 = load<u8>(at);
    if (byte == quote) return isUtf8(start, at) ? at + 1 : 0;
    if (byte == backslash || byte < space) return 0;
  }
  return 0;
}

/** The position after the flat value of a field that is not ours, or 0. */
export function otherEnd(at: usize, last: usize): usize {
  switch (load<u8>(at)) {
    case 0x22:
      return stringEnd(at + 1, last);
    case 0x74:
      return sameBytes(at, trueName, 4) ? at + 4 : 0;
    case 0x66:
      return sameBytes(at, falseName, 5) ? at + 5 : 0;
    case 0x6e:
      return sameBytes(at, nullName, 4) ? at + 4 : 0;
    default:
      return scanNumber(at);
  }
}

// The text between the values of earlier records, such as `{"sensor_id":`. A sender writes every
// record with the same fields in the same form, so the scanner compares these bytes, which it has
// checked before, and skips them. Only a short cut: other bytes are parsed, with the same result.
//
//   {"sensor_id":"sensor_001","timestamp":1700000040000,"value":20.5}
//   └─── 0 ─────┘            └───── 1 ────┘             └── 2 ──┘

/** Fields from here on, and longer keys than this, always go the long way. */
const placesMax: usize = 16;
const placeBytes: usize = 64;
/** A place is learned again after this many records with other bytes there. */
const missesMax: u8 = 8;

const knownBytes: usize = memory.data(16 * 64, 8);
const knownLengths: usize = memory.data(16);
const knownFields: usize = memory.data(16);
/** Since the place was learned, or until it first is. */
const misses: usize = memory.data<u8>([8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8]);

/**
 * Returns where the value begins if the bytes at `at` are those known at `place`, all before
 * `last`; else 0.
 */
function knownEnd(at: usize, last: usize, place: usize): usize {
  if (place >= placesMax) return 0;
  const length: usize = load<u8>(knownLengths + place);
  if (length == 0 || at + length > last) return 0;
  return sameBytes(at, knownBytes + place * placeBytes, length) ? at + length : 0;
}

/** Returns the field that the bytes known at `place` name. */
function knownField(place: usize): u32 {
  return load<u8>(knownFields + place);
}

/** Takes note that bytes [start, end), checked, stood at `place` before a value of `field`. */
function noteShape(start: usize, end: usize, place: usize, field: u32): void {
  if (place >= placesMax || end - start > placeBytes) return;
  const missed: u8 = load<u8>(misses + place) + 1;
  store<u8>(misses + place, missed > missesMax ? 0 : missed);
  if (missed <= missesMax) return;
  memory.copy(knownBytes + place * placeBytes, start, end - start);
  store<u8>(knownLengths + place, <u8>(end - start));
  store<u8>(knownFields + place, <u8>field);
}
