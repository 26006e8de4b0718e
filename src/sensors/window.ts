// Tumbling windows `[startMs, startMs + windowMs)`, aligned to the epoch, also before it.

/**
 * The latest and (negated) earliest instant ECMAScript can write as ISO 8601; a row needs its
 * window end written so.
 */
export const dateMsMax = 8.64e15;

/**
 * Returns the start, in ms since epoch, of the window that holds `timestampMs`: floor(t / W) · W.
 * Exact for safe integers: a quotient q − 1/W could only be rounded up to q where the spacing of
 * doubles at q is at least 2/W, and then q · W, the window's end, is at least 2^53.
 */
export function windowStartMs(timestampMs: number, windowMs: number): number {
  return Math.floor(timestampMs / windowMs) * windowMs;
}
