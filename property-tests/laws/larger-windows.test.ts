// Larger windows are merges of closed base windows. Against the oracle they are held with the base
// windows (fold-oracle, cuts, opt-in-features); here, what holds between the two.
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { allFeatures } from '../../src/sensors/features.ts';
import { createShardState, type Semantics } from '../../src/sensors/shard-state.ts';
import { defaultSemantics } from '../arbitraries/settings.ts';
import { stream } from '../arbitraries/streams.ts';
import { calmValue, moderateValue } from '../arbitraries/values.ts';
import type { ExpectedRow, OracleReading } from '../models/oracle.ts';
import { foldAll, foldOutput } from '../models/run-fold.ts';
import { holds, runs, titled } from '../seed.ts';

const epsilon = Number.EPSILON;
/** The square of a deviation below this is lost. */
const underflow = 1e-160;
const names = allFeatures.map(({ name }) => name);
const base: Semantics = { ...defaultSemantics, windowMs: 1_000, watermarkDelayMs: 2_500 };

/** Readings that are never late, so that other window lengths fold the same ones. */
const punctual = fc
  .oneof(
    fc.constant(calmValue()),
    fc.constant(moderateValue()),
    // A small spread on a great magnitude.
    fc.constant(fc.double({ min: -1, max: 1, noNaN: true }).map((x) => 1e9 + x)),
  )
  .chain((value) => stream({ ...base, value, lengthMax: 250, lagMaxMs: base.watermarkDelayMs }));

/** All rows of a fold that ends with everything closed. */
function rowsOf(semantics: Semantics, readings: readonly OracleReading[]): ExpectedRow[] {
  const state = createShardState({ ...semantics, features: names }, { watermark: 'own' });
  const output = foldAll(state, readings, [], foldOutput(0, allFeatures));
  state.advanceWatermark(Number.MAX_SAFE_INTEGER, output);
  expect(state.openWindowCount).toBe(0);
  return output.closed;
}

const inOrder = (rows: readonly ExpectedRow[]): readonly ExpectedRow[] =>
  [...rows].sort((a, b) => a.window_end - b.window_end || (a.sensor_id < b.sensor_id ? -1 : 1));

/**
 * Mean and deviation of a merge of k parts may differ from those of one pass over the same n
 * readings by 4·(n + k)·ε·max|x|: each pass errs by at most 2·n·ε·max|x|, each merge by 4·ε·max|x|
 * more. Sums by ε·|sum| and n²·ε²·Σ|x|, on both sides; and all of them where squares underflow. All else is the same to the bit; but the
 * greatest gap is the true one between two base windows, where one pass may have overstated it.
 */
it(
  titled('a larger tumbling window equals the fold of the same readings at its length'),
  async () => {
    await holds(
      fc.property(punctual, fc.constantFrom(2, 5, 60), (readings, times) => {
        const sizeMs = times * base.windowMs;
        const windows = [{ name: 'larger', sizeMs, hopMs: sizeMs }];
        const merged = inOrder(
          rowsOf({ ...base, windows }, readings).filter((row) => row.length_index === 1),
        );
        const direct = inOrder(rowsOf({ ...base, windowMs: sizeMs }, readings));

        expect(merged.map(exactPart)).toEqual(direct.map(exactPart));
        merged.forEach((row, index) => expectNear(row, direct[index], times));
      }),
      runs(100),
    );
  },
);

function exactPart(row: ExpectedRow): object {
  const { avg_value: _avg, std_dev: _std, sum: _sum, gap_max_ms: _gap, ...features } = row.features;
  return { ...row, length_index: 0, features };
}

function expectNear(merged: ExpectedRow, direct: ExpectedRow | undefined, parts: number): void {
  expect(direct).toBeDefined();
  if (direct === undefined) return;
  const { count, max_value: max, min_value: min, sum = NaN } = merged.features;
  const magnitude = Math.max(Math.abs(min), Math.abs(max));
  const bound = 4 * (count + Math.min(count, parts)) * epsilon * magnitude + underflow;
  const sumBound =
    2 * (epsilon * Math.abs(sum) + (count * epsilon) ** 2 * count * magnitude) + underflow;
  expect(Math.abs(merged.features.avg_value - direct.features.avg_value)).toBeLessThanOrEqual(
    bound,
  );
  expect(Math.abs(merged.features.std_dev - direct.features.std_dev)).toBeLessThanOrEqual(bound);
  expect(Math.abs(sum - (direct.features.sum ?? NaN))).toBeLessThanOrEqual(sumBound);
  expect(merged.features.gap_max_ms).toBeLessThanOrEqual(direct.features.gap_max_ms ?? NaN);
}

it(titled('hopping windows hold every base window size / hop times'), async () => {
  await holds(
    fc.property(punctual, fc.constantFrom([6, 1], [6, 2], [60, 5]), (readings, [size, hop]) => {
      const [sizeMs, hopMs] = [(size ?? 0) * base.windowMs, (hop ?? 0) * base.windowMs];
      const rows = rowsOf({ ...base, windows: [{ name: 'hopping', sizeMs, hopMs }] }, readings);
      const larger = rows.filter((row) => row.length_index === 1);

      for (const small of rows.filter((row) => row.length_index === 0)) {
        const holders = larger.filter(
          (row) =>
            row.sensor_id === small.sensor_id &&
            row.window_start <= small.window_start &&
            row.window_end >= small.window_end,
        );
        expect(holders).toHaveLength(sizeMs / hopMs);
      }
      const readingsIn = (some: readonly ExpectedRow[]): number =>
        some.reduce((sum, { features }) => sum + features.count, 0);
      expect(readingsIn(larger)).toBe((readings.length * sizeMs) / hopMs);
    }),
    runs(100),
  );
});

it(titled('declaring larger windows changes no bit of the base windows’ rows'), async () => {
  await holds(
    fc.property(stream({ ...base, leading: true, lengthMax: 200 }), (readings) => {
      const windows = [{ name: '6/2', sizeMs: 6_000, hopMs: 2_000 }];

      const beside = rowsOf({ ...base, windows }, readings);

      expect(beside.filter((row) => row.length_index === 0)).toEqual(rowsOf(base, readings));
    }),
    runs(100),
  );
});
