// Where the alarms of a sensor are kept. It has one for each cause: flagged readings, silence
// (SILENT_AFTER) and equal readings (STUCK_AFTER). A slot of zeros is a sensor without alarms.
//
//   slot: | state, opened, number of each cause, 3 × 3 | channel | loud | peak | told |
//         | count | muted until | sensitivity | direction |                           17 doubles
import { alarmChannels } from './robust-slot.ts';
import type { Semantics } from './semantics.ts';

export const alarmCauses = ['reading', 'silent', 'stuck'] as const;
export type AlarmCause = (typeof alarmCauses)[number];

/** Of a cause; an open alarm nobody has acknowledged is 1. */
export const alarmStates = { none: 0, open: 1, acknowledged: 2 } as const;

/** Which deviations open an alarm; by their place here. */
export const alarmDirections = ['both', 'high', 'low'] as const;
export type AlarmDirection = (typeof alarmDirections)[number];

/** Doubles of a cause, in this order. */
export const causeDoubles = 3;
export const causeSlot = { state: 0, openedMs: 1, number: 2 } as const;

/** By name, the double; the causes lie before. */
export const alarmSlot = {
  /** Of the reading that opened the alarm: its place among `readingChannels`. */
  channel: 9,
  /** Event time up to which flagged readings kept the alarm open, ms. */
  loudMs: 10,
  /** Greatest severity since it opened. */
  peak: 11,
  /** Severity at the last record that notifies. */
  told: 12,
  /** Alarms so far, of all causes: the last one's number. */
  count: 13,
  /** Wall clock, ms; 0: not muted. */
  mutedUntilMs: 14,
  /** 0: not declared, which is 1. */
  sensitivity: 15,
  /** Place among `alarmDirections`. */
  direction: 16,
} as const;

export const alarmDoubles = 17;

/** Of an alarm of a reading; the first is that of the methods with one rule only. */
export const readingChannels = ['reading', ...alarmChannels.slice(1)] as const;

/** Returns whether alarms have a life; without, no column is kept. */
export function watchesAlarms({
  alarmResolveAfterMs,
}: Pick<Semantics, 'alarmResolveAfterMs'>): boolean {
  return alarmResolveAfterMs !== Infinity;
}

/** Returns the first double of `cause` in the slot at `base`. */
export function causeAt(base: number, cause: AlarmCause): number {
  return base + causeDoubles * alarmCauses.indexOf(cause);
}

/** Returns the state of the alarm of `cause` in the slot at `base`. */
export function stateOf(
  alarms: Float64Array,
  base: number,
  cause: AlarmCause,
): keyof typeof alarmStates {
  const state = alarms[causeAt(base, cause) + causeSlot.state];
  if (state === alarmStates.none) return 'none';
  return state === alarmStates.open ? 'open' : 'acknowledged';
}

/** Returns the rule of the reading that opened the alarm, or its cause. */
export function channelOf(alarms: Float64Array, base: number, cause: AlarmCause): string {
  if (cause !== 'reading') return cause;
  return readingChannels[alarms[base + alarmSlot.channel] ?? 0] ?? cause;
}

/** Returns the name of an alarm among those of its sensor, through restarts and forgetting. */
export function alarmId({
  openedMs,
  number,
}: {
  readonly openedMs: number;
  readonly number: number;
}): string {
  return `${openedMs}-${number}`;
}
