import { describe, expect, it } from 'vitest';

import { foldAll, foldOne, foldOutput, slotOf } from '../../property-tests/models/run-fold.ts';
import type { OracleReading } from '../../property-tests/models/oracle.ts';
import { defaultSemantics } from '../../property-tests/arbitraries/settings.ts';
import { ConfigError, CorruptSnapshotError, InvariantError } from '../../src/errors.ts';
import {
  createShardState,
  restoreShardState,
  type Semantics,
  type ShardState,
} from '../../src/sensors/shard-state.ts';

const windowMs = 60_000;
const own = { watermark: 'own' } as const;

let nextOffset = 0;
function reading(timestampMs: number, value: number = 1, sensorId: string = 'a'): OracleReading {
  nextOffset += 1;
  return { offset: nextOffset, recordTimestampMs: timestampMs, sensorId, timestampMs, value };
}

const fresh = (changes: Partial<Semantics> = {}): ShardState =>
  createShardState({ ...defaultSemantics, ...changes }, own);

describe('event time', () => {
  it('closes a window when the watermark reaches its end exactly, not one millisecond earlier', () => {
    const state = fresh();
    const output = foldAll(state, [reading(0), reading(windowMs + 4_999)]);
    expect(output.rows).toEqual([]);

    foldOne(state, reading(windowMs + 5_000), output);

    expect(output.rows.map((row) => row.window_end)).toEqual([windowMs]);
  });

  it('puts a timestamp exactly at a window end into the next window', () => {
    const state = fresh();
    const output = foldAll(state, [
      reading(windowMs - 1),
      reading(windowMs),
      reading(10 * windowMs),
    ]);

    expect(output.rows.map((row) => [row.window_start, row.features.count])).toEqual([
      [0, 1],
      [windowMs, 1],
    ]);
  });

  it('floors negative timestamps towards the past', () => {
    const state = fresh();
    const output = foldAll(state, [
      reading(-1),
      reading(-windowMs),
      reading(0),
      reading(windowMs * 9),
    ]);

    expect(output.rows.map((row) => [row.window_start, row.features.count])).toEqual([
      [-windowMs, 2],
      [0, 1],
    ]);
  });

  it('never reopens a closed window: its readings are late and change neither window nor baseline', () => {
    const state = fresh();
    const output = foldAll(state, [reading(0), reading(windowMs + 5_000)]);
    const before = state.snapshot();

    const reason = foldOne(state, reading(windowMs - 1, 99, 'new'), output);

    expect(reason?.code).toBe('late');
    expect(reason?.message).toContain(`ended at ${windowMs}`);
    expect(Buffer.compare(state.snapshot(), before)).toBe(0);
  });

  it('one clock a year ahead closes nobody’s windows: it changes nothing at all', () => {
    const state = fresh();
    const output = foldAll(state, [reading(0)]);
    const before = state.snapshot();
    const aYearMs = 365 * 86_400_000;

    const reason = foldOne(state, { ...reading(aYearMs), recordTimestampMs: 0 }, output);

    expect(reason?.code).toBe('timestamp_ahead');
    expect(state.fastClocks.refusedMs).toBeGreaterThan(0);
    expect(Buffer.compare(state.snapshot(), before)).toBe(0);
  });

  it('allows a lead of exactly MAX_AHEAD_MS', () => {
    const state = fresh();
    const lead = { ...reading(300_000), recordTimestampMs: 0 };

    expect(foldOne(state, lead, foldOutput())).toBeNull();
    expect(foldOne(state, { ...lead, timestampMs: 300_001 }, foldOutput())?.code).toBe(
      'timestamp_ahead',
    );
  });

  it('a backward step of an hour is late where the windows closed, and moves no watermark', () => {
    const state = fresh();
    const output = foldAll(state, [reading(7_200_000), reading(3_600_000)]);

    expect(output.refused.map(({ code }) => code)).toEqual(['late']);
    expect(state.watermarkMs).toBe(7_195_000);
  });

  it('refuses a window that no date can name, without moving the watermark', () => {
    const state = fresh();
    const output = foldOutput();

    expect(foldOne(state, reading(Number.MAX_SAFE_INTEGER), output)?.code).toBe('timestamp_range');
    expect(foldOne(state, reading(Number.MIN_SAFE_INTEGER), output)?.code).toBe('timestamp_range');
    expect(state.watermarkMs).toBe(-Infinity);
    expect(state.sensorCount).toBe(0);
  });

  it('a mark moves the watermark without readings, closes what is due and never goes back', () => {
    const state = fresh();
    const output = foldOutput();
    state.advanceWatermark(1_000, output);
    expect(state.watermarkMs).toBe(1_000);
    foldOne(state, reading(2_000), output);

    state.advanceWatermark(windowMs, output);
    state.advanceWatermark(0, output);

    expect(output.rows).toHaveLength(1);
    expect(state.watermarkMs).toBe(windowMs);
    expect(state.maxEventTimeMs).toBe(2_000);
    expect(foldOne(state, reading(windowMs - 1), output)?.code).toBe('late');
  });

  it('with an external watermark readings move nothing but the greatest event time', () => {
    const state = createShardState(defaultSemantics, { watermark: 'external' });
    const output = foldAll(state, [reading(0), reading(100 * windowMs)]);

    expect(output.rows).toEqual([]);
    expect(state.watermarkMs).toBe(-Infinity);
    expect(state.maxEventTimeMs).toBe(100 * windowMs);
  });

  it('closes in window order, then in the order the panes were opened', () => {
    const state = fresh({ watermarkDelayMs: 600_000 });
    const output = foldAll(state, [
      reading(windowMs, 1, 'late-window'),
      reading(1, 1, 'z'),
      reading(2, 1, 'a'),
      reading(windowMs + 1, 1, 'z'),
    ]);

    state.advanceWatermark(10 * windowMs, output);

    expect(output.rows.map((row) => `${row.window_start} ${row.sensor_id}`)).toEqual([
      '0 z',
      '0 a',
      '60000 late-window',
      '60000 z',
    ]);
  });

  it('a row knows the first and the last offset it was made of', () => {
    const state = fresh();
    const readings = [reading(1), reading(0), reading(2), reading(10 * windowMs)];

    const [row] = foldAll(state, readings).rows;

    expect([row?.first_offset, row?.last_offset]).toEqual([
      readings[0]?.offset,
      readings[2]?.offset,
    ]);
  });
});

describe('bounds', () => {
  it('refuses ids beyond SENSORS_MAX, which still advance the watermark and close windows', () => {
    const state = fresh({ sensorsMax: 2 });
    const output = foldAll(state, [reading(0, 1, 'a'), reading(0, 1, 'b')]);

    const reason = foldOne(state, reading(10 * windowMs, 1, 'c'), output);

    expect(reason?.code).toBe('sensors_max');
    expect(output.rows).toHaveLength(2);
    expect(state.sensorCount).toBe(2);
    expect(foldOne(state, reading(10 * windowMs, 1, 'a'), output)).toBeNull();
  });

  it('tells apart ids that share a prefix, by bytes, and keeps 50,000 of them', () => {
    const state = fresh();
    const output = foldOutput();
    for (let id = 0; id < 50_000; id += 1)
      foldOne(state, reading(id % 1_000, id, `s${id}`), output);
    for (let id = 0; id < 50_000; id += 1)
      foldOne(state, reading(id % 1_000, id, `s${id}`), output);

    expect(state.sensorCount).toBe(50_000);
    expect(state.inspect('s49999')?.open_windows[0]).toMatchObject({ count: 2, avg_value: 49_999 });
    expect(state.inspect('s')).toBeUndefined();
    expect(state.inspect('s0')?.baseline.n).toBe(2);
    expect(state.sensorIds(2)).toEqual(['s0', 's1']);
  });

  it('throws on what no decoder hands over, and changes nothing', () => {
    const state = fresh();
    const before = state.snapshot();

    for (const value of [NaN, Infinity, -Infinity, 1.1e150]) {
      expect(() => foldOne(state, reading(0, value), foldOutput())).toThrow(InvariantError);
    }
    for (const timestampMs of [0.5, NaN, 2 ** 53]) {
      expect(() => foldOne(state, reading(timestampMs), foldOutput())).toThrow(InvariantError);
    }
    expect(() => state.advanceWatermark(NaN, foldOutput())).toThrow(InvariantError);
    expect(() => state.advanceWatermark(Infinity, foldOutput())).toThrow(InvariantError);
    expect(Buffer.compare(state.snapshot(), before)).toBe(0);
  });

  it('takes −0 for 0', () => {
    const state = fresh();
    foldAll(state, [reading(0, -0), reading(0, -0)]);

    expect(state.inspect('a')?.open_windows[0]).toMatchObject({ min_value: 0, max_value: 0 });
  });

  it('does not keep the caller’s bytes', () => {
    const state = fresh();
    const slot = slotOf(reading(0, 1, 'abc'));

    state.fold(slot, 0, 1, foldOutput());
    slot.idBytes.fill(0x78);

    expect(state.sensorIds(1)).toEqual(['abc']);
  });
});

describe('lifecycle', () => {
  const lifecycleOf = (state: ShardState): string | undefined => state.inspect('a')?.lifecycle;

  it('a sensor warms, is steady, idles when its last window closes, and goes on', () => {
    const state = fresh({ baseline: 'cumulative', anomalyWarmup: 2 });
    const output = foldOutput();

    foldOne(state, reading(0), output);
    expect(lifecycleOf(state)).toBe('warming');
    foldOne(state, reading(1), output);
    expect(lifecycleOf(state)).toBe('steady');
    state.advanceWatermark(windowMs, output);
    expect(lifecycleOf(state)).toBe('idle');
    foldOne(state, reading(windowMs), output);
    expect(lifecycleOf(state)).toBe('steady');
  });

  it('a quarantined sensor’s readings are refused, its open window closes, others go on', () => {
    const state = fresh();
    const output = foldAll(state, [reading(0), reading(0, 1, 'b')]);

    expect(state.quarantine('a')).toBe(true);
    const reason = foldOne(state, reading(10 * windowMs), output);

    expect(reason?.code).toBe('quarantined');
    expect(output.rows.map((row) => row.sensor_id)).toEqual(['a', 'b']);
    expect(lifecycleOf(state)).toBe('quarantined');
    expect(foldOne(state, reading(10 * windowMs, 1, 'b'), output)).toBeNull();
  });

  it('a released sensor goes on with the baseline it had', () => {
    const state = fresh();
    foldAll(state, [reading(0, 5), reading(1, 7)]);
    state.quarantine('a');

    expect(state.release('a')).toBe(true);
    expect(state.release('a')).toBe(false);

    expect(state.inspect('a')?.baseline.n).toBe(2);
    expect(foldOne(state, reading(2), foldOutput())).toBeNull();
  });

  it('an unknown id is quarantined before its first reading, unless all slots are given', () => {
    const state = fresh({ sensorsMax: 1 });

    expect(state.quarantine('a')).toBe(true);
    expect(state.quarantine('b')).toBe(false);
    expect(foldOne(state, reading(0), foldOutput())?.code).toBe('quarantined');
  });

  it('a quarantine survives a snapshot', () => {
    const state = fresh();
    state.quarantine('a');

    const restored = restoreShardState(state.snapshot(), defaultSemantics, own);

    expect(foldOne(restored, reading(0), foldOutput())?.code).toBe('quarantined');
  });
});

describe('snapshots', () => {
  it('are refused under other settings, naming each that differs', () => {
    const snapshot = fresh().snapshot();
    const other = { ...defaultSemantics, windowMs: 30_000, baseline: 'cumulative' } as const;

    const restore = (): unknown => restoreShardState(snapshot, other, own);

    expect(restore).toThrow(ConfigError);
    expect(restore).toThrow(/WINDOW_MS: stored 60000, configured 30000; BASELINE: stored adaptive/);
  });

  it('are refused under other features, also where these need no other columns', () => {
    const features = (...names: string[]): Semantics => ({
      ...defaultSemantics,
      features: [...defaultSemantics.features, ...names],
    });
    const snapshot = createShardState(features('sum'), own).snapshot();

    for (const other of [features(), features('sum', 'range'), features('first_value')]) {
      const restore = (): unknown => restoreShardState(snapshot, other, own);

      expect(restore).toThrow(ConfigError);
      expect(restore).toThrow(/FEATURES: stored count,.*,sum, configured count/);
    }
  });

  it('are refused under another watermark mode', () => {
    expect(() =>
      restoreShardState(fresh().snapshot(), defaultSemantics, { watermark: 'external' }),
    ).toThrow(ConfigError);
  });

  it('are refused as corrupt when of another version, not a snapshot, or empty', () => {
    const newer = fresh().snapshot();
    newer[4] = 2;

    for (const bytes of [newer, new Uint8Array(0), new Uint8Array(200)]) {
      expect(() => restoreShardState(bytes, defaultSemantics, own)).toThrow(CorruptSnapshotError);
    }
  });
});
