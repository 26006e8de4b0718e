// A committed alarm record on its way to a target, and its site. The id is the record's place in
// the log: the same in every delivery, so receivers can drop repetitions by it.
import { decodeAnomaly } from '../codecs/anomaly.ts';
import { isAlarmKind, type AlarmEvent } from '../codecs/alarm-event.ts';
import { DecodeError } from '../errors.ts';
import type { FetchedBatch } from '../log/event-log.ts';
import { partitionKey } from '../records/partition-key.ts';

export interface AlarmNotice {
  /** Topic, partition and offset. */
  readonly id: string;
  readonly event: AlarmEvent;
  readonly committedAtMs: number;
}

export interface UnreadableRecord {
  readonly offset: number;
  readonly reason: string;
}

/** Returns the alarm records of `batch` from offset `from` on, and those that nobody can read. */
export function noticesIn(
  batch: FetchedBatch,
  from: number,
): { readonly notices: readonly AlarmNotice[]; readonly unreadable: readonly UnreadableRecord[] } {
  const notices: AlarmNotice[] = [];
  const unreadable: UnreadableRecord[] = [];
  const place = partitionKey(batch);
  const records = batch.records();
  while (records.next()) {
    const { offset, timestampMs: committedAtMs, bytes, valueStart, valueEnd } = records;
    if (offset < from) continue;
    try {
      if (valueStart < 0) throw new DecodeError('not an anomaly: it has no value');
      const event = decodeAnomaly(bytes.subarray(valueStart, valueEnd));
      if (isAlarm(event)) notices.push({ id: `${place}/${offset}`, event, committedAtMs });
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      unreadable.push({ offset, reason: error.message });
    }
  }
  return { notices, unreadable };
}

function isAlarm(event: object): event is AlarmEvent {
  return 'kind' in event && isAlarmKind(event.kind);
}

/** Returns the first `levels` parts of the id, divided by `/`; without levels one site for all. */
export function siteOf(sensorId: string, levels: number): string {
  return sensorId.split('/').slice(0, levels).join('/');
}

/**
 * Returns whether the target is not to hear of it now: its sensor is muted. The end of an alarm and
 * the mute itself are delivered.
 */
export function isMuted({ kind, muted_until }: AlarmEvent, nowMs: number): boolean {
  const isHeard = kind === 'alarm_resolved' || kind === 'alarm_muted';
  return !isHeard && muted_until !== null && muted_until > nowMs;
}
