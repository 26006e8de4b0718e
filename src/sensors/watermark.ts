// The watermark: event time before which every window is closed. It follows the greatest event time
// seen, at a fixed distance, and never goes back. It moves after each reading, so that batch cuts
// cannot change what is late.
import type { Semantics } from './semantics.ts';

/**
 * How the watermark moves: `own` follows the readings folded here; `external` is moved by a caller
 * that knows all sources.
 */
export type WatermarkMode = 'own' | 'external';

/**
 * Returns by how many ms a reading may lead its record and still move event time to its own
 * timestamp. With 0, event time never runs ahead of the log's own time: a reading that reaches the
 * log within the watermark's delay is in time, whatever other sensors' clocks say.
 */
export function leadMaxMs({ fastClocks }: Pick<Semantics, 'fastClocks'>): number {
  return fastClocks === 'hold' ? 0 : Infinity;
}

/**
 * Returns whether a reading leads its record by more than `leadMax` ms: it then moves event time to
 * its record's timestamp only. A record without a time (0 or below) holds no reading.
 */
export function isHeld(timestampMs: number, recordTimeMs: number, leadMax: number): boolean {
  // hot path
  return timestampMs - recordTimeMs > leadMax && recordTimeMs > 0;
}

/** Returns to which event time, ms, a reading may move its shard: its own, unless it is held. */
export function eventTimeOf(timestampMs: number, recordTimeMs: number, leadMax: number): number {
  // hot path
  return isHeld(timestampMs, recordTimeMs, leadMax) ? recordTimeMs : timestampMs;
}

/**
 * Returns the watermark, in ms, after a reading made `maxEventTimeMs` the greatest event time;
 * never below `watermarkMs`.
 */
export function watermarkAfter(
  watermarkMs: number,
  maxEventTimeMs: number,
  watermarkDelayMs: number,
): number {
  const candidateMs = maxEventTimeMs - watermarkDelayMs;
  return candidateMs > watermarkMs ? candidateMs : watermarkMs;
}

/**
 * Returns whether a window that ends at `windowEndMs` has closed, so that a reading of it is late.
 */
export function hasClosed(windowEndMs: number, watermarkMs: number): boolean {
  return windowEndMs <= watermarkMs;
}
