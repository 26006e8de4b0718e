// An operator's decisions change one sensor's state, and no other's.
import { describe, expect, it } from 'vitest';

import { defaultSemantics } from '../../property-tests/arbitraries/settings.ts';
import { foldOne, foldOutput } from '../../property-tests/models/run-fold.ts';
import type { OracleReading } from '../../property-tests/models/oracle.ts';
import {
  createShardState,
  type Semantics,
  type ShardState,
} from '../../src/sensors/shard-state.ts';

const semantics: Semantics = { ...defaultSemantics, baseline: 'cumulative' };

const reading = (offset: number, sensorId: string, value: number): OracleReading => ({
  offset,
  sensorId,
  value,
  timestampMs: 1_000 + offset,
  recordTimestampMs: 1_000 + offset,
});

function folded(values: readonly number[], sensorId = 'a'): ShardState {
  const state = createShardState(semantics, { watermark: 'own' });
  values.forEach((value, offset) => foldOne(state, reading(offset, sensorId, value), foldOutput()));
  return state;
}

describe('a reset', () => {
  it('has the baseline begin anew and leaves the open window as it is', () => {
    const state = folded([1, 2, 3, 4]);

    expect(state.reset('a')).toBe(true);

    const sensor = state.inspect('a');
    expect(sensor?.baseline.n).toBe(0);
    expect(sensor?.lifecycle).toBe('warming');
    expect(sensor?.open_windows.map(({ count }) => count)).toEqual([4]);
  });

  it('leaves the baseline as if the next reading were the first', () => {
    const state = folded([100, 200, 300]);
    state.reset('a');
    [5, 6, 7].forEach((value, index) => {
      foldOne(state, reading(10 + index, 'a', value), foldOutput());
    });

    expect(state.inspect('a')?.baseline).toEqual(folded([5, 6, 7]).inspect('a')?.baseline);
  });

  it('touches no other sensor', () => {
    const state = folded([1, 2, 3]);
    foldOne(state, reading(9, 'b', 7), foldOutput());
    const before = state.inspect('b');

    state.reset('a');

    expect(state.inspect('b')).toEqual(before);
  });

  it('ends no quarantine, and is refused for a sensor nobody knows', () => {
    const state = folded([1]);
    state.quarantine('a');

    expect([state.reset('a'), state.inspect('a')?.lifecycle]).toEqual([true, 'quarantined']);
    expect(state.reset('nobody')).toBe(false);
  });
});
