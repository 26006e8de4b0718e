// The snapshot's bytes are a format: states written by an older program must be read, and must go
// on the same.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { restoreShardState } from '../../src/sensors/shard-state.ts';
import { decodeState } from '../../src/sensors/snapshot-format.ts';
import { forgettingSemantics, forgettingState, knownSemantics, knownState } from './known-state.ts';

describe.each(['adaptive', 'cumulative'] as const)('a %s snapshot of version 1', (baseline) => {
  const golden = readFileSync(new URL(`golden/shard-state-v1-${baseline}.bin`, import.meta.url));

  it('has the golden bytes', () => {
    expect(Buffer.from(knownState(baseline).snapshot()).equals(golden)).toBe(true);
  });

  it('restores from the golden bytes to the same state', () => {
    const restored = restoreShardState(golden, knownSemantics(baseline), { watermark: 'own' });

    expect(restored.sensorIds(9)).toEqual(['β', 'sensor_001', 'sensor_003']);
    expect(restored.inspect('sensor_001')).toEqual(knownState(baseline).inspect('sensor_001'));
    expect(Buffer.from(restored.snapshot()).equals(golden)).toBe(true);
  });
});

describe.each(['adaptive', 'cumulative'] as const)('a %s snapshot of version 2', (baseline) => {
  const golden = readFileSync(new URL(`golden/shard-state-v2-${baseline}.bin`, import.meta.url));
  const semantics = forgettingSemantics(baseline);

  it('has the golden bytes, with when the windows of each sensor ended last', () => {
    expect(Buffer.from(forgettingState(baseline).snapshot()).equals(golden)).toBe(true);
    expect(decodeState(golden).lastEndsMs?.some((endMs) => endMs > 0)).toBe(true);
  });

  it('restores from the golden bytes to the same state', () => {
    const restored = restoreShardState(golden, semantics, { watermark: 'own' });

    expect(restored.sensorIds(9)).toEqual(['β', 'sensor_001', 'sensor_003']);
    expect(Buffer.from(restored.snapshot()).equals(golden)).toBe(true);
  });

  it('is refused by a state that forgets nobody, and the other way round', () => {
    const other = knownState(baseline).snapshot();

    expect(() => restoreShardState(golden, knownSemantics(baseline), own)).toThrow(/SENSOR_TTL/);
    expect(() => restoreShardState(other, semantics, own)).toThrow(/SENSOR_TTL/);
  });
});

const own = { watermark: 'own' } as const;
