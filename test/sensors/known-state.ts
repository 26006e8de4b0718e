// A state that uses every part of the snapshot format, made from a fixed stream.
import { defaultSemantics } from '../../property-tests/arbitraries/settings.ts';
import { foldAll } from '../../property-tests/models/run-fold.ts';
import {
  createShardState,
  type Semantics,
  type ShardState,
} from '../../src/sensors/shard-state.ts';
import type { OracleReading } from '../../property-tests/models/oracle.ts';
import { knownStream } from './known-stream.ts';

/** Returns the semantics of the golden snapshots: those of before fast clocks could be held. */
export function knownSemantics(baseline: 'adaptive' | 'cumulative'): Semantics {
  return { ...defaultSemantics, baseline, fastClocks: 'lead' };
}

/** Returns the semantics of the golden snapshots of states that forget. */
export function forgettingSemantics(baseline: 'adaptive' | 'cumulative'): Semantics {
  return { ...knownSemantics(baseline), sensorTtlMs: 100_000 };
}

/** Returns three sensors, the third quarantined, and two open windows with several panes. */
export function knownState(baseline: 'adaptive' | 'cumulative'): ShardState {
  const state = createShardState(knownSemantics(baseline), { watermark: 'own' });
  foldAll(state, knownReadings());
  state.quarantine('sensor_003');
  return state;
}

/** Returns the same a minute later: all windows but one are closed, and a fourth is forgotten. */
export function forgettingState(baseline: 'adaptive' | 'cumulative'): ShardState {
  const state = createShardState(forgettingSemantics(baseline), { watermark: 'own' });
  const readings = knownReadings();
  const [first, last] = [readings[0], readings.at(-1)];
  if (first === undefined || last === undefined) throw new Error('the stream has readings');
  const laterMs = last.timestampMs + 65_000;
  foldAll(state, [{ ...first, sensorId: 'forgotten' }, ...readings]);
  state.quarantine('sensor_003');
  foldAll(state, [
    { ...last, offset: last.offset + 2, timestampMs: laterMs, recordTimestampMs: laterMs },
  ]);
  return state;
}

function knownReadings(): readonly OracleReading[] {
  return knownStream(400).map((value, index) => {
    const timestampMs = 1_700_000_000_000 + 560 * index - (index % 7 === 0 ? 3_000 : 0);
    const sensorId = index % 10 === 0 ? 'β' : 'sensor_001';
    return { offset: 2 * index, recordTimestampMs: timestampMs, sensorId, timestampMs, value };
  });
}

/** Returns the semantics of the golden snapshots of states that forget and watch presence. */
export function watchingSemantics(baseline: 'adaptive' | 'cumulative'): Semantics {
  return { ...forgettingSemantics(baseline), silentAfterMs: 10_000, stuckAfter: 2 };
}

/** Returns the semantics of the golden snapshots of states that keep alarms. */
export function alarmingSemantics(baseline: 'adaptive' | 'cumulative'): Semantics {
  return { ...knownSemantics(baseline), alarmResolveAfterMs: 100_000 };
}

/** Returns the known state with an alarm of sensor_001, acknowledged, and a mute of β. */
export function alarmingState(baseline: 'adaptive' | 'cumulative'): ShardState {
  const state = createShardState(alarmingSemantics(baseline), { watermark: 'own' });
  const readings = knownReadings();
  const last = readings.at(-1);
  if (last === undefined) throw new Error('the stream has readings');
  foldAll(state, readings);
  const output = foldAll(state, [
    { ...last, sensorId: 'sensor_001', offset: last.offset + 1, value: 1e6 },
  ]);
  const decided = { decidedMs: last.timestampMs, message: '' };
  state.commandAlarms('sensor_001', { name: 'acknowledge', ...decided }, output);
  state.commandAlarms('β', { name: 'mute', untilMs: 9e12, ...decided }, output);
  return state;
}

/** Returns the known state with presence: one sensor offline, one stuck. */
export function watchingState(baseline: 'adaptive' | 'cumulative'): ShardState {
  const state = createShardState(watchingSemantics(baseline), { watermark: 'own' });
  const readings = knownReadings();
  const last = readings.at(-1);
  if (last === undefined) throw new Error('the stream has readings');
  foldAll(state, [...readings, { ...last, offset: last.offset + 1 }]);
  const laterMs = last.timestampMs + 20_000;
  const later = { timestampMs: laterMs, recordTimestampMs: laterMs, sensorId: 'sensor_003' };
  foldAll(state, [{ ...last, ...later, offset: last.offset + 2 }]);
  return state;
}
