// A change of a sensor's presence → an event of the anomaly topic, beside the flagged readings. It
// has a `kind`, and a sentence that says why it is there.
import { assert } from '../errors.ts';
import {
  presenceKinds,
  type PresenceChange,
  type PresenceKind,
} from '../sensors/presence-change.ts';
import { isoTime } from './iso-time.ts';

/**
 * A sensor went silent or was heard again, got stuck or moved again. A field that only other kinds
 * have is null.
 */
export interface SensorEvent {
  readonly sensor_id: string;
  /** Event time of the reading, ms; of `offline`, the time when the silence reached its limit. */
  readonly timestamp: number;
  readonly kind: PresenceKind;
  /** Event time of the last reading before the silence, or of the first equal one, ms. */
  readonly since: number;
  /** The limit of silence, ms; null for stuck and moving. */
  readonly silent_after: number | null;
  /** Equal readings in a row; null for offline and online. */
  readonly readings: number | null;
  /** Value of the reading; null for offline. */
  readonly value: number | null;
  readonly explanation: string;
}

/** Returns the event of `change`; it copies what it needs. */
export function sensorEventOf(change: PresenceChange): SensorEvent {
  const { idBytes, idStart, idEnd, kind, sinceMs: since, timestampMs: timestamp } = change;
  const silentAfter = change.silentAfterMs ?? null;
  for (const time of [timestamp, since, silentAfter ?? 0]) {
    assert(Number.isSafeInteger(time), 'the times of an event are whole', { kind, time });
  }
  return {
    sensor_id: Buffer.from(idBytes.subarray(idStart, idEnd)).toString(),
    timestamp,
    kind,
    since,
    silent_after: silentAfter,
    readings: change.readings ?? null,
    value: change.value ?? null,
    explanation: presenceSentence(change),
  };
}

/** Returns whether `value` has every field of an event. */
export function isSensorEvent(value: Readonly<Record<string, unknown>>): boolean {
  const { sensor_id, timestamp, kind, since, explanation } = value;
  const { silent_after = null, readings = null, value: reading = null } = value;
  return (
    typeof sensor_id === 'string' &&
    typeof explanation === 'string' &&
    presenceKinds.some((known) => known === kind) &&
    [timestamp, since].every(Number.isSafeInteger) &&
    [silent_after, readings, reading].every((one) => one === null || Number.isFinite(one))
  );
}

/** Returns why the change was told. */
export function presenceSentence(change: PresenceChange): string {
  const { kind, sinceMs, timestampMs, value = 0, readings = 0, silentAfterMs = 0 } = change;
  const since = isoTime(sinceMs);
  switch (kind) {
    case 'offline':
      return `No reading since ${since}: silent for longer than ${lengthText(silentAfterMs)}.`;
    case 'online':
      return `Heard again at ${isoTime(timestampMs)}, after silence since ${since}.`;
    case 'stuck':
      return `${readings} readings in a row are ${value}, since ${since}.`;
    case 'moving':
      return `Moved to ${value} after ${readings} equal readings in a row since ${since}.`;
    default:
      return kind satisfies never;
  }
}

/** Returns a length of time as text. */
export function lengthText(ms: number): string {
  return ms < 1_000 ? `${ms} ms` : `${Number((ms / 1_000).toPrecision(4))} s`;
}
