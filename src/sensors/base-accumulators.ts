// The accumulators every pane has, in the order of its columns: what the default features, alarms
// and lineage need. PanePool.add folds all of them in one fused step; these declarations say one by
// one what it must come to, and hold their merges.
import type { Accumulator } from './accumulator.ts';
import { welfordAdd, welfordMerge, welfordStride } from './welford.ts';

/** Number, mean and squared deviations of the readings. */
export const moments: Accumulator = {
  name: 'moments',
  columns: ['count', 'mean', 'm2'],
  open: (columns, at) => columns.fill(0, at, at + welfordStride),
  update: (columns, at, { value }) => {
    welfordAdd(columns, at, value);
  },
  merge: welfordMerge,
};

/** Least and greatest reading. */
export const extremes: Accumulator = {
  name: 'extremes',
  columns: ['min', 'max'],
  open: (columns, at) => {
    columns[at] = Infinity;
    columns[at + 1] = -Infinity;
  },
  update: (columns, at, { value }) => {
    columns[at] = Math.min(columns[at] ?? 0, value);
    columns[at + 1] = Math.max(columns[at + 1] ?? 0, value);
  },
  merge: (columns, into, from) => {
    columns[into] = Math.min(columns[into] ?? 0, columns[from] ?? 0);
    columns[into + 1] = Math.max(columns[into + 1] ?? 0, columns[from + 1] ?? 0);
  },
};

/** Number of anomalous readings. */
export const anomalies: Accumulator = {
  name: 'anomalies',
  columns: ['count'],
  open: (columns, at) => {
    columns[at] = 0;
  },
  update: (columns, at, { anomaly }) => {
    columns[at] = (columns[at] ?? 0) + anomaly;
  },
  merge: (columns, into, from) => {
    columns[into] = (columns[into] ?? 0) + (columns[from] ?? 0);
  },
};

/** Number of alarms and the greatest alarm score. */
export const alarms: Accumulator = {
  name: 'alarms',
  columns: ['count', 'scoreMax'],
  open: (columns, at) => {
    columns[at] = 0;
    columns[at + 1] = -Infinity;
  },
  update: (columns, at, { alarm, score }) => {
    columns[at] = (columns[at] ?? 0) + alarm;
    columns[at + 1] = Math.max(columns[at + 1] ?? 0, score);
  },
  merge: (columns, into, from) => {
    columns[into] = (columns[into] ?? 0) + (columns[from] ?? 0);
    columns[into + 1] = Math.max(columns[into + 1] ?? 0, columns[from + 1] ?? 0);
  },
};

/** First and last offset of the readings, in the input partition. */
export const lineage: Accumulator = {
  name: 'lineage',
  columns: ['firstOffset', 'lastOffset'],
  open: extremes.open,
  update: (columns, at, { offset }) => {
    columns[at] = Math.min(columns[at] ?? 0, offset);
    columns[at + 1] = Math.max(columns[at + 1] ?? 0, offset);
  },
  merge: extremes.merge,
};

/** In the order of a pane's first columns. */
export const baseAccumulators: readonly Accumulator[] = [
  moments,
  extremes,
  anomalies,
  alarms,
  lineage,
];
