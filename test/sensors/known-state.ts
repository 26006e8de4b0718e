// A state that uses every part of the snapshot format, made from a fixed stream.
import { defaultSemantics } from '../../property-tests/arbitraries/settings.ts';
import { foldAll } from '../../property-tests/models/run-fold.ts';
import {
  createShardState,
  type Semantics,
  type ShardState,
} from '../../src/sensors/shard-state.ts';
import { knownStream } from './known-stream.ts';

/** Returns the semantics of the golden snapshots: those of before fast clocks could be held. */
export function knownSemantics(baseline: 'adaptive' | 'cumulative'): Semantics {
  return { ...defaultSemantics, baseline, fastClocks: 'lead' };
}

/** Returns three sensors, the third quarantined, and two open windows with several panes. */
export function knownState(baseline: 'adaptive' | 'cumulative'): ShardState {
  const state = createShardState(knownSemantics(baseline), { watermark: 'own' });
  const readings = knownStream(400).map((value, index) => {
    const timestampMs = 1_700_000_000_000 + 560 * index - (index % 7 === 0 ? 3_000 : 0);
    const sensorId = index % 10 === 0 ? 'β' : 'sensor_001';
    return { offset: 2 * index, recordTimestampMs: timestampMs, sensorId, timestampMs, value };
  });
  foldAll(state, readings);
  state.quarantine('sensor_003');
  return state;
}
