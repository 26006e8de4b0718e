// Event times as users send them → ms since epoch: numbers in a declared unit, or ISO 8601 text.
// Whole milliseconds; what is finer is cut off, so that a reading stays in its window.
import type { DeadLetterReason } from '../sensors/reading.ts';
import {
  declaredFields,
  zoneMinutes,
  type InputDeclaration,
  type TimeUnit,
} from '../sensors/input-declaration.ts';
import { inMs, likelyUnit, type LikelyUnit } from '../sensors/time-unit.ts';
import { isoTime } from './iso-time.ts';
import { shown } from './reading-limits.ts';
import { wholeMs } from './schema-time.ts';

/** Result of the last successful `readTime`, ms. A slot, because a returned double may be boxed. */
export const timeSlot: Float64Array = new Float64Array(1);

export interface TimeRule {
  /** The field, as the user wrote it, for messages. */
  readonly field: string;
  readonly unit: TimeUnit;
  readonly zoneMinutes: number | undefined;
  /** Whether a text of digits counts as the number. */
  readonly acceptsText: boolean;
}

/** Returns how the times of a declaration are read. */
export function timeRuleOf(declaration: InputDeclaration): TimeRule {
  return {
    field: declaredFields(declaration).time,
    unit: declaration.timeUnit,
    zoneMinutes: declaration.timeZoneMinutes,
    acceptsText: declaration.valueTypes.includes('text'),
  };
}

/**
 * As `readTime`; a number that makes sense in another unit alone is refused. `recordTimeMs`: when
 * the record entered the log.
 */
export function timeReason(
  found: unknown,
  rule: TimeRule,
  recordTimeMs: number,
  maxAheadMs: number,
): DeadLetterReason | null {
  const reason = readTime(found, rule);
  if (reason !== null || rule.unit === 'iso') return reason;
  const number = typeof found === 'string' ? (numberOf(found) ?? NaN) : Number(found);
  const likely = likelyUnit(number, rule.unit, recordTimeMs, maxAheadMs);
  return likely === undefined ? null : unitReason(number, rule, likely);
}

/** Puts the time that `found` says into `timeSlot`; returns null, or why it says none. */
export function readTime(found: unknown, rule: TimeRule): DeadLetterReason | null {
  if (found === undefined) {
    return { code: 'timestamp_missing', message: `${rule.field} is missing` };
  }
  if (rule.unit === 'iso') return readIso(found, rule);
  if (typeof found === 'bigint') return readNanoseconds(found, rule);
  const number = rule.acceptsText && typeof found === 'string' ? numberOf(found) : found;
  if (typeof number !== 'number') return wrongType(found, rule);
  const whole =
    typeof found === 'string' && mayBeRounded(number, rule) ? integerOf(found) : undefined;
  return whole === undefined ? readNumber(number, rule) : readNanoseconds(whole, rule);
}

/** Whether a number may have lost digits that count: those of nanoseconds beyond 2^53. */
export function mayBeRounded(found: unknown, { unit }: Pick<TimeRule, 'unit'>): boolean {
  return unit === 'ns' && typeof found === 'number' && !Number.isSafeInteger(found);
}

/** More digits than any time that is in range. */
const digitsMax = 30;

/** Returns the integer that a text of plain digits is; undefined for all else. */
export function integerOf(digits: string): bigint | undefined {
  return digits.length <= digitsMax && /^-?\d+$/.test(digits) ? BigInt(digits) : undefined;
}

/** A double has fewer digits than nanoseconds since 1970. */
function readNanoseconds(ns: bigint, rule: TimeRule): DeadLetterReason | null {
  const ms = wholeMs(ns, 'ns');
  if (!Number.isSafeInteger(ms)) return outOfRange(ns, rule);
  timeSlot[0] = ms;
  return null;
}

function wrongType(found: unknown, { field, unit }: TimeRule): DeadLetterReason {
  const expected = unit === 'iso' ? 'an ISO 8601 text' : `a number of ${unitNames[unit]}`;
  const message = `expected ${field} to be ${expected}, got ${shown(found)}`;
  return { code: 'timestamp_type', message };
}

const unitNames: Readonly<Record<Exclude<TimeUnit, 'iso'>, string>> = {
  ms: 'milliseconds since 1970',
  s: 'seconds since 1970',
  us: 'microseconds since 1970',
  ns: 'nanoseconds since 1970',
};

const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Returns the number that a text is; undefined for anything but a number in plain JSON digits. */
export function numberOf(text: string): number | undefined {
  return text.length <= numberCharactersMax && jsonNumber.test(text) ? Number(text) : undefined;
}

const numberCharactersMax = 400;

function readNumber(number: number, rule: TimeRule): DeadLetterReason | null {
  const { field, unit } = rule;
  if (unit !== 's' && Number.isFinite(number) && !Number.isInteger(number)) {
    const message = `expected ${field} to be a whole number in ${unit}, got ${number}`;
    return { code: 'timestamp_type', message };
  }
  const ms = inMs(number, unit);
  if (!Number.isSafeInteger(ms)) return outOfRange(number, rule);
  timeSlot[0] = ms + 0; // −0 becomes 0
  return null;
}

function outOfRange(time: number | bigint, { field, unit }: TimeRule): DeadLetterReason {
  const message = `expected ${field} within ±(2^53 − 1) ms of 1970, got ${time} ${unit}`;
  return { code: 'timestamp_range', message };
}

const iso =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?([Zz]|[+-]\d\d(?::?\d\d)?)?$/;

function readIso(found: unknown, rule: TimeRule): DeadLetterReason | null {
  if (typeof found !== 'string') return wrongType(found, rule);
  const [whole, year, month, day, hour, minute, second = '0', fraction = '', zone] =
    iso.exec(found) ?? [];
  if (whole === undefined) return wrongType(found, rule);
  const offset = zone === undefined ? rule.zoneMinutes : zoneMinutes(zone);
  if (offset === undefined) {
    const message =
      `expected ${rule.field} to name its zone, got ${shown(found)}; ` +
      'declare the zone of such texts: time_zone';
    return zone === undefined ? { code: 'timestamp_zone', message } : wrongType(found, rule);
  }
  const [y, mo, d, h, mi, s] = [year, month, day, hour, minute, second].map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (!isDate(y, mo, d) || h > 23 || mi > 59 || s > 59) {
    const message = `${rule.field} names no moment: ${shown(found)}`;
    return { code: 'timestamp_range', message };
  }
  const date = new Date(0);
  date.setUTCFullYear(y, mo - 1, d);
  date.setUTCHours(h, mi - offset, s, Number(fraction.slice(0, 3).padEnd(3, '0')));
  timeSlot[0] = date.getTime();
  return null;
}

function isDate(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1) return false;
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day <= (month === 2 && isLeap ? 29 : (monthDays[month - 1] ?? 0));
}

const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Returns why a time is refused whose unit is likely another than the declared one. */
export function unitReason(
  number: number,
  { field, unit }: Pick<TimeRule, 'field' | 'unit'>,
  likely: LikelyUnit,
): DeadLetterReason {
  const readMs = inMs(number, unit);
  const readAs = Number.isSafeInteger(readMs) ? isoTime(readMs) : `${readMs} ms`;
  return {
    code: 'timestamp_unit',
    message:
      `${field} is ${number}: in ${unit} that is ${readAs}, in ${likely.unit} ` +
      `${isoTime(likely.timestampMs)}; declare time_unit: ${likely.unit}`,
  };
}
