// The population stability index as a divergence: its sign, its symmetry, its bound, and its growth.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { seededRandom } from '../../src/producer/seeded-random.ts';
import { driftVerdict, stabilityOf } from '../../src/queries/population-stability.ts';
import { holds, runs, titled } from '../seed.ts';

const count = fc.oneof(fc.constant(0), fc.nat({ max: 20 }), fc.nat({ max: 1_000_000_000 }));
const pairOfBins = fc.array(fc.tuple(count, count), { minLength: 1, maxLength: 12 });
const sum = (counts: readonly number[]): number => counts.reduce((total, each) => total + each, 0);

describe('the stability index', () => {
  it(titled('is at least 0, symmetric, and below its bound, whichever bins are empty'), () =>
    holds(
      fc.property(pairOfBins, (pairs) => {
        const before = pairs.map(([reference]) => reference);
        const now = pairs.map(([, current]) => current);
        const used = pairs.filter(([a, b]) => a + b > 0).length;

        const { index, chance } = stabilityOf(before, now);

        expect(stabilityOf(now, before)).toEqual({ index, chance });
        if (sum(before) === 0 || sum(now) === 0) {
          expect(index).toBeUndefined();
          return;
        }
        expect(index).toBeGreaterThanOrEqual(0);
        const bound = Math.log(2 * sum(before) + used) + Math.log(2 * sum(now) + used);
        expect(index).toBeLessThan(bound);
      }),
      runs(500),
    ),
  );

  it(titled('of a sample against itself is 0'), () =>
    holds(
      fc.property(fc.array(count, { minLength: 1, maxLength: 12 }), (counts) => {
        fc.pre(sum(counts) > 0);

        expect(stabilityOf(counts, counts).index).toBe(0);
      }),
      runs(200),
    ),
  );

  it(titled('grows with each value that moves on between two bins'), () =>
    holds(
      fc.property(
        fc.array(fc.integer({ min: 2, max: 1_000 }), { minLength: 2, maxLength: 12 }),
        fc.nat({ max: 1_000 }),
        (counts, distance) => {
          const [first = 0, second = 0, ...rest] = counts;
          const moved = 1 + (distance % (first - 1));

          const shiftBy = (values: number): number =>
            stabilityOf(counts, [first - values, second + values, ...rest]).index ?? NaN;

          expect(shiftBy(moved)).toBeGreaterThan(shiftBy(moved - 1));
        },
      ),
      runs(300),
    ),
  );

  it('exceeds what chance explains in few samples of one distribution', () => {
    const random = seededRandom(1, 1);
    const sample = (values: number): readonly number[] => {
      const bins = Array.from({ length: 10 }, () => 0);
      for (let value = 0; value < values; value += 1) {
        const bin = Math.floor(random.uniform() * bins.length);
        bins[bin] = (bins[bin] ?? 0) + 1;
      }
      return bins;
    };

    const all = Array.from({ length: 3_000 }, () => stabilityOf(sample(1_000), sample(200)));

    const beyond = all.filter(({ index = NaN, chance }) => index > chance);
    expect(beyond.length).toBeLessThanOrEqual(9);
  });

  it.each([
    [0.099, 0, 'stable'],
    [0.1, 0, 'some shift'],
    [0.25, 0, 'large shift'],
    [0.3, 0.3, 'too few rows'],
    [undefined, 0, 'no values'],
  ])('of %d where chance explains %d is said to be: %s', (index, chance, verdict) => {
    expect(driftVerdict({ index, chance })).toBe(verdict);
  });
});
