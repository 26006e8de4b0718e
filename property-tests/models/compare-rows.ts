// Compares rows with the oracle's: everything exact but mean, deviation and score, which are summed
// in another order.
import { expect } from 'vitest';

import type { ExpectedRow } from './oracle.ts';

/**
 * Expects the same rows in the same order. Mean and deviation may differ by 4·n·ε·max|x|, the
 * one-pass bound, plus the two-pass rounding; scores by 1e-9.
 */
export function expectSameRows(
  actual: readonly ExpectedRow[],
  expected: readonly ExpectedRow[],
): void {
  expect(actual.map(exactPart)).toEqual(expected.map(exactPart));
  actual.forEach((row, index) => {
    const other = expected[index];
    if (other === undefined) return;
    const { count, min_value, max_value } = row.features;
    const magnitude = Math.max(Math.abs(min_value), Math.abs(max_value));
    const bound = 4 * count * Number.EPSILON * magnitude + 1e-160;
    expectNear(row.features.avg_value, other.features.avg_value, bound, 'avg_value');
    expectNear(row.features.std_dev, other.features.std_dev, bound, 'std_dev');
    expectNearOptIn(row.features, other.features, magnitude);
    const scoreBound = 1e-9 * Math.max(1, Math.abs(other.alarm_score_max));
    expectNear(row.alarm_score_max, other.alarm_score_max, scoreBound, 'alarm_score_max');
  });
}

function exactPart(row: ExpectedRow): object {
  const {
    avg_value: _average,
    std_dev: _deviation,
    sum: _sum,
    rate_of_change: _rate,
    alarm_score_max: _scoreMax,
    ...features
  } = row.features;
  const { alarm_score_max: _score, ...rest } = row;
  return { ...rest, features };
}

/**
 * The sum may differ by its own rounding, ε·|sum| + n²·ε²·Σ|x|; the rate by that of its difference
 * and quotient on both sides; the feature alarm_score_max is held by that of the row.
 */
function expectNearOptIn(
  features: ExpectedRow['features'],
  expected: ExpectedRow['features'],
  magnitude: number,
): void {
  if (expected.sum === undefined || expected.rate_of_change === undefined) return;
  const n = features.count;
  const epsilon = Number.EPSILON;
  const sumBound = 2 * epsilon * Math.abs(expected.sum) + n ** 3 * epsilon ** 2 * magnitude;
  expectNear(features.sum ?? NaN, expected.sum, sumBound, 'sum');
  const rateBound = 8 * epsilon * Math.abs(expected.rate_of_change) + 5e-321;
  expectNear(features.rate_of_change ?? NaN, expected.rate_of_change, rateBound, 'rate_of_change');
  const score = expected.alarm_score_max ?? NaN;
  const scoreBound = 1e-9 * Math.max(1, Math.abs(score));
  expectNear(features.alarm_score_max ?? NaN, score, scoreBound, 'alarm_score_max');
}

function expectNear(actual: number, expected: number, bound: number, name: string): void {
  const near = actual === expected || Math.abs(actual - expected) <= bound;
  expect(near, `${name}: ${actual} is not within ${bound} of ${expected}`).toBe(true);
}
