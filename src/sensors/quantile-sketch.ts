// Quantiles of a pane in a bounded number of buckets: exact while few distinct values were read,
// then on a grid as fine as 63 buckets allow. Only buckets that hold a reading count, so that an
// outlier costs one of them and no resolution of the others.
//
//   | width | buckets | edge 0 … 63, ascending | count 0 … 63 |    130 doubles
//
// The grid is aligned: bucket k is [k·width, (k + 1)·width), width a power of two, the least that
// needs at most 63 buckets. So the grid depends on the set of values alone: in whatever order they
// come and however panes are cut and merged, the columns are the same bits.
import type { Accumulator } from './accumulator.ts';
import type { ClosedWindow } from './closed-window.ts';

const slots = 64;
/** One slot stays free for the value that makes a coarser grid necessary. */
const bucketsMax = slots - 1;
const widthAt = 0;
const bucketsAt = 1;
const edgesAt = 2;
const countsAt: number = edgesAt + slots;
/** 2⁻⁵⁰⁰: far below what readings differ by, and 1e150 divided by it is still a double. */
const leastWidth: number = 2 ** -500;

/** The readings' distinct values and how often each came, or buckets of them. */
export const quantiles: Accumulator = {
  name: 'quantiles',
  columns: [
    'width',
    'buckets',
    ...Array.from({ length: slots }, (_, slot) => `e${slot}`),
    ...Array.from({ length: slots }, (_, slot) => `c${slot}`),
  ],
  open: (columns, at) => {
    columns.fill(0, at, at + countsAt + slots);
  },
  update: (columns, at, { value }) => {
    addToBucket(columns, at, value, 1);
  },
  merge: (columns, into, from) => {
    if ((columns[from + widthAt] ?? 0) > (columns[into + widthAt] ?? 0)) {
      coarsen(columns, into, columns[from + widthAt] ?? 0);
    }
    const buckets = columns[from + bucketsAt] ?? 0;
    for (let bucket = 0; bucket < buckets; bucket += 1) {
      const edge = columns[from + edgesAt + bucket] ?? 0;
      addToBucket(columns, into, edge, columns[from + countsAt + bucket] ?? 0);
    }
  },
};

/**
 * Returns the quantile `p` in [0, 1] of a window that has `quantiles`: interpolated between the two
 * readings nearest in rank, as numpy and pandas do by default (Hyndman and Fan 1996, type 7).
 *
 * Exact where the window has at most 63 distinct values. Else within half a bucket's width of the
 * exact one, and for every k < 62 below (range of the readings but any k of them) / (62 − k): with
 * half the width more than 63 buckets held readings, so that at least 64 − k of them hold the
 * others. To both, rounding adds at most 4·ε of the greatest magnitude; and no width is below
 * 2⁻⁵⁰⁰.
 */
export function quantileOf(window: ClosedWindow, p: number): number {
  const rank = (window.count - 1) * p;
  const below = Math.floor(rank);
  const lower = orderStatistic(window, below);
  const share = rank - below;
  // The difference of two readings is at most 2e150: it does not overflow.
  return share === 0 ? lower : lower + share * (orderStatistic(window, below + 1) - lower);
}

/** The reading of ascending rank `rank` from 0, as the middle of its bucket. */
function orderStatistic(window: ClosedWindow, rank: number): number {
  const width = window.column(quantiles, widthAt);
  const last = window.column(quantiles, bucketsAt) - 1;
  let bucket = 0;
  let passed = window.column(quantiles, countsAt);
  while (passed <= rank && bucket < last) {
    bucket += 1;
    passed += window.column(quantiles, countsAt + bucket);
  }
  const middle = window.column(quantiles, edgesAt + bucket) + width / 2;
  return Math.min(window.max, Math.max(window.min, middle));
}

function addToBucket(columns: Float64Array, at: number, x: number, count: number): void {
  const edge = edgeOf(x, columns[at + widthAt] ?? 0);
  const buckets = columns[at + bucketsAt] ?? 0;
  const edges = at + edgesAt;
  let [place, end] = [0, buckets];
  while (place < end) {
    const middle = (place + end) >>> 1;
    if ((columns[edges + middle] ?? 0) < edge) place = middle + 1;
    else end = middle;
  }
  const counts = at + countsAt;
  if (place < buckets && columns[edges + place] === edge) {
    columns[counts + place] = (columns[counts + place] ?? 0) + count;
    return;
  }
  columns.copyWithin(edges + place + 1, edges + place, edges + buckets);
  columns.copyWithin(counts + place + 1, counts + place, counts + buckets);
  columns[edges + place] = edge;
  columns[counts + place] = count;
  columns[at + bucketsAt] = buckets + 1;
  if (buckets < bucketsMax) return;
  let width = nextWidth(columns, at);
  while (coarsen(columns, at, width) > bucketsMax) width *= 2;
}

/**
 * Returns the lower edge of the bucket of `x`; 0 is the width of the grid on which each double is
 * its own edge.
 */
function edgeOf(x: number, width: number): number {
  if (width === 0) return x;
  const place = Math.floor(x / width);
  // A quotient that underflows would put a tiny negative value above 0.
  return x < 0 && place === 0 ? -width : place * width;
}

/** Returns the least width that may need fewer buckets: no two edges meet below their distance. */
function nextWidth(columns: Float64Array, at: number): number {
  const width = columns[at + widthAt] ?? 0;
  if (width > 0) return 2 * width;
  let distance = Infinity;
  for (let bucket = 1; bucket < slots; bucket += 1) {
    const edge = at + edgesAt + bucket;
    distance = Math.min(distance, (columns[edge] ?? 0) - (columns[edge - 1] ?? 0));
  }
  let next = leastWidth;
  while (2 * next <= distance) next *= 2;
  return next;
}

/**
 * Puts the buckets on the grid of `width`, a multiple of their own; returns how many they are
 * there.
 */
function coarsen(columns: Float64Array, at: number, width: number): number {
  const buckets = columns[at + bucketsAt] ?? 0;
  const [edges, counts] = [at + edgesAt, at + countsAt];
  let kept = 0;
  for (let bucket = 0; bucket < buckets; bucket += 1) {
    const edge = edgeOf(columns[edges + bucket] ?? 0, width);
    const count = columns[counts + bucket] ?? 0;
    if (kept > 0 && columns[edges + kept - 1] === edge) {
      columns[counts + kept - 1] = (columns[counts + kept - 1] ?? 0) + count;
    } else {
      columns[edges + kept] = edge;
      columns[counts + kept] = count;
      kept += 1;
    }
  }
  columns.fill(0, edges + kept, edges + buckets);
  columns.fill(0, counts + kept, counts + buckets);
  columns[at + widthAt] = width;
  columns[at + bucketsAt] = kept;
  return kept;
}
