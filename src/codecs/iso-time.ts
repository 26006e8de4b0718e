// Times as text. Date stops at ±8.64e15 ms (the year 275760); a safe integer goes on to
// ±9.007e15, so that every timestamp a reading may carry has a text.

const dateMsMax = 8.64e15;
/** The Gregorian calendar repeats after 400 years = 146,097 days. */
const cycleYears = 400;
const cycleMs = 146_097 * 86_400_000;

/**
 * Returns `timeMs`, a safe integer of ms since epoch, as ISO 8601 in UTC with milliseconds:
 * `2023-11-14T22:15:00.000Z`; outside the years 0 to 9999 with a sign and six digits, `+012345-…`,
 * as ECMA-262 (Date Time String Format) has it.
 */
export function isoTime(timeMs: number): string {
  if (Math.abs(timeMs) <= dateMsMax) return new Date(timeMs).toISOString();
  const cycles = timeMs < 0 ? -50 : 50; // 20,000 years: enough to bring any safe integer within Date's range
  const text = new Date(timeMs - cycles * cycleMs).toISOString();
  const year = Number(text.slice(0, 7)) + cycles * cycleYears;
  const digits = String(Math.abs(year)).padStart(6, '0');
  return `${year < 0 ? '-' : '+'}${digits}${text.slice(7)}`;
}

/**
 * Returns ms since epoch of an ISO 8601 date, or of a time with its zone; NaN for any other text,
 * and for a date that the calendar has not. A time without a zone means another moment on another
 * machine.
 */
export function isoMs(text: string): number {
  const [, date = '', hour = '00'] = isoText.exec(text) ?? [];
  const midnightMs = Date.parse(date);
  // Date takes 30 February for 2 March, and hour 24 for the next day.
  if (Number.isNaN(midnightMs) || isoTime(midnightMs).slice(0, 10) !== date) return NaN;
  return hour === '24' ? NaN : Date.parse(text);
}

const isoText = /^(\d{4}-\d\d-\d\d)(?:T(\d\d):\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d))?$/;
