// Where the presence of a sensor is kept: when it was heard, how long its pauses are, and the run
// of equal values it is in. The kernel computes with the same: `npm run generate` writes both into
// assembly/host-layout.ts.
//
//   slot: | heard | offline | usual gap | gaps | value | run | run since |          7 doubles
import type { Semantics } from './semantics.ts';

/** By name, the double. */
export const presenceSlot = {
  /** Greatest event time of its readings, ms. */
  heardMs: 0,
  /** 1 once `offline` was told, until `online` is. */
  offline: 1,
  /** A decaying greatest gap between its readings, ms. */
  usualGapMs: 2,
  gaps: 3,
  /** The last value in log order. */
  value: 4,
  /** 0 before the first reading, −1 while all were equal, then the equal ones in a row. */
  run: 5,
  /** Event time of the first reading of the run, ms. */
  runSinceMs: 6,
} as const;

export const presenceDoubles = 7;

export const presenceRules = {
  /** A gap makes the usual one four times as long at most: one outage does not deafen. */
  gapGrowth: 4,
  /** The usual gap decays by an eightieth of each shorter gap. */
  gapDecay: 80,
} as const;

export type PresenceSemantics = Pick<
  Semantics,
  'silentAfterMs' | 'stuckAfter' | 'watermarkDelayMs' | 'windowMs'
>;

/** Returns whether any setting asks for the presence of sensors; without, no column is kept. */
export function watchesPresence({
  silentAfterMs,
  stuckAfter,
}: Pick<PresenceSemantics, 'silentAfterMs' | 'stuckAfter'>): boolean {
  return silentAfterMs !== Infinity || stuckAfter !== Infinity;
}

/** Returns the least silence after which any sensor is offline, ms: with `auto` a window. */
export function leastSilenceMs({
  silentAfterMs,
  windowMs,
}: Pick<PresenceSemantics, 'silentAfterMs' | 'windowMs'>): number {
  return silentAfterMs === 'auto' ? windowMs : silentAfterMs;
}
