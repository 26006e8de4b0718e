// Holds the fields found so far in the declared record being scanned: the parts of the device id,
// the time, and the values, each in its slot. `begin` clears them.
import { isUtf8 } from './bytes';
import { otherEnd, stringEnd } from './json';
import { foundIds, slotSeen, slotSuffixes, slotValues } from './layout';
import { scanIso, isoMs } from './iso-time';
import { scanNumber, scannedNumber } from './number';
import { valueMagnitudeMax } from './reading';
import { scannedMs } from './time-unit';
import {
  declaredSlots,
  onlyNumbers,
  roleId,
  roleMember,
  roleMetric,
  roleTime,
  roleValue,
  timeIsText,
  timeKind,
} from './shape';

const quote: u32 = 0x22;
const backslash: u32 = 0x5c;
const minus: u32 = 0x2d;

export const slotsMax: i32 = 64;
/** Digits of a number that is an id: all of them are exact. */
const idDigitsMax: usize = 15;

export let idsFound: i32 = 0;
export let timeFound: bool = false;
export let timeValue: f64 = 0;
export let metricStart: usize = 0;
export let metricEnd: usize = 0;
/** Slots in use: those of the declaration, or the numeric members so far. */
export let slots: i32 = 0;
export let valuesFound: i32 = 0;
/** Slots hold a value of this record where this number is theirs. */
let record: u32 = 0;

export function begin(): void {
  idsFound = 0;
  timeFound = false;
  metricEnd = 0;
  slots = declaredSlots();
  valuesFound = 0;
  record += 1;
}

export function isThere(slot: i32): bool {
  return load<u32>(slotSeen + ((<usize>slot) << 2)) == record;
}

/**
 * Takes the leaf that begins at `at` for its role; `suffix` is where a member's name lies. Returns
 * the position after it; 0 where it is odd, and the record is left to the host.
 */
export function takeLeaf(role: i32, argument: i32, suffix: u64, at: usize, last: usize): usize {
  if (role == roleValue) return takeValue(argument, 0, at, last);
  if (role == roleMember) return takeMember(suffix, at, last);
  if (role == roleTime) return takeTime(at, last);
  if (role == roleId) return takeId(argument, at, last);
  if (role == roleMetric) return takeMetric(at, last);
  return unknownEnd(at, last);
}

/** As otherEnd, for texts with escapes, too. */
function unknownEnd(at: usize, last: usize): usize {
  const end = otherEnd(at, last);
  return end != 0 || load<u8>(at) != quote ? end : escapedEnd(at + 1, last);
}

function escapedEnd(start: usize, last: usize): usize {
  let at = start;
  while (at < last) {
    const byte: u32 = load<u8>(at);
    if (byte == quote) return isUtf8(start, at) ? at + 1 : 0;
    if (byte < 0x20) return 0;
    at += 1;
    if (byte != backslash) continue;
    const escape: u32 = load<u8>(at);
    at += 1;
    if (escape == 0x75) {
      for (let digit = 0; digit < 4; digit += 1, at += 1) if (!isHex(load<u8>(at))) return 0;
    } else if (!isShortEscape(escape)) return 0;
  }
  return 0;
}

function isHex(byte: u32): bool {
  return byte - 0x30 <= 9 || (byte | 0x20) - 0x61 <= 5;
}

/** One of `" \\ / b f n r t`. */
function isShortEscape(byte: u32): bool {
  if (byte == quote || byte == backslash || byte == 0x2f || byte == 0x62) return true;
  return byte == 0x66 || byte == 0x6e || byte == 0x72 || byte == 0x74;
}

function takeValue(slot: i32, suffix: u64, at: usize, last: usize): usize {
  const byte: u32 = load<u8>(at);
  if (byte == 0x6e) return otherEnd(at, last); // null: no measurement
  const end = scanNumber(at);
  if (end == 0 || !(abs(scannedNumber) <= valueMagnitudeMax)) return 0;
  store<f64>(slotValues + ((<usize>slot) << 3), scannedNumber);
  store<u64>(slotSuffixes + ((<usize>slot) << 3), suffix);
  store<u32>(slotSeen + ((<usize>slot) << 2), record);
  valuesFound += 1;
  return end;
}

/** Takes a member of an object if it is a number; skips others where only numbers are values. */
function takeMember(suffix: u64, at: usize, last: usize): usize {
  const byte: u32 = load<u8>(at);
  if (byte == minus || byte - 0x30 <= 9) {
    if (slots >= slotsMax) return 0;
    slots += 1;
    return takeValue(slots - 1, suffix, at, last);
  }
  // A text or a boolean may be declared a value.
  return byte == 0x6e || onlyNumbers() ? unknownEnd(at, last) : 0;
}

function takeTime(at: usize, last: usize): usize {
  timeFound = true;
  if (timeKind() != timeIsText) {
    const end = scanNumber(at);
    timeValue = scannedMs();
    return end;
  }
  if (load<u8>(at) != quote) return 0;
  const end = stringEnd(at + 1, last);
  if (end == 0 || !scanIso(at + 1, end - 1)) return 0;
  timeValue = isoMs;
  return end;
}

function takeId(part: i32, at: usize, last: usize): usize {
  const end = scanIdText(at, last);
  if (end == 0) return 0;
  idsFound += 1;
  store<u32>(foundIds + ((<usize>part) << 3), <u32>textStart);
  store<u32>(foundIds + ((<usize>part) << 3), <u32>textEnd, 4);
  return end;
}

function takeMetric(at: usize, last: usize): usize {
  const end = scanIdText(at, last);
  if (end == 0) return 0;
  metricStart = textStart;
  metricEnd = textEnd;
  return end;
}

let textStart: usize = 0;
let textEnd: usize = 0;

/** A text that is not empty, or a whole number in its digits; textStart and textEnd are it. */
function scanIdText(at: usize, last: usize): usize {
  const byte: u32 = load<u8>(at);
  if (byte == quote) {
    const end = stringEnd(at + 1, last);
    textStart = at + 1;
    textEnd = end - 1;
    return textEnd > textStart ? end : 0;
  }
  let digits = at;
  if (byte == minus) digits += 1;
  const first = <u32>load<u8>(digits) - 0x30;
  let end = digits;
  while (<u32>load<u8>(end) - 0x30 <= 9) end += 1;
  const length = end - digits;
  const isPlain = first > 0 ? length <= idDigitsMax : length == 1 && byte != minus;
  const behind: u32 = load<u8>(end);
  if (length == 0 || !isPlain || behind == 0x2e || (behind | 0x20) == 0x65) return 0;
  textStart = at;
  textEnd = end;
  return end;
}
