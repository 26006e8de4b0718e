// A change in the life of an alarm, as the fold hands it out; valid only during the call. Next on
// the line: the outbox makes a record of it.
import type { AnomalousReading } from './anomalous-reading.ts';
import type { AlarmCause } from './alarm-slot.ts';
import type { PresenceChange } from './presence-change.ts';

/** opened → (escalated, acknowledged, muted)* → resolved. */
export const alarmKinds = [
  'alarm_opened',
  'alarm_escalated',
  'alarm_acknowledged',
  'alarm_muted',
  'alarm_resolved',
] as const;
export type AlarmKind = (typeof alarmKinds)[number];

/** The reason of a change. */
export type AlarmReason =
  | { readonly by: 'reading'; readonly reading: AnomalousReading }
  | { readonly by: 'presence'; readonly presence: PresenceChange }
  | { readonly by: 'quiet'; readonly sinceMs: number; readonly quietMs: number }
  | { readonly by: 'forgetting' }
  | { readonly by: 'operator'; readonly message: string };

export interface AlarmChange {
  readonly kind: AlarmKind;
  /** The sensor id's UTF-8 bytes are the range [idStart, idEnd) of idBytes. */
  readonly idBytes: Uint8Array;
  readonly idStart: number;
  readonly idEnd: number;
  /**
   * Event time of the reading, ms; when the quiet time or the silence had passed; of a command,
   * wall clock.
   */
  readonly timestampMs: number;
  readonly cause: AlarmCause;
  readonly channel: string;
  /** Event time of the reading that opened it, ms; of a silence, when it reached its limit. */
  readonly openedMs: number;
  /** 1, 2, 3 … of the sensor: with openedMs it names the alarm. */
  readonly number: number;
  /** The greatest severity so far; undefined for silence and equal readings. */
  readonly score: number | undefined;
  readonly acknowledged: boolean;
  /** Wall clock, ms; undefined where the sensor is not muted. */
  readonly mutedUntilMs: number | undefined;
  /** Of the reading that changed it, in the input partition. */
  readonly offset: number | undefined;
  readonly reason: AlarmReason;
}

export interface AlarmChanges {
  /** Left out where nobody asks. */
  alarmChanged?(change: AlarmChange): void;
}
