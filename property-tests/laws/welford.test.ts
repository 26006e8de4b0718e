// One-pass moments against exact integer arithmetic on the doubles, and their algebra.
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { welfordAdd, welfordMerge, welfordStride } from '../../src/sensors/welford.ts';
import { calmValue, moderateValue, sensorValue } from '../arbitraries/values.ts';
import { exactMoments, toDouble, toUnits, unitBits } from '../models/exact.ts';
import { holds, runs, titled } from '../seed.ts';

const epsilon = Number.EPSILON;

interface Moments {
  readonly count: number;
  readonly mean: number;
  readonly m2: number;
}

/** Folds each part by itself and merges them from the left. */
function momentsOf(...parts: readonly (readonly number[])[]): Moments {
  const columns = new Float64Array(welfordStride * (parts.length + 1));
  parts.forEach((part, index) => {
    const base = welfordStride * (index + 1);
    for (const x of part) welfordAdd(columns, base, x);
    welfordMerge(columns, 0, base);
  });
  return { count: columns[0] ?? 0, mean: columns[1] ?? 0, m2: columns[2] ?? 0 };
}

function onePass(values: readonly number[]): Moments {
  const columns = new Float64Array(welfordStride);
  for (const x of values) welfordAdd(columns, 0, x);
  return { count: columns[0] ?? 0, mean: columns[1] ?? 0, m2: columns[2] ?? 0 };
}

const magnitudeOf = (values: readonly number[]): number =>
  values.reduce((max, x) => Math.max(max, Math.abs(x)), 0);

/**
 * Chan, Golub, LeVeque (1983), table 2: relative error of the updating method ≤ c·n·κ·ε, κ = √(1 +
 * n·mean²/m2).
 */
function m2Bound(values: readonly number[]): number {
  const { m2 } = exactMoments(values);
  const n = values.length;
  const magnitude = magnitudeOf(values);
  return (
    4 * n * epsilon * (m2 + Math.sqrt(n * m2) * magnitude) + n * (n * epsilon * magnitude) ** 2
  );
}

const meanBound = (values: readonly number[]): number =>
  2 * values.length * epsilon * magnitudeOf(values);

const manyValues = fc.oneof(
  fc.array(calmValue(), { minLength: 1, maxLength: 200, size: 'max' }),
  fc.array(moderateValue(), { minLength: 1, maxLength: 200, size: 'max' }),
  // A small spread on a great magnitude, where the textbook formula loses everything.
  fc
    .array(fc.double({ min: -1, max: 1, noNaN: true }), {
      minLength: 1,
      maxLength: 200,
      size: 'max',
    })
    .map((values) => values.map((x) => 1e9 + x)),
);

it('exact arithmetic knows the mean and squared deviations of 1, 2, 4', () => {
  const { mean, m2 } = exactMoments([1, 2, 4]);

  expect(mean).toBeCloseTo(7 / 3, 15);
  expect(m2).toBeCloseTo(14 / 3, 15);
  expect(toUnits(5e-324)).toBe(1n);
  expect(toDouble(toUnits(-273.15), 1n << unitBits)).toBe(-273.15);
});

it(titled('one pass equals exact arithmetic within 2·n·ε·max|x| for the mean'), async () => {
  await holds(
    fc.property(manyValues, (values) => {
      const error = exactMoments(values).errorOf(onePass(values));

      expect(error.mean).toBeLessThanOrEqual(meanBound(values));
    }),
    runs(300),
  );
});

it(
  titled('one pass equals exact arithmetic within 4·n·κ·ε relative for squared deviations'),
  async () => {
    await holds(
      fc.property(manyValues, (values) => {
        const error = exactMoments(values).errorOf(onePass(values));

        expect(error.m2).toBeLessThanOrEqual(m2Bound(values));
      }),
      runs(300),
    );
  },
);

it(titled('panes of any cut merge to the whole within the same bounds'), async () => {
  await holds(
    fc.property(fc.array(manyValues, { minLength: 1, maxLength: 6 }), (parts) => {
      const values = parts.flat();
      const merged = momentsOf(...parts);
      const error = exactMoments(values).errorOf(merged);

      expect(merged.count).toBe(values.length);
      expect(error.mean).toBeLessThanOrEqual(meanBound(values));
      expect(error.m2).toBeLessThanOrEqual(m2Bound(values));
    }),
    runs(150),
  );
});

it(
  titled('merging is commutative and associative within the bounds, empty panes its identity'),
  async () => {
    await holds(
      fc.property(manyValues, manyValues, manyValues, (a, b, c) => {
        const all = [...a, ...b, ...c];
        const forth = momentsOf(a, b, c);
        const back = momentsOf(c, b, a);

        expect(Math.abs(forth.mean - back.mean)).toBeLessThanOrEqual(2 * meanBound(all));
        expect(Math.abs(forth.m2 - back.m2)).toBeLessThanOrEqual(2 * m2Bound(all));
        expect(momentsOf([], a, [])).toEqual(onePass(a));
      }),
      runs(150),
    );
  },
);

it(
  titled('shifting by 1e9 shifts the mean and keeps the squared deviations, within the bounds'),
  async () => {
    const values = fc.array(calmValue(), { minLength: 2, maxLength: 200, size: 'max' });
    await holds(
      fc.property(values, (some) => {
        // Rounded first, so that the shifted readings differ from each other exactly as the plain
        // ones.
        const plain = some.map((x) => Math.round(x * 1024) / 1024);
        const shifted = plain.map((x) => x + 1e9);
        const [a, b] = [onePass(plain), onePass(shifted)];

        expect(Math.abs(b.mean - 1e9 - a.mean)).toBeLessThanOrEqual(2 * meanBound(shifted));
        expect(Math.abs(b.m2 - a.m2)).toBeLessThanOrEqual(m2Bound(plain) + m2Bound(shifted));
      }),
      runs(300),
    );
  },
);

it(titled('scaling by a power of two scales the moments bit for bit'), async () => {
  const scenario = fc.tuple(
    fc.array(
      calmValue().map((x) => Math.round(x * 1e6) / 1e6),
      { maxLength: 200, size: 'max' },
    ),
    fc.integer({ min: -60, max: 60 }),
  );
  await holds(
    fc.property(scenario, ([values, exponent]) => {
      const factor = 2 ** exponent;
      const plain = onePass(values);
      const scaled = onePass(values.map((x) => x * factor));

      expect(scaled.mean).toBe(plain.mean * factor);
      expect(scaled.m2).toBe(plain.m2 * factor * factor);
    }),
    runs(300),
  );
});

it(
  titled('squared deviations are never negative, exactly 0 for constants, the mean in [min, max]'),
  async () => {
    const values = fc.array(sensorValue(), { minLength: 1, maxLength: 200, size: 'max' });
    await holds(
      fc.property(values, sensorValue(), fc.integer({ min: 1, max: 300 }), (some, x, n) => {
        const moments = onePass(some);
        const constant = onePass(new Array<number>(n).fill(x));

        expect(moments.m2).toBeGreaterThanOrEqual(0);
        expect(moments.mean).toBeGreaterThanOrEqual(some.reduce((a, b) => Math.min(a, b)));
        expect(moments.mean).toBeLessThanOrEqual(some.reduce((a, b) => Math.max(a, b)));
        expect(constant).toEqual({ count: n, mean: x + 0, m2: 0 });
      }),
      runs(300),
    );
  },
);
