// The snapshot's bytes are a format: states written by an older program must be read, and must go
// on the same.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { CorruptSnapshotError } from '../../src/errors.ts';
import { migrateState } from '../../src/sensors/migrated-state.ts';
import { restoreShardState } from '../../src/sensors/shard-state.ts';
import { decodeState } from '../../src/sensors/snapshot-format.ts';
import {
  forgettingSemantics,
  forgettingState,
  knownSemantics,
  knownState,
  alarmingSemantics,
  alarmingState,
  watchingSemantics,
  watchingState,
} from './known-state.ts';

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

describe('a snapshot of version 4', () => {
  const golden = readFileSync(new URL('golden/shard-state-v4-adaptive.bin', import.meta.url));
  const semantics = watchingSemantics('adaptive');

  it('has the golden bytes, with the presence of each sensor', () => {
    expect(Buffer.from(watchingState('adaptive').snapshot()).equals(golden)).toBe(true);
    expect(decodeState(golden)).toMatchObject({ presenceNextMs: expect.any(Number) as number });
  });

  it('restores from the golden bytes to the same state', () => {
    const restored = restoreShardState(golden, semantics, own);

    expect(restored.inspect('sensor_001')?.presence).toMatchObject({ offline: true });
    expect(Buffer.from(restored.snapshot()).equals(golden)).toBe(true);
  });

  it('is refused by a state that watches nobody', () => {
    const other = forgettingSemantics('adaptive');

    expect(() => restoreShardState(golden, other, own)).toThrow(/SILENT_AFTER/);
  });
});

describe('a snapshot of version 9', () => {
  const golden = readFileSync(new URL('golden/shard-state-v9-adaptive.bin', import.meta.url));
  const semantics = alarmingSemantics('adaptive');

  it('has the golden bytes, with the alarms of each sensor', () => {
    expect(new DataView(golden.buffer, golden.byteOffset).getUint32(4, true)).toBe(9);
    expect(Buffer.from(alarmingState('adaptive').snapshot()).equals(golden)).toBe(true);
  });

  it('restores from the golden bytes to the same state', () => {
    const restored = restoreShardState(golden, semantics, own);

    expect(restored.inspect('sensor_001')?.alarms?.open).toMatchObject([{ acknowledged: true }]);
    expect(restored.inspect('β')?.alarms?.muted_until).toBe(9e12);
    expect(Buffer.from(restored.snapshot()).equals(golden)).toBe(true);
  });

  it('is refused by a state that keeps no alarms', () => {
    const other = knownSemantics('adaptive');

    expect(() => restoreShardState(golden, other, own)).toThrow(/ALARM_RESOLVE_AFTER/);
  });
});

const own = { watermark: 'own' } as const;

describe.each([
  ['version 1', 'v1-adaptive', knownSemantics('adaptive'), 5],
  ['version 2', 'v2-adaptive', forgettingSemantics('adaptive'), 6],
  ['version 4', 'v4-adaptive', watchingSemantics('adaptive'), 8],
])('a snapshot of %s that is migrated to more features and a larger window', (...known) => {
  const [, name, from, version] = known;
  const bytesOf = (file: string): Buffer =>
    readFileSync(new URL(`golden/shard-state-${file}.bin`, import.meta.url));
  const hourly = { name: '1h', sizeMs: 3_600_000, hopMs: 3_600_000 };
  const to = { ...from, features: [...from.features, 'sum', 'median'], windows: [hourly] };
  const migrated = migrateState(bytesOf(name), { from, to });

  it(`has the golden bytes of version ${version}`, () => {
    expect(new DataView(migrated.buffer).getUint32(4, true)).toBe(version);
    expect(Buffer.from(migrated).equals(bytesOf(`v${version}-migrated`))).toBe(true);
  });

  it('restores to the same sensors and baselines, and to the same bytes', () => {
    const before = restoreShardState(bytesOf(name), from, own);
    const restored = restoreShardState(migrated, to, own);

    for (const id of before.sensorIds(9)) {
      const { baseline, lifecycle } = before.inspect(id) ?? {};
      expect(restored.inspect(id)).toMatchObject({ baseline, lifecycle });
    }
    expect(Buffer.from(restored.snapshot()).equals(migrated)).toBe(true);
  });

  it('is refused without since when the hours are known, and under the former settings', () => {
    const cut = Buffer.from(migrated.subarray(0, migrated.length - 8));

    expect(() => restoreShardState(cut, to, own)).toThrow(CorruptSnapshotError);
    expect(() => restoreShardState(migrated, from, own)).toThrow(/FEATURES.*WINDOWS/);
  });
});
