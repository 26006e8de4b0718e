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
    const scoreBound = 1e-9 * Math.max(1, Math.abs(other.alarm_score_max));
    expectNear(row.alarm_score_max, other.alarm_score_max, scoreBound, 'alarm_score_max');
  });
}

function exactPart(row: ExpectedRow): object {
  const { avg_value: _average, std_dev: _deviation, ...features } = row.features;
  const { alarm_score_max: _score, ...rest } = row;
  return { ...rest, features };
}

function expectNear(actual: number, expected: number, bound: number, name: string): void {
  const difference = Math.abs(actual - expected);
  expect(difference <= bound, `${name}: ${actual} is not within ${bound} of ${expected}`).toBe(
    true,
  );
}
