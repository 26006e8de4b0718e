// ISO 8601 text → ms since epoch, the plain form only: YYYY-MM-DDTHH:MM:SS, a fraction of up to
// nine digits, a zone. Other forms are left to the host (src/codecs/input-time.ts).
import { noZone, zoneMinutes } from './shape';

/** The time that the last successful `scanIso` found, ms. */
export let isoMs: f64 = 0;

const dayMs: f64 = 86400000;

/** Whether the text in bytes [start, end) is a moment; `isoMs` is it then. */
export function scanIso(start: usize, end: usize): bool {
  if (end - start < 19) return false;
  const year = twoDigits(start) * 100 + twoDigits(start + 2);
  const month = twoDigits(start + 5);
  const day = twoDigits(start + 8);
  const hour = twoDigits(start + 11);
  const minute = twoDigits(start + 14);
  const second = twoDigits(start + 17);
  // Two characters that are no digits give a number so negative that the whole part is negative.
  if (year < 0 || month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return false;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return false;
  if (load<u8>(start, 4) != 0x2d || load<u8>(start, 7) != 0x2d) return false;
  const between: u32 = load<u8>(start, 10);
  if (between != 0x54 && between != 0x20) return false;
  if (load<u8>(start, 13) != 0x3a || load<u8>(start, 16) != 0x3a) return false;
  let at = start + 19;
  let ms = 0;
  if (at < end && (load<u8>(at) == 0x2e || load<u8>(at) == 0x2c)) {
    let weight = 100;
    const first = (at += 1);
    for (; at < end && isDigit(at); at += 1) {
      ms += (<i32>load<u8>(at) - 0x30) * weight;
      weight /= 10;
    }
    if (at == first || at - first > 9) return false;
  }
  const offset = zoneAt(at, end);
  if (offset == noZone) return false;
  const minutes = hour * 60 + minute - offset;
  isoMs = <f64>daysSince1970(year, month, day) * dayMs + <f64>((minutes * 60 + second) * 1000 + ms);
  return true;
}

function isDigit(at: usize): bool {
  return <u32>load<u8>(at) - 0x30 <= 9;
}

/** −10,000 where there are no two digits. */
function twoDigits(at: usize): i32 {
  const tens = <u32>load<u8>(at) - 0x30;
  const ones = <u32>load<u8>(at, 1) - 0x30;
  return tens <= 9 && ones <= 9 ? <i32>(tens * 10 + ones) : -10_000;
}

/** The minutes that the zone in bytes [at, end) is ahead of UTC; the declared one where none is. */
function zoneAt(at: usize, end: usize): i32 {
  const length = end - at;
  if (length == 0) return zoneMinutes();
  const sign: u32 = load<u8>(at);
  if (length == 1) return sign == 0x5a || sign == 0x7a ? 0 : noZone;
  if (sign != 0x2b && sign != 0x2d) return noZone;
  const hours = twoDigits(at + 1);
  let minutes = 0;
  if (length == 6 && load<u8>(at, 3) == 0x3a) minutes = twoDigits(at + 4);
  else if (length == 5) minutes = twoDigits(at + 3);
  else if (length != 3) return noZone;
  if (hours < 0 || hours > 18 || minutes < 0 || minutes > 59) return noZone;
  const ahead = hours * 60 + minutes;
  return sign == 0x2d ? -ahead : ahead;
}

function daysOf(year: i32, month: i32): i32 {
  if (month == 2) {
    const isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return isLeap ? 29 : 28;
  }
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/**
 * Days of the Gregorian calendar since 1970. Source: H. Hinnant, chrono-Compatible Low-Level Date
 * Algorithms, days_from_civil.
 */
function daysSince1970(year: i32, month: i32, day: i32): i32 {
  const y = month <= 2 ? year - 1 : year;
  const era = (y >= 0 ? y : y - 399) / 400;
  const yearOfEra = y - era * 400;
  const dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear;
  return era * 146097 + dayOfEra - 719468;
}
