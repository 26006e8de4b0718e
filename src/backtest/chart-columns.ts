// Reduces a trace to pixel columns with the lowest and highest value of each, so that a spike of
// one reading among a million stays visible.
import type { Trace } from './trace.ts';

export interface PixelColumn {
  /** Index from the left, from 0. */
  readonly place: number;
  first: number;
  last: number;
  min: number;
  max: number;
  /** Band of the last reading with one; NaN if none has. */
  low: number;
  high: number;
  scoreMax: number;
}

/** Divides [fromMs, toMs] into `columns` and returns those with readings, left to right. */
export function pixelColumns(
  trace: Trace,
  { fromMs, toMs, columns }: { fromMs: number; toMs: number; columns: number },
): readonly PixelColumn[] {
  const byPlace: (PixelColumn | undefined)[] = Array.from({ length: columns }, () => undefined);
  for (let at = 0; at < trace.values.length; at += 1) {
    const part = (trace.timesMs.at(at) - fromMs) / (toMs - fromMs);
    const place = Math.max(0, Math.min(columns - 1, Math.floor(part * columns)));
    const value = trace.values.at(at);
    const column = (byPlace[place] ??= emptyColumn(place, value));
    column.last = value;
    column.min = Math.min(column.min, value);
    column.max = Math.max(column.max, value);
    column.scoreMax = Math.max(column.scoreMax, trace.scores.at(at));
    if (!Number.isNaN(trace.lows.at(at))) {
      column.low = trace.lows.at(at);
      column.high = trace.highs.at(at);
    }
  }
  return byPlace.filter((column) => column !== undefined);
}

/**
 * Splits the columns at gaps of more than `gapColumns`: no line is drawn where nothing was
 * measured.
 */
export function unbroken(
  columns: readonly PixelColumn[],
  gapColumns: number,
): readonly (readonly PixelColumn[])[] {
  const runs: PixelColumn[][] = [];
  let previous = -Infinity;
  for (const column of columns) {
    if (column.place - previous > gapColumns) runs.push([]);
    runs.at(-1)?.push(column);
    previous = column.place;
  }
  return runs;
}

function emptyColumn(place: number, value: number): PixelColumn {
  const none = { low: NaN, high: NaN, scoreMax: 0 };
  return { place, first: value, last: value, min: value, max: value, ...none };
}
