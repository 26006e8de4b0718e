// Event times as files have them → ms since epoch: numbers in a unit, ISO 8601, dates, and local
// times of a zone. Text that names no moment, as 2024-02-30, is refused.
import type { TimeUnit } from '../sensors/input-declaration.ts';
import { inMs, likelyUnit } from '../sensors/time-unit.ts';
import { createLocalClock, type LocalClock } from './local-clock.ts';

export interface FileTimeRule {
  /** `any`: digits are ms, all else ISO 8601. */
  readonly unit: TimeUnit | 'any';
  /** Of texts that name no zone. */
  readonly zone: LocalClock;
  /** Today, ms: a likely unit is told by it. */
  readonly nowMs: number;
  /** Counts of times read or refused that may be meant otherwise; shown to people. */
  readonly doubts: {
    /** Times of early 1970 that make sense in `unit`. */
    count: number;
    unit: string;
    /** Values with a decimal comma. */
    commas: number;
  };
}

/** Returns ms since epoch, or why `found` is no time. `sensorId` tells repeated hours apart. */
export function readFileTime(
  found: unknown,
  rule: FileTimeRule,
  sensorId: string,
): number | string {
  if (found instanceof Date) {
    const ms = found.getTime();
    return Number.isSafeInteger(ms) ? ms : 'is no date';
  }
  if (typeof found === 'number') return fromNumber(found, rule);
  if (typeof found === 'bigint') return fromWhole(found, rule);
  if (typeof found !== 'string') return `is not a time: ${printable(String(found))}`;
  if (rule.unit !== 'iso') {
    if (wholeNumber.test(found)) return fromWhole(BigInt(found), rule);
    if (rule.unit === 's' && decimalNumber.test(found)) return fromNumber(Number(found), rule);
    if (rule.unit !== 'any') return `is not a number of ${rule.unit}: ${printable(found)}`;
  }
  return fromText(found, rule.zone, sensorId);
}

/** Returns ms since epoch of digits or ISO 8601, UTC where it names no zone; NaN for others. */
export function parseTimestampMs(text: string): number {
  const doubts = { count: 0, unit: '', commas: 0 };
  const ms = readFileTime(text, { unit: 'any', zone: utc, nowMs: 0, doubts }, '');
  return typeof ms === 'number' ? ms : NaN;
}

const utc = createLocalClock('UTC');

const wholeNumber = /^[+-]?\d{1,20}$/;
const decimalNumber = /^[+-]?\d{1,16}\.\d{1,12}$/;

function fromWhole(whole: bigint, rule: FileTimeRule): number | string {
  const { unit } = rule;
  const perMs = unit === 'us' ? 1_000n : unit === 'ns' ? 1_000_000n : undefined;
  if (perMs === undefined) return fromNumber(Number(whole), rule);
  // A number of nanoseconds has more digits than a double.
  const ms = Number((whole - (((whole % perMs) + perMs) % perMs)) / perMs);
  return checked(ms, Number(whole), rule);
}

function fromNumber(number: number, rule: FileTimeRule): number | string {
  return checked(inMs(number, unitOf(rule)), number, rule);
}

/** A time far ahead of today in its unit is refused where another unit explains it. */
function checked(ms: number, number: number, rule: FileTimeRule): number | string {
  if (!Number.isSafeInteger(ms)) return `is not a time: ${number}`;
  const likely = likelyUnit(number, unitOf(rule), rule.nowMs, yearMs);
  if (likely === undefined) return ms + 0;
  if (ms < rule.nowMs) {
    rule.doubts.count += 1;
    rule.doubts.unit = likely.unit;
    return ms;
  }
  return (
    `is ${number}: in ${unitOf(rule)} that is far ahead, in ${likely.unit} ` +
    `${new Date(likely.timestampMs).toISOString()}; say --time-unit ${likely.unit}`
  );
}

const yearMs = 366 * 86_400_000;

function unitOf({ unit }: FileTimeRule): TimeUnit {
  return unit === 'any' ? 'ms' : unit;
}

const moment =
  /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?([Zz]|[+-]\d\d(?::?\d\d)?)?)?$/;

/** Returns ms since epoch of a date and time, local to `zone` where it names none. */
function fromText(text: string, zone: LocalClock, sensorId: string): number | string {
  const [whole, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', offset] =
    moment.exec(text) ?? [];
  if (whole === undefined) return `is not a time: ${printable(text)}`;
  const [y = 0, mo = 0, d = 0] = [year, month, day].map(Number);
  const [h = 0, mi = 0, s = 0] = [hour, minute, second].map(Number);
  const localMs = utcMs(y, mo, d) + ((h * 60 + mi) * 60 + s) * 1_000;
  if (Number.isNaN(localMs) || h > 23 || mi > 59 || s > 59) {
    return `is not a time: there is no ${printable(text)}`;
  }
  const ms = Number(fraction.slice(0, 3).padEnd(3, '0'));
  if (offset === undefined) return zone.utcOf(localMs + ms, sensorId);
  return localMs + ms - offsetMinutes(offset) * 60_000;
}

/** Midnight of a date; NaN where the month has no such day. */
function utcMs(year: number, month: number, day: number): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? date.getTime() : NaN;
}

function offsetMinutes(text: string): number {
  if (text === 'Z' || text === 'z') return 0;
  const minutes = Number(text.slice(1, 3)) * 60 + Number(text.slice(3).replace(':', '') || 0);
  return text.startsWith('-') ? -minutes : minutes;
}

const shownCharacters = 40;

/** Returns text of a file for a message: cut, and without what would move a terminal's cursor. */
export function printable(text: string): string {
  const short = text.length > shownCharacters ? `${text.slice(0, shownCharacters)}…` : text;
  return /[\u0000-\u001f\u007f-\u009f]/.test(short) ? JSON.stringify(short) : short;
}
