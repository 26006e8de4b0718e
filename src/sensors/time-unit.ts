// Units of time since 1970, and which of them a number is likely in: a number of seconds that is
// taken for milliseconds lies in January 1970, and one of microseconds far ahead.
import type { TimeUnit } from './input-declaration.ts';

/** Returns a number of `unit` in ms, NaN for ISO; not whole or not safe where out of range. */
export function inMs(number: number, unit: TimeUnit): number {
  switch (unit) {
    case 'ms':
      return number;
    case 's':
      // To the nearest microsecond first: 1700000041.123 is a double a little below it.
      return Math.floor(Math.round(number * 1e6) / 1e3);
    case 'us':
      return Math.floor(number / 1e3);
    case 'ns':
      // The remainder is exact, the quotient of a number near 2^53 is not. Beyond it, the rounding
      // of the quotient undoes that of a whole millisecond to a double.
      return Number.isSafeInteger(number)
        ? (number - (((number % 1e6) + 1e6) % 1e6)) / 1e6
        : Math.floor(number / 1e6);
    case 'iso':
      return NaN;
    default:
      return unit satisfies never;
  }
}

/** A time that was read in one unit and would make sense in another. */
export interface LikelyUnit {
  readonly unit: TimeUnit;
  readonly timestampMs: number;
}

// 26 April 1970: a number of seconds, taken for milliseconds, stays before it until the year 2286.
const earlyMs = 1e10;
// Before 1973 a record's own timestamp is none.
const recordTimeMin = 1e11;
const historyMs = 30 * 366 * 86_400_000;

/**
 * Returns the unit in which `number` fits its record's time better than in `unit`; undefined where
 * it makes sense in its own. In its own it must lie before May 1970, or more than `aheadMs` past
 * the record; in the other one within 30 years before the record.
 */
export function likelyUnit(
  number: number,
  unit: TimeUnit,
  recordTimeMs: number,
  aheadMs: number,
): LikelyUnit | undefined {
  const readMs = inMs(number, unit);
  const isEarly = readMs > 0 && readMs < earlyMs;
  if (!(recordTimeMs >= recordTimeMin && (isEarly || readMs > recordTimeMs + aheadMs))) {
    return undefined;
  }
  for (const other of ['s', 'ms', 'us', 'ns'] as const) {
    const timestampMs = inMs(number, other);
    if (timestampMs >= recordTimeMs - historyMs && timestampMs <= recordTimeMs + aheadMs) {
      return other === unit ? undefined : { unit: other, timestampMs };
    }
  }
  return undefined;
}
