// The presence of a sensor, as src/sensors/presence.ts learns it: a reading that changes it is left
// to the host, which tells the change.
import {
  gapDecay,
  gapGrowth,
  numberSilentGapMs,
  numberSilentLeastMs,
  numberStuckAfter,
  presenceGaps,
  presenceHeardMs,
  presenceOffline,
  presenceRun,
  presenceRunSinceMs,
  presenceUsualGapMs,
  presenceValue,
} from './host-layout';
import { numbers } from './layout';

/**
 * Returns whether the sensor was heard so lately that no limit of silence can have passed: its own
 * may be longer than the least one, which the host decides.
 */
export function isHeardLately(at: usize, eventTimeMs: f64, watermarkMs: f64): bool {
  const heardMs = load<f64>(at, presenceHeardMs);
  if (heardMs + load<f64>(numbers, numberSilentLeastMs) <= watermarkMs) return false;
  return eventTimeMs - heardMs < load<f64>(numbers, numberSilentGapMs);
}

/** Returns whether a reading of `value` leaves the sensor as it is: not back, stuck or moving. */
export function isPresenceKept(at: usize, value: f64): bool {
  const stuckAfter = load<f64>(numbers, numberStuckAfter);
  const run = load<f64>(at, presenceRun);
  if (run == 0 || load<f64>(at, presenceOffline) != 0) return false;
  if (value == load<f64>(at, presenceValue)) return run < 0 || run + 1 != stuckAfter;
  return run < stuckAfter;
}

/** Learns a reading that `isPresenceKept` has passed. */
export function learnPresence(at: usize, value: f64, eventTimeMs: f64): void {
  const gapMs = eventTimeMs - load<f64>(at, presenceHeardMs);
  if (gapMs > 0) {
    store<f64>(at, eventTimeMs, presenceHeardMs);
    store<f64>(at, usualGapAfter(load<f64>(at, presenceUsualGapMs), gapMs), presenceUsualGapMs);
    store<f64>(at, load<f64>(at, presenceGaps) + 1, presenceGaps);
  }
  const run = load<f64>(at, presenceRun);
  if (value == load<f64>(at, presenceValue)) {
    if (run > 0) store<f64>(at, run + 1, presenceRun);
    return;
  }
  store<f64>(at, value, presenceValue);
  store<f64>(at, 1, presenceRun);
  store<f64>(at, eventTimeMs, presenceRunSinceMs);
}

function usualGapAfter(usualMs: f64, gapMs: f64): f64 {
  if (usualMs == 0) return gapMs;
  if (gapMs <= usualMs) return usualMs - gapMs / gapDecay;
  const most = gapGrowth * usualMs;
  return gapMs < most ? gapMs : most;
}
