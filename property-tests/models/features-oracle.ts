// The opt-in features of one window, each straight from its definition: sorted copies and exact
// sums, no accumulators.
import type { Verdict } from './baseline-oracle.ts';
import { toDouble, toUnits, unitBits } from './exact.ts';

export interface OptInValues {
  /** Rounded once. */
  readonly sum: number;
  readonly first_value: number;
  readonly last_value: number;
  readonly range: number;
  readonly rate_of_change: number;
  /** Exact quantiles of type 7. */
  readonly median: number;
  readonly p95: number;
  /** By the definition: as seen when each reading came. */
  readonly gap_max_ms: number;
  readonly alarm_count: number;
  readonly alarm_score_max: number;
}

interface TimedValue {
  readonly offset: number;
  readonly timestampMs: number;
  readonly value: number;
}

/** Returns the features of a window's readings, in log order, with their verdicts. */
export function optInValues(
  readings: readonly TimedValue[],
  verdicts: readonly Verdict[],
): OptInValues {
  const inTime = [...readings].sort((a, b) => a.timestampMs - b.timestampMs || a.offset - b.offset);
  const [first, last] = [inTime[0], inTime.at(-1)];
  if (first === undefined || last === undefined) throw new Error('a window without readings');
  const values = readings.map((reading) => reading.value + 0).sort((a, b) => a - b);
  const seconds = (last.timestampMs - first.timestampMs) / 1000;
  const scores = verdicts.map((verdict) => verdict.score);
  return {
    sum: exactSum(values),
    first_value: first.value + 0,
    last_value: last.value + 0,
    range: (values.at(-1) ?? 0) - (values[0] ?? 0),
    rate_of_change: seconds === 0 ? 0 : (last.value - first.value) / seconds,
    median: exactQuantile(values, 0.5),
    p95: exactQuantile(values, 0.95),
    gap_max_ms: gapAsSeen(readings.map((reading) => reading.timestampMs)),
    alarm_count: verdicts.filter((verdict) => verdict.alarm).length,
    alarm_score_max: Math.min(
      Number.MAX_VALUE,
      scores.reduce((a, b) => Math.max(a, b), -Infinity),
    ),
  };
}

/**
 * Returns the quantile `p` of ascending values, between the two nearest in rank (Hyndman and Fan,
 * American Statistician 50 (1996) 361, type 7).
 */
export function exactQuantile(ascending: readonly number[], p: number): number {
  const rank = (ascending.length - 1) * p;
  const lower = ascending[Math.floor(rank)] ?? NaN;
  const upper = ascending[Math.ceil(rank)] ?? NaN;
  return lower === upper ? lower : lower + (rank - Math.floor(rank)) * (upper - lower);
}

/** Returns the sum of `values` in integer arithmetic, rounded once. */
export function exactSum(values: readonly number[]): number {
  return toDouble(
    values.map(toUnits).reduce((a, b) => a + b, 0n),
    1n << unitBits,
  );
}

/** Returns the greatest distance of a time from all times before it that lies on one side of them. */
export function gapAsSeen(timesMs: readonly number[]): number {
  return timesMs.reduce((greatest, timeMs, index) => {
    const before = timesMs.slice(0, index);
    const beyond =
      before.every((earlier) => earlier < timeMs) || before.every((earlier) => earlier > timeMs);
    if (before.length === 0 || !beyond) return greatest;
    const nearest = before
      .map((earlier) => Math.abs(timeMs - earlier))
      .reduce((a, b) => Math.min(a, b));
    return Math.max(greatest, nearest);
  }, 0);
}

/**
 * Returns the greatest gap of a window made of base windows, given the readings of each: as seen
 * within one, true between two.
 */
export function gapOfWindows(
  windows: readonly (readonly { readonly timestampMs: number }[])[],
): number {
  const timesOf = windows
    .map((readings) => readings.map(({ timestampMs }) => timestampMs))
    .sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0));
  const within = timesOf.map(gapAsSeen);
  const between = timesOf.slice(1).map((timesMs, index) => {
    const before = timesOf[index] ?? [];
    return timesMs.reduce((a, b) => Math.min(a, b)) - before.reduce((a, b) => Math.max(a, b));
  });
  return [...within, ...between].reduce((a, b) => Math.max(a, b), 0);
}

/** Returns the greatest gap between neighbours in time. */
export function gapInTime(timesMs: readonly number[]): number {
  const sorted = [...timesMs].sort((a, b) => a - b);
  return sorted
    .map((timeMs, index) => timeMs - (sorted[index - 1] ?? timeMs))
    .reduce((a, b) => Math.max(a, b), 0);
}
