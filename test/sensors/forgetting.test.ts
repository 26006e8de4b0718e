// Which sensors are forgotten, when, and what is left of them and of those that stay.
import { describe, expect, it } from 'vitest';

import { defaultSemantics } from '../../property-tests/arbitraries/settings.ts';
import type { OracleReading } from '../../property-tests/models/oracle.ts';
import { foldAll, foldOne, foldOutput } from '../../property-tests/models/run-fold.ts';
import { ColumnShardState } from '../../src/sensors/column-shard-state.ts';
import {
  createShardState,
  restoreShardState,
  type ClosedWindow,
  type ClosedWindowList,
  type Semantics,
  type ShardState,
} from '../../src/sensors/shard-state.ts';
import { decodeState } from '../../src/sensors/snapshot-format.ts';

const windowMs = 60_000;
const ttlMs = 800_000;
/** Sensors are looked through at its multiples. */
const roundMs = ttlMs / 8;
const own = { watermark: 'own' } as const;
const semantics: Semantics = { ...defaultSemantics, watermarkDelayMs: 0, sensorTtlMs: ttlMs };

let nextOffset = 0;
function reading(timestampMs: number, sensorId: string, value: number = 1): OracleReading {
  nextOffset += 1;
  return { offset: nextOffset, recordTimestampMs: timestampMs, sensorId, timestampMs, value };
}

const fresh = (changes: Partial<Semantics> = {}): ShardState =>
  createShardState({ ...semantics, ...changes }, own);

/** Returns the ids known once the watermark has passed `watermarkMs`, and no other moment between. */
function knownAt(state: ShardState, watermarkMs: number): readonly string[] {
  state.advanceWatermark(watermarkMs, foldOutput());
  return state.sensorIds(Infinity);
}

describe('a sensor is forgotten', () => {
  it('at the first multiple of an eighth of the TTL that is a TTL past the end of its last window', () => {
    const state = fresh();
    foldAll(state, [reading(0, 'a')]);

    // Its window ends at 60,000, so that it is due at 860,000; the next multiple is 900,000.
    expect(knownAt(state, 9 * roundMs - 1)).toEqual(['a']);
    expect(knownAt(state, 9 * roundMs)).toEqual([]);
    expect(state.sensorCount).toBe(0);
    expect(state.inspect('a')).toBeUndefined();
  });

  it('by the event time of other sensors, which are told how many went', () => {
    const state = fresh();
    const output = foldAll(state, [reading(0, 'a'), reading(0, 'b'), reading(0, 'c')]);

    foldOne(state, reading(9 * roundMs, 'c'), output);

    expect(output.forgotten).toBe(2);
    expect(output.rows.map((row) => row.sensor_id)).toEqual(['a', 'b', 'c']);
    expect(state.sensorIds(9)).toEqual(['c']);
  });

  it('and begins anew when it comes back, with no baseline', () => {
    const state = fresh();
    const output = foldAll(state, [reading(0, 'a'), reading(1, 'a'), reading(0, 'b')]);
    foldAll(state, [reading(20 * roundMs, 'b')], [], output);

    foldOne(state, reading(20 * roundMs + 1, 'a'), output);

    expect(state.inspect('a')?.baseline.n).toBe(1);
    expect(state.inspect('b')?.baseline.n).toBe(2);
    expect(state.sensorIds(9)).toEqual(['b', 'a']);
  });

  it('and gives its slot back: SENSORS_MAX counts those that live', () => {
    const state = fresh({ sensorsMax: 2 });
    const output = foldAll(state, [reading(0, 'a'), reading(0, 'b')]);
    expect(foldOne(state, reading(1, 'c'), output)?.code).toBe('sensors_max');

    foldOne(state, reading(20 * roundMs, 'b'), output);

    expect(foldOne(state, reading(20 * roundMs, 'c'), output)).toBeNull();
  });
});

describe('a sensor stays', () => {
  it('for ever where no TTL is set', () => {
    const state = fresh({ sensorTtlMs: Infinity });
    foldAll(state, [reading(0, 'a')]);

    expect(knownAt(state, 1e12)).toEqual(['a']);
  });

  it('while a window of it is open, however far the watermark leaps', () => {
    const state = fresh({ watermarkDelayMs: 50 * roundMs });
    foldAll(state, [reading(0, 'a'), reading(40 * roundMs, 'b')]);

    expect(knownAt(state, 40 * roundMs)).toEqual(['b']);
  });

  it('while a larger window of it is open', () => {
    const day = { name: '24h', sizeMs: 86_400_000, hopMs: 86_400_000 };
    const state = fresh({ windows: [day] });
    foldAll(state, [reading(0, 'a')]);

    expect(knownAt(state, day.sizeMs - 1)).toEqual(['a']);
    expect(knownAt(state, day.sizeMs)).toEqual([]);
  });

  it('while it is quarantined, and a whole TTL after its release', () => {
    const state = fresh();
    foldAll(state, [reading(0, 'a')]);
    state.quarantine('a');
    state.quarantine('never seen');
    expect(knownAt(state, 50 * roundMs)).toEqual(['a', 'never seen']);

    state.release('a');
    state.release('never seen');

    expect(knownAt(state, 58 * roundMs - 1)).toEqual(['a', 'never seen']);
    expect(state.inspect('a')?.baseline.n).toBe(1);
    expect(knownAt(state, 58 * roundMs)).toEqual([]);
  });
});

describe('those that stay', () => {
  /** Returns a state that has forgotten five of ten sensors; the even ones went on. */
  function halved(): ShardState {
    const state = fresh({ watermarkDelayMs: roundMs });
    const ids = Array.from({ length: 10 }, (_, index) => `${'x'.repeat(index)}sensor_${index}`);
    const first = ids.map((id, index) => reading(0, id, index));
    const even = ids.filter((_, index) => index % 2 === 0);
    foldAll(state, [...first, ...even.map((id) => reading(960_000, id, 7))]);
    state.advanceWatermark(9 * roundMs, foldOutput());
    return state;
  }

  it('keep their order, their ids, baselines and open windows', () => {
    const state = halved();

    expect(state.sensorIds(99)).toEqual(
      [0, 2, 4, 6, 8].map((index) => `${'x'.repeat(index)}sensor_${index}`),
    );
    for (const index of [0, 2, 4, 6, 8]) {
      expect(state.inspect(`${'x'.repeat(index)}sensor_${index}`)).toMatchObject({
        baseline: { n: 2, mean: expect.closeTo((index + 7) / 2, 2) as number },
        open_windows: [{ count: 1, avg_value: 7 }],
      });
    }
    expect(state.inspect('xsensor_1')).toBeUndefined();
  });

  it('go on in a snapshot, which holds nothing of the others', () => {
    const state = halved();

    const bytes = state.snapshot();
    const restored = restoreShardState(bytes, { ...semantics, watermarkDelayMs: roundMs }, own);

    const parts = decodeState(bytes);
    expect(Buffer.from(parts.ids).toString()).not.toContain('sensor_1');
    // The first of them opened its second window before its first one closed.
    expect(parts.lastEndsMs).toEqual(Float64Array.of(0, windowMs, windowMs, windowMs, windowMs));
    expect(Buffer.compare(restored.snapshot(), bytes)).toBe(0);
    expect(knownAt(restored, 40 * roundMs)).toEqual([]);
  });
});

it('a list of closed windows shows the ids of sensors forgotten since', () => {
  const state = fresh();
  let list: ClosedWindowList | undefined;
  const closed = {
    windowClosed: (window: ClosedWindow) => (list ??= window.newList()).add(window),
  };
  foldAll(
    state,
    ['a', 'bb', 'ccc'].map((id) => reading(0, id)),
  );
  state.advanceWatermark(windowMs, closed);

  foldAll(state, [reading(20 * roundMs, 'dddd'), reading(20 * roundMs, 'eeeee')]);
  state.advanceWatermark(21 * roundMs, closed);

  const ids = Array.from({ length: list?.count ?? 0 }, (_, index) => {
    const { idBytes, idStart, idEnd } = list?.at(index) as ClosedWindow;
    return Buffer.from(idBytes.subarray(idStart, idEnd)).toString();
  });
  expect(ids).toEqual(['a', 'bb', 'ccc', 'dddd', 'eeeee']);
});

it('a fleet whose ids churn stays bounded in memory', () => {
  const state = new ColumnShardState(semantics, own);
  const sizes: number[][] = [];
  for (let minute = 0; minute < 2_000; minute += 1) {
    const ids = Array.from({ length: 10 }, (_, index) => `born_in_minute_${minute}_${index}`);
    foldAll(
      state,
      ids.map((id) => reading(minute * windowMs, id)),
    );
    const { baseline, lastEndsMs, lifecycle, panes, table } = state.columns;
    const columns = [baseline.columns, lastEndsMs, lifecycle, panes.columns, table.arena];
    sizes.push([state.sensorCount, ...columns.map((column) => column?.byteLength ?? 0)]);
  }

  // At most a TTL, an eighth of it and the open window: some sixteen minutes of ten ids each.
  expect(Math.max(...sizes.map(([sensors = NaN]) => sensors))).toBeLessThanOrEqual(170);
  expect(sizes.at(-1)?.slice(1)).toEqual(sizes[20]?.slice(1));
});
