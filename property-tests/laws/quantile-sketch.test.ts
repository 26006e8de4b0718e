// The quantile sketch against exact quantiles of sorted values: its bound, and that neither order nor
// cuts matter.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { emptyScoredReading } from '../../src/sensors/accumulator.ts';
import { ClosedWindowView, type ClosedWindow } from '../../src/sensors/closed-window.ts';
import { paneLayout } from '../../src/sensors/pane-layout.ts';
import { quantileOf, quantiles } from '../../src/sensors/quantile-sketch.ts';
import { calmValue, moderateValue, sensorValue } from '../arbitraries/values.ts';
import { exactQuantile } from '../models/features-oracle.ts';
import { holds, runs, titled } from '../seed.ts';

const bucketsMax = 63;
const stride = quantiles.columns.length;
const probability = fc.oneof(
  fc.constantFrom(0, 0.05, 0.5, 0.95, 0.99, 1),
  fc.double({ min: 0, max: 1, noNaN: true }),
);

const subnormals: readonly number[] = Array.from(
  { length: 200 },
  (_, step) => (step - 100) * Number.MIN_VALUE,
);

/** More values than there are buckets, of all kinds: spread, clustered, with outliers, hostile. */
const manyValues = fc.oneof(
  fc.array(calmValue(), { minLength: 64, maxLength: 400, size: 'max' }),
  fc.array(sensorValue(), { minLength: 64, maxLength: 400, size: 'max' }),
  fc.array(moderateValue(), { minLength: 64, maxLength: 400, size: 'max' }),
  fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 64, maxLength: 300 }),
  fc
    .tuple(
      fc.array(fc.double({ min: 19, max: 21, noNaN: true }), { minLength: 64, maxLength: 300 }),
      fc.array(sensorValue(), { maxLength: 20 }),
    )
    .map(([bulk, outliers]) => [...bulk, ...outliers]),
  // Steps of one ulp.
  fc
    .tuple(
      fc.constantFrom(1, 20.5, 1e9, 1e150 * (1 - 2 ** -40), -3),
      fc.integer({ min: 64, max: 300 }),
    )
    .map(([start, count]) =>
      Array.from({ length: count }, (_, step) => start + step * 2 ** -52 * Math.abs(start)),
    ),
  // Subnormals, alone and beside values so great that a quotient by their width underflows.
  fc.constant(subnormals),
  fc
    .array(fc.integer({ min: -100, max: 100 }), { minLength: 64, maxLength: 300 })
    .map((steps) => [...subnormals, ...steps.map((step) => step * 1e140)]),
);

function sketchOf(values: readonly number[]): Float64Array {
  const columns = new Float64Array(stride).fill(NaN);
  quantiles.open(columns, 0);
  addAll(columns, 0, values);
  return columns;
}

function addAll(columns: Float64Array, at: number, values: readonly number[]): void {
  for (const value of values) {
    quantiles.update(columns, at, { ...emptyScoredReading(), value: value + 0 });
  }
}

function windowOf(values: readonly number[]): ClosedWindow {
  const columns = sketchOf(values);
  const view = new ClosedWindowView(paneLayout([{ needs: [quantiles] }]), []);
  return Object.assign(view, {
    count: values.length,
    min: values.reduce((a, b) => Math.min(a, b)) + 0,
    max: values.reduce((a, b) => Math.max(a, b)) + 0,
    column: (_accumulator: unknown, index: number) => columns[index] ?? NaN,
  });
}

const ascending = (values: readonly number[]): number[] =>
  values.map((x) => x + 0).sort((a, b) => a - b);

/** The promise: over all k, the least range of all readings but k, by 62 − k; and rounding. */
function promised(sorted: readonly number[]): number {
  let least = Infinity;
  for (let left = 0; left < 62 && left < sorted.length; left += 1) {
    for (let from = 0; from <= left; from += 1) {
      const range = (sorted[sorted.length - 1 - left + from] ?? 0) - (sorted[from] ?? 0);
      least = Math.min(least, range / (62 - left));
    }
  }
  return least + rounding(sorted) + 2 ** -501;
}

function rounding(sorted: readonly number[]): number {
  return 4 * Number.EPSILON * Math.max(Math.abs(sorted[0] ?? 0), Math.abs(sorted.at(-1) ?? 0));
}

describe('a quantile', () => {
  it(titled('is exact, to the bit, where the window has at most 63 distinct values'), async () => {
    const fewDistinct = fc
      .uniqueArray(
        sensorValue().map((x) => x + 0),
        { minLength: 1, maxLength: bucketsMax },
      )
      .chain((some) => fc.array(fc.constantFrom(...some), { minLength: 1, maxLength: 300 }));
    await holds(
      fc.property(fewDistinct, probability, (values, p) => {
        expect(quantileOf(windowOf(values), p)).toBe(exactQuantile(ascending(values), p));
      }),
      runs(300),
    );
  });

  it(
    titled('is else within (range but for any k readings) / (62 − k) of the exact one'),
    async () => {
      await holds(
        fc.property(manyValues, probability, (values, p) => {
          const sorted = ascending(values);

          const error = Math.abs(quantileOf(windowOf(values), p) - exactQuantile(sorted, p));

          expect(error).toBeLessThanOrEqual(promised(sorted));
        }),
        runs(300),
      );
    },
  );

  it(titled('is within half a width of the buckets of the exact one'), async () => {
    await holds(
      fc.property(manyValues, probability, (values, p) => {
        const sorted = ascending(values);
        const [width] = sketchOf(values);

        const error = Math.abs(quantileOf(windowOf(values), p) - exactQuantile(sorted, p));

        expect(error).toBeLessThanOrEqual((width ?? NaN) / 2 + rounding(sorted));
      }),
      runs(300),
    );
  });

  it(
    titled('lies between the least and the greatest reading, and grows with its share'),
    async () => {
      await holds(
        fc.property(manyValues, probability, probability, (values, a, b) => {
          const window = windowOf(values);
          const [low, high] = [Math.min(a, b), Math.max(a, b)].map((p) => quantileOf(window, p));

          expect(low).toBeGreaterThanOrEqual(window.min);
          expect(high).toBeLessThanOrEqual(window.max);
          expect(high).toBeGreaterThanOrEqual(
            (low ?? NaN) - 4 * Number.EPSILON * Math.abs(low ?? NaN),
          );
        }),
        runs(200),
      );
    },
  );

  it('keeps its resolution beside outliers: 20 ± 1 with readings of −1e6 and 1e9 among them', () => {
    const bulk = Array.from({ length: 600 }, (_, index) => 19 + index / 300);
    const values = [...bulk, -1e6, 1e9, 5e8];

    const error = quantileOf(windowOf(values), 0.5) - exactQuantile(ascending(values), 0.5);

    expect(Math.abs(error)).toBeLessThan(2 / 59);
  });
});

describe('a sketch', () => {
  it(titled('is the same bits in whatever order its values come'), async () => {
    await holds(
      fc.property(manyValues, fc.infiniteStream(fc.nat(1_000)), (values, places) => {
        const shuffled = values
          .map((value) => ({ value, place: Number(places.next().value) }))
          .sort((a, b) => a.place - b.place)
          .map(({ value }) => value);

        expect(sketchOf(shuffled)).toEqual(sketchOf(values));
      }),
      runs(150),
    );
  });

  it(titled('merged from any cut is the whole, to the bit'), async () => {
    await holds(
      fc.property(manyValues, fc.array(fc.nat(400), { maxLength: 5 }), (values, cuts) => {
        const ends = [...cuts.filter((cut) => cut < values.length), values.length];
        ends.sort((a, b) => a - b);
        const columns = new Float64Array(2 * stride).fill(NaN);
        quantiles.open(columns, 0);
        ends.forEach((end, index) => {
          quantiles.open(columns, stride);
          addAll(columns, stride, values.slice(ends[index - 1] ?? 0, end));
          quantiles.merge(columns, 0, stride);
        });

        expect(columns.slice(0, stride)).toEqual(sketchOf(values));
      }),
      runs(150),
    );
  });

  it(titled('never holds more than 63 buckets, and counts every reading'), async () => {
    await holds(
      fc.property(manyValues, (values) => {
        const columns = sketchOf(values);
        const counts = columns.slice(2 + 64);

        expect(columns[1]).toBeLessThanOrEqual(bucketsMax);
        expect(counts.reduce((a, b) => a + b, 0)).toBe(values.length);
      }),
      runs(150),
    );
  });
});
