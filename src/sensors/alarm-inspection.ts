// The alarms of one sensor as plain data, for people and the HTTP API. Reads the columns, changes
// nothing.
import {
  alarmCauses,
  alarmDirections,
  alarmDoubles,
  alarmId,
  alarmSlot,
  causeAt,
  causeSlot,
  channelOf,
  stateOf,
  type AlarmCause,
  type AlarmDirection,
} from './alarm-slot.ts';

export interface OpenAlarm {
  readonly alarm_id: string;
  readonly cause: AlarmCause;
  readonly channel: string;
  /** Event time, ms. */
  readonly opened_at: number;
  /** The greatest so far; null for silence and equal readings. */
  readonly score: number | null;
  readonly acknowledged: boolean;
}

export interface AlarmsInspection {
  readonly open: readonly OpenAlarm[];
  /** Wall clock, ms; null where the sensor is not muted. */
  readonly muted_until: number | null;
  readonly sensitivity: number;
  readonly direction: AlarmDirection;
}

/** Returns the alarms of the sensor of `slot`, and what is declared of it. */
export function inspectAlarms(alarms: Float64Array, slot: number): AlarmsInspection {
  const base = slot * alarmDoubles;
  return {
    open: alarmCauses.flatMap((cause) => openAlarm(alarms, base, cause) ?? []),
    muted_until: (alarms[base + alarmSlot.mutedUntilMs] ?? 0) || null,
    sensitivity: (alarms[base + alarmSlot.sensitivity] ?? 0) || 1,
    direction: alarmDirections[alarms[base + alarmSlot.direction] ?? 0] ?? 'both',
  };
}

function openAlarm(alarms: Float64Array, base: number, cause: AlarmCause): OpenAlarm | undefined {
  const state = stateOf(alarms, base, cause);
  if (state === 'none') return undefined;
  const of = causeAt(base, cause);
  const openedMs = alarms[of + causeSlot.openedMs] ?? 0;
  const number = alarms[of + causeSlot.number] ?? 0;
  return {
    alarm_id: alarmId({ openedMs, number }),
    cause,
    channel: channelOf(alarms, base, cause),
    opened_at: openedMs,
    score: cause === 'reading' ? (alarms[base + alarmSlot.peak] ?? 0) : null,
    acknowledged: state === 'acknowledged',
  };
}
