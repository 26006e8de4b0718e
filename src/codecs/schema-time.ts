// Times whose schema says their unit → the unit that the declaration says, so that they are read as
// any other time of it: Avro's timestamp-millis, -micros and -nanos, Protobuf's Timestamp.
import type { TimeUnit } from '../sensors/input-declaration.ts';
import { isoTime } from './iso-time.ts';

export type SchemaTimeUnit = 'ms' | 'us' | 'ns';

const unitsPerMs: Readonly<Record<SchemaTimeUnit, bigint>> = { ms: 1n, us: 1_000n, ns: 1_000_000n };

/**
 * Returns a time of unit `from` in unit `to`, a text for ISO. What is finer than a millisecond is
 * cut off; reading the result gives that millisecond exactly.
 */
export function inTimeUnit(
  time: number | bigint,
  from: SchemaTimeUnit,
  to: TimeUnit,
): number | string {
  const ms = wholeMs(time, from);
  switch (to) {
    case 'ms':
      return ms;
    case 's':
      return ms / 1e3;
    case 'us':
      return ms * 1e3;
    case 'ns':
      // The middle of the millisecond: beyond 2^53 its first nanosecond may be rounded below it.
      return ms * 1e6 + 5e5;
    case 'iso':
      return Number.isSafeInteger(ms) ? isoTime(ms) : String(ms);
    default:
      return to satisfies never;
  }
}

/** Returns a time in whole milliseconds, rounded down. */
export function wholeMs(time: number | bigint, from: SchemaTimeUnit): number {
  if (typeof time === 'number') return Math.floor(time / Number(unitsPerMs[from]));
  const units = unitsPerMs[from];
  const ms = time / units;
  // BigInt division rounds towards 0, and times before 1970 round down as all others do.
  return Number(time % units < 0n ? ms - 1n : ms);
}
