// A change in the life of an alarm → an event of the anomaly topic. It has a `kind`, the name of
// its alarm, and a sentence that says why it is there.
import { assert } from '../errors.ts';
import {
  alarmKinds,
  type AlarmChange,
  type AlarmKind,
  type AlarmReason,
} from '../sensors/alarm-change.ts';
import { alarmCauses, alarmId, type AlarmCause } from '../sensors/alarm-slot.ts';
import type { AnomalousReading } from '../sensors/anomalous-reading.ts';
import { isoTime } from './iso-time.ts';
import { lengthText, presenceSentence } from './sensor-event.ts';

export interface AlarmEvent {
  readonly sensor_id: string;
  /** Event time, ms; of acknowledged and muted, when the operator decided. */
  readonly timestamp: number;
  readonly kind: AlarmKind;
  /** The same in every event of the alarm, and of no other alarm of the sensor. */
  readonly alarm_id: string;
  readonly cause: AlarmCause;
  /** The rule of the reading that opened it, or the cause. */
  readonly channel: string;
  /** Event time, ms. */
  readonly opened_at: number;
  /** The greatest severity so far, on the scale of scores; null for silence and equal readings. */
  readonly score: number | null;
  /** Of the reading that changed it; null where none did. */
  readonly value: number | null;
  readonly acknowledged: boolean;
  /** Wall clock, ms; null where the sensor is not muted. */
  readonly muted_until: number | null;
  readonly explanation: string;
}

/** Returns the event of `change`; it copies what it needs. */
export function alarmEventOf(change: AlarmChange): AlarmEvent {
  const { idBytes, idStart, idEnd, kind, openedMs, timestampMs: timestamp } = change;
  const score = change.score ?? null;
  for (const time of [timestamp, openedMs, change.mutedUntilMs ?? 0]) {
    assert(Number.isSafeInteger(time), 'the times of an event are whole', { kind, time });
  }
  assert(Number.isFinite(score ?? 0), 'the severity of an alarm is finite', { kind, score });
  return {
    sensor_id: Buffer.from(idBytes.subarray(idStart, idEnd)).toString(),
    timestamp,
    kind,
    alarm_id: alarmId(change),
    cause: change.cause,
    channel: change.channel,
    opened_at: openedMs,
    score: score === null ? null : score + 0,
    value: valueOf(change.reason),
    acknowledged: change.acknowledged,
    muted_until: change.mutedUntilMs ?? null,
    explanation: sentenceOf(change),
  };
}

/** Returns whether the kind is that of an alarm's event. */
export function isAlarmKind(kind: unknown): kind is AlarmKind {
  return alarmKinds.some((known) => known === kind);
}

/** Returns whether `value` has every field of an alarm's event. */
export function isAlarmEvent(value: Readonly<Record<string, unknown>>): boolean {
  const { sensor_id, alarm_id, cause, channel, explanation, timestamp, opened_at } = value;
  const { acknowledged, score = null, value: reading = null, muted_until = null } = value;
  return (
    [sensor_id, alarm_id, channel, explanation].every((text) => typeof text === 'string') &&
    isAlarmKind(value['kind']) &&
    alarmCauses.some((known) => known === cause) &&
    typeof acknowledged === 'boolean' &&
    [timestamp, opened_at].every(Number.isSafeInteger) &&
    [score, reading, muted_until].every((one) => one === null || Number.isFinite(one))
  );
}

function valueOf(reason: AlarmReason): number | null {
  if (reason.by === 'reading') return reason.reading.value;
  return reason.by === 'presence' ? (reason.presence.value ?? null) : null;
}

function sentenceOf({ kind, reason, mutedUntilMs, openedMs }: AlarmChange): string {
  switch (reason.by) {
    case 'reading':
      return readingSentence(reason.reading, kind);
    case 'presence':
      return presenceSentence(reason.presence);
    case 'quiet': {
      const quiet = lengthText(reason.quietMs);
      return `Quiet for ${quiet}: no reading as unusual since ${isoTime(reason.sinceMs)}.`;
    }
    case 'forgetting':
      return `The sensor was forgotten after SENSOR_TTL; its alarm was open since ${isoTime(openedMs)}.`;
    case 'operator': {
      const because = reason.message === '' ? '' : `: ${reason.message}`;
      if (kind === 'alarm_acknowledged') return `Acknowledged by an operator${because}.`;
      if (mutedUntilMs === undefined) return `Unmuted by an operator${because}.`;
      return `Muted until ${isoTime(mutedUntilMs)} by an operator${because}.`;
    }
    default:
      return reason satisfies never;
  }
}

function readingSentence(
  { value, score, channel, judgement }: AnomalousReading,
  kind: AlarmKind,
): string {
  const { z, mean, std_dev: deviation } = judgement;
  const far = `${shown(Math.abs(z))} standard deviations ${z < 0 ? 'below' : 'above'}`;
  const what = `${shown(value)} is ${far} the mean of ${shown(mean)} (± ${shown(deviation)})`;
  const rule = channel === undefined || channel === 'none' ? '' : `, by the rule ${channel}`;
  const scored = score === 0 ? '' : `, with a score of ${shown(score)}${rule}`;
  return `${what}${scored}${kind === 'alarm_escalated' ? ': twice what was told before' : ''}.`;
}

function shown(value: number): string {
  return String(Number(value.toPrecision(4)));
}
