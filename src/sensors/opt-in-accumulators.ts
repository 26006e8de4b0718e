// Accumulators that only features named in FEATURES bring into a pane. Where a reading's place in
// time matters it is its event time, and among equal event times its place in the log.
import type { Accumulator } from './accumulator.ts';

/** The sum, and what rounding has taken from it so far (Neumaier's compensation). */
export const sums: Accumulator = {
  name: 'sums',
  columns: ['total', 'lost'],
  open: (columns, at) => {
    columns[at] = 0;
    columns[at + 1] = 0;
  },
  update: (columns, at, { value }) => {
    addCompensated(columns, at, value);
  },
  merge: (columns, into, from) => {
    addCompensated(columns, into, columns[from] ?? 0);
    columns[into + 1] = (columns[into + 1] ?? 0) + (columns[from + 1] ?? 0);
  },
};

/**
 * Adds `x` to [total, lost] at `at`. total + lost is then within ε/2·|Σx| + n²·ε²/4·Σ|x| of the
 * exact sum of n terms.
 * Source: Neumaier, ZAMM 54 (1974) 39, algorithm IV.
 */
function addCompensated(columns: Float64Array, at: number, x: number): void {
  const before = columns[at] ?? 0;
  const total = before + x;
  // The greater of the two lost nothing of itself, so that what the other lost is exact.
  const lost = Math.abs(before) >= Math.abs(x) ? before - total + x : x - total + before;
  columns[at] = total;
  columns[at + 1] = (columns[at + 1] ?? 0) + lost;
}

/** The reading earliest in event time; of several, the one first in the log. */
export const earliest: Accumulator = {
  name: 'earliest',
  columns: ['timestampMs', 'value'],
  open: (columns, at) => {
    columns[at] = Infinity;
    columns[at + 1] = 0;
  },
  update: (columns, at, { timestampMs, value }) => {
    if (timestampMs >= (columns[at] ?? 0)) return;
    columns[at] = timestampMs;
    columns[at + 1] = value;
  },
  merge: (columns, into, from) => {
    if ((columns[from] ?? 0) < (columns[into] ?? 0)) columns.copyWithin(into, from, from + 2);
  },
};

/** The reading latest in event time; of several, the one last in the log. */
export const latest: Accumulator = {
  name: 'latest',
  columns: ['timestampMs', 'value'],
  open: (columns, at) => {
    columns[at] = -Infinity;
    columns[at + 1] = 0;
  },
  update: (columns, at, { timestampMs, value }) => {
    if (timestampMs < (columns[at] ?? 0)) return;
    columns[at] = timestampMs;
    columns[at + 1] = value;
  },
  merge: (columns, into, from) => {
    if ((columns[from] ?? 0) >= (columns[into] ?? 0)) columns.copyWithin(into, from, from + 2);
  },
};

/**
 * The greatest leap of event time: how far a reading, when it came, lay outside the span of event
 * time read before it. In event-time order this is the greatest gap. A reading that comes out of
 * order does not shorten a leap made before it: with readings at most d behind the latest one read,
 * the gap is never overstated by more than d and never understated.
 */
export const gaps: Accumulator = {
  name: 'gaps',
  columns: ['greatestMs', 'earliestMs', 'latestMs'],
  open: (columns, at) => {
    columns[at] = 0;
    columns[at + 1] = Infinity;
    columns[at + 2] = -Infinity;
  },
  update: (columns, at, { timestampMs }) => {
    widenSpan(columns, at, timestampMs, timestampMs);
  },
  merge: (columns, into, from) => {
    const greatestMs = Math.max(columns[into] ?? 0, columns[from] ?? 0);
    columns[into] = greatestMs;
    widenSpan(columns, into, columns[from + 1] ?? 0, columns[from + 2] ?? 0);
  },
};

/** Widens the span at `at` by [fromMs, toMs]; what lies between the two is a gap. */
function widenSpan(columns: Float64Array, at: number, fromMs: number, toMs: number): void {
  const earliestMs = columns[at + 1] ?? 0;
  const latestMs = columns[at + 2] ?? 0;
  // An empty span has its ends at ∞ and −∞: no distance to it is a gap.
  const gapMs = Math.max(fromMs - latestMs, earliestMs - toMs);
  if (gapMs > (columns[at] ?? 0) && gapMs < Infinity) columns[at] = gapMs;
  columns[at + 1] = Math.min(earliestMs, fromMs);
  columns[at + 2] = Math.max(latestMs, toMs);
}
