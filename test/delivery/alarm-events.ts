// Alarm events as a shard writes them, for tests of their delivery.
import type { AlarmEvent } from '../../src/codecs/alarm-event.ts';
import type { AlarmNotice } from '../../src/delivery/alarm-notice.ts';

export function alarmEvent(more: Partial<AlarmEvent> = {}): AlarmEvent {
  return {
    ...{ sensor_id: 'plant1/pump7', timestamp: 1_700_000_040_000, kind: 'alarm_opened' },
    ...{ alarm_id: '1700000040000-1', cause: 'reading', channel: 'spike' },
    ...{ opened_at: 1_700_000_040_000, score: 3.886197451, value: 27.5 },
    ...{ acknowledged: false, muted_until: null, explanation: 'It is far above its mean.' },
    ...more,
  };
}

export function notice(offset: number, more: Partial<AlarmEvent> = {}): AlarmNotice {
  return { id: `anomalies/0/${offset}`, event: alarmEvent(more), committedAtMs: 1_700_000_041_000 };
}
