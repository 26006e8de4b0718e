// The watermark: event time before which every window is closed. It follows the greatest event time
// seen, at a fixed distance, and never goes back. It moves after each reading, so that batch cuts
// cannot change what is late.

/**
 * Whose task it is to move the watermark: the readings folded here, or a caller that knows all
 * sources.
 */
export type WatermarkMode = 'own' | 'external';

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
