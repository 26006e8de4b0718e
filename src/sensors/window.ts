// Tumbling windows `[startMs, startMs + windowMs)`, aligned to the epoch, also before it.

/**
 * The latest and (negated) earliest instant ECMAScript can write as ISO 8601; a row needs its
 * window end written so.
 */
export const dateMsMax = 8.64e15;

/**
 * Returns the start, in ms since epoch, of the window that holds `timestampMs`: floor(t / W) · W,
 * exactly, for any safe integer. The quotient alone may round up to the next integer beyond 2^52,
 * hence the two corrections.
 */
export function windowStartMs(timestampMs: number, windowMs: number): number {
  const startMs = Math.floor(timestampMs / windowMs) * windowMs;
  if (startMs > timestampMs) return startMs - windowMs;
  return timestampMs - startMs >= windowMs ? startMs + windowMs : startMs;
}
