// The reading found last, and what a reading may be by value (src/codecs/reading-limits.ts says
// why).

/** The id's bytes are [idStart, idEnd). */
export let idStart: usize = 0;
export let idEnd: usize = 0;
export let timestampMs: f64 = 0;
export let value: f64 = 0;

export const sensorIdBytesMax: i32 = 256;
export const valueMagnitudeMax: f64 = 1e150;
export const safeIntegerMax: f64 = 9007199254740991;

/** Keeps the reading and returns true, or returns false for one that is none. */
export function keepReading(start: usize, end: usize, time: f64, x: f64): bool {
  if (end <= start || end - start > <usize>sensorIdBytesMax) return false;
  if (!(abs(time) <= safeIntegerMax) || floor(time) != time) return false;
  if (!(abs(x) <= valueMagnitudeMax)) return false;
  idStart = start;
  idEnd = end;
  timestampMs = time + 0; // −0 becomes 0: a time has no sign of zero
  value = x;
  return true;
}
