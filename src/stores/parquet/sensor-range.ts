// The rows of some sensors in a range of time. A backfill looks for them in a history, and puts its
// own in their place.
import type { SensorRange } from '../history-store.ts';
import { BlockBuilder, type HistoryBlock } from './history-block.ts';

/** Returns whether row `at` of `block` stays. */
export type KeepsRow = (block: HistoryBlock, at: number) => boolean;

/** Returns the window end of the first row in `range`, or undefined if `block` has no such row. */
export function rowOf(block: HistoryBlock, range: SensorRange): number | undefined {
  for (let at = 0; at < block.rows; at += 1) {
    if (isIn(block, at, range)) return block.times[0]?.[at];
  }
  return undefined;
}

/** Returns a filter that keeps all rows except those of `range`. */
export function keepsOutside(range: SensorRange): KeepsRow {
  return (block, at) => !isIn(block, at, range);
}

function isIn(block: HistoryBlock, at: number, { sensorIds, fromMs, toMs }: SensorRange): boolean {
  const endMs = block.times[0]?.[at] ?? NaN;
  return endMs > fromMs && endMs <= toMs && sensorIds.has(block.sensorIds[at] ?? '');
}

/** Returns the rows of `block` that `keeps` keeps. */
export function keptRows(block: HistoryBlock, keeps: KeepsRow): HistoryBlock {
  const builder = new BlockBuilder(block.features.length, block.rows);
  for (let at = 0; at < block.rows; at += 1) if (keeps(block, at)) builder.copy(block, at);
  return builder.rows === block.rows ? block : builder.take();
}
