// A state that is migrated at any reading goes on as one that had the new settings from the
// beginning would, wherever the plan says that it does.
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { allFeatures, selectFeatures } from '../../src/sensors/features.ts';
import { migrateState } from '../../src/sensors/migrated-state.ts';
import { sameWindow } from '../../src/sensors/migration-plan.ts';
import { paneLayout } from '../../src/sensors/pane-layout.ts';
import {
  createShardState,
  restoreShardState,
  type Semantics,
  type ShardState,
} from '../../src/sensors/shard-state.ts';
import { semantics } from '../arbitraries/settings.ts';
import { stream } from '../arbitraries/streams.ts';
import type { ExpectedRow, OracleReading } from '../models/oracle.ts';
import { foldAll, foldOutput, type FoldOutput } from '../models/run-fold.ts';
import { holds, runs, titled } from '../seed.ts';

const own = { watermark: 'own' } as const;
const names = allFeatures.map(({ name }) => name);
const endMs = Number.MAX_SAFE_INTEGER;

/** `settings` with other features and larger windows. */
function others(settings: Semantics): fc.Arbitrary<Semantics> {
  const window = (size: number, hop: number): Semantics['windows'][number] => ({
    name: `${size}/${hop}`,
    sizeMs: size * settings.windowMs,
    hopMs: hop * settings.windowMs,
  });
  const features = fc.shuffledSubarray(names, { minLength: 1 });
  const windows = fc.subarray([window(2, 1), window(5, 5), window(6, 2), window(60, 60)]);
  return fc.tuple(features, windows).map(([some, larger]) => ({
    ...settings,
    features: some,
    windows: larger,
  }));
}

/** Two settings that differ in features and larger windows alone, readings and two cuts. */
const scenario = semantics().chain((settings) => {
  // A larger window keeps its sensor from being forgotten: with others, others are forgotten.
  const unforgotten = { ...settings, sensorTtlMs: Infinity };
  return fc.record({
    from: others(unforgotten),
    to: others(unforgotten),
    readings: stream({ ...settings, leading: true, lengthMax: 120 }),
    cut: fc.nat(120),
    later: fc.nat(120),
  });
});

const outputOf = ({ features }: Semantics): FoldOutput => foldOutput(0, selectFeatures(features));

function migrated(state: ShardState, from: Semantics, to: Semantics): ShardState {
  return restoreShardState(migrateState(state.snapshot(), { from, to }), to, own);
}

/** Returns what `state` gives for `readings`, and as everything closes then. */
function outputsAfter(
  state: ShardState,
  to: Semantics,
  readings: readonly OracleReading[],
): FoldOutput {
  const output = foldAll(state, readings, [], outputOf(to));
  state.advanceWatermark(endMs, output);
  return output;
}

it(titled('rows after a migration are those of the new settings from the beginning'), async () => {
  await holds(
    fc.property(scenario, ({ from, to, readings, cut }) => {
      const before = createShardState(from, own);
      foldAll(before, readings.slice(0, cut), [], outputOf(from));
      const whole = createShardState(to, own);
      foldAll(whole, readings.slice(0, cut), [], outputOf(to));
      const rest = readings.slice(cut);
      const cutOffset = readings[Math.min(cut, readings.length) - 1]?.offset ?? -1;
      const { watermarkMs } = before;
      const known = paneLayout(selectFeatures(from.features)).starts;

      const found = outputsAfter(migrated(before, from, to), to, rest);
      const expected = outputsAfter(whole, to, rest);

      const isThere = ({ length_index: length, window_start: startMs }: ExpectedRow): boolean => {
        const window = to.windows[length - 1];
        const isKept = window === undefined || sameWindow(from.windows, window) >= 0;
        return isKept || startMs + to.windowMs > watermarkMs;
      };
      const isKnown = (name: string, row: ExpectedRow): boolean =>
        row.first_offset > cutOffset ||
        selectFeatures([name]).every(({ needs }) => needs.every((need) => known.has(need)));
      const rows = expected.closed.filter(isThere).map((row) => ({
        ...row,
        features: Object.fromEntries(
          Object.entries(row.features).filter(([name]) => isKnown(name, row)),
        ),
      }));
      expect(found.closed).toEqual(rows);
      expect(found.refused).toEqual(expected.refused);
      expect(found.anomalies).toEqual(expected.anomalies);
      expect(found.events).toEqual(expected.events);
    }),
    runs(250),
  );
});

it(titled('a migration to the same settings changes no bit'), async () => {
  const same = semantics().chain((settings) =>
    fc.tuple(others(settings), stream({ ...settings, leading: true, lengthMax: 120 })),
  );
  await holds(
    fc.property(same, ([settings, readings]) => {
      const state = createShardState(settings, own);
      foldAll(state, readings);
      const bytes = state.snapshot();

      const again = migrateState(bytes, { from: settings, to: settings });

      expect(Buffer.compare(again, bytes)).toBe(0);
    }),
    runs(200),
  );
});

it(titled('a snapshot after a migration changes no later bit'), async () => {
  await holds(
    fc.property(scenario, ({ from, to, readings, cut, later }) => {
      const before = createShardState(from, own);
      foldAll(before, readings.slice(0, cut));
      const plain = migrated(before, from, to);
      const first = readings.slice(cut, Math.max(cut, later));
      foldAll(plain, first);
      const restored = restoreShardState(plain.snapshot(), to, own);
      const rest = readings.slice(cut + first.length);

      const found = outputsAfter(restored, to, rest);
      const expected = outputsAfter(plain, to, rest);

      expect(found.closed).toEqual(expected.closed);
      expect(Buffer.compare(restored.snapshot(), plain.snapshot())).toBe(0);
    }),
    runs(200),
  );
});

/** Any two settings that a migration can join: one base window, one keying. */
const anyChange = fc.tuple(semantics(), semantics()).chain(([one, other]) => {
  const to = { ...other, windowMs: one.windowMs, sensorsMax: one.sensorsMax, windows: one.windows };
  return fc.record({
    from: others(one),
    to: others(to),
    readings: stream({ ...one, leading: true, lengthMax: 120 }),
    cut: fc.nat(120),
  });
});

const base = (output: FoldOutput): readonly ExpectedRow[] => output.rows;
const keyOf = (row: ExpectedRow): string => `${row.sensor_id} ${row.window_end}`;

it(titled('whatever a migration changes, every reading counts in one base window'), async () => {
  await holds(
    fc.property(anyChange, ({ from, to, readings, cut }) => {
      const all = ['count'];
      const [old, next] = [
        { ...from, features: all },
        { ...to, features: all },
      ];
      const before = createShardState(old, own);
      const first = foldAll(before, readings.slice(0, cut));
      const after = migrated(before, old, next);

      const second = outputsAfter(after, next, readings.slice(cut));

      const rows = [...base(first), ...base(second)];
      expect(new Set(rows.map(keyOf)).size).toBe(rows.length);
      const counted = rows.reduce((sum, { features }) => sum + features.count, 0);
      expect(counted).toBe(readings.length - first.refused.length - second.refused.length);
    }),
    runs(200),
  );
});

it(titled('a migration keeps every baseline unless their method changes'), async () => {
  await holds(
    fc.property(anyChange, ({ from, to, readings, cut }) => {
      const before = createShardState(from, own);
      foldAll(before, readings.slice(0, cut));

      const after = migrated(before, from, to);

      for (const id of before.sensorIds(100)) {
        const learned = before.inspect(id)?.baseline;
        if (from.baseline === to.baseline) expect(after.inspect(id)?.baseline).toEqual(learned);
        else expect(after.inspect(id)?.baseline).toMatchObject({ n: 0 });
      }
      expect(after.sensorIds(100)).toEqual(before.sensorIds(100));
    }),
    runs(200),
  );
});
