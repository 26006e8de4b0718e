// Compares rows and anomalies with the oracle's: everything exact but what is summed in another
// order: mean, deviation, z and score.
import { expect } from 'vitest';

import type { ExpectedAlarm } from './alarm-oracle.ts';
import type { ExpectedAnomaly } from './anomaly-oracle.ts';
import type { ExpectedRow } from './oracle.ts';

/**
 * Expects the same rows in the same order. Mean and deviation may differ by 4·n·ε·max|x|, the
 * one-pass bound, plus the two-pass rounding, and three times that in a larger window, which is at
 * most n merges; scores by 1e-9.
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
    const bound = (row.length_index === 0 ? 4 : 12) * count * Number.EPSILON * magnitude + 1e-160;
    expectNear(row.features.avg_value, other.features.avg_value, bound, 'avg_value');
    expectNear(row.features.std_dev, other.features.std_dev, bound, 'std_dev');
    expectNearOptIn(row.features, other.features, magnitude);
    const scoreBound = 1e-9 * Math.max(1, Math.abs(other.alarm_score_max));
    expectNear(row.alarm_score_max, other.alarm_score_max, scoreBound, 'alarm_score_max');
  });
}

/** Expects the same changes of alarms in the same order; scores may differ by 1e-9, as of anomalies. */
export function expectSameAlarms(
  actual: readonly ExpectedAlarm[],
  expected: readonly ExpectedAlarm[],
): void {
  const exact = ({ score, ...rest }: ExpectedAlarm): object => ({
    ...rest,
    scored: score !== null,
  });
  expect(actual.map(exact)).toEqual(expected.map(exact));
  actual.forEach(({ score }, index) => {
    const other = expected[index]?.score ?? 0;
    expectNear(score ?? 0, other, 1e-9 * Math.max(1, Math.abs(other)), 'score of an alarm');
  });
}

/**
 * Expects the same anomalies in the same order. z, score and baseline may differ by 1e-9 of what
 * they are, or of 1: they come from the same operations, squared and grouped otherwise.
 */
export function expectSameAnomalies(
  actual: readonly ExpectedAnomaly[],
  expected: readonly ExpectedAnomaly[],
): void {
  const exact = ({ z: _z, score: _score, baseline, ...rest }: ExpectedAnomaly): object => {
    return { ...rest, n: baseline.n };
  };
  expect(actual.map(exact)).toEqual(expected.map(exact));
  actual.forEach((anomaly, index) => {
    const other = expected[index];
    if (other === undefined) return;
    const near = (got: number, want: number, name: string): void => {
      expect(Number.isFinite(got), `${name} is ${got}`).toBe(true);
      expectNear(got, want, 1e-9 * Math.max(1, Math.abs(want)), name);
    };
    near(anomaly.z, other.z, 'z');
    near(anomaly.score, other.score, 'score');
    near(anomaly.baseline.mean, other.baseline.mean, 'mean');
    near(anomaly.baseline.std_dev, other.baseline.std_dev, 'std_dev');
  });
}

function exactPart(row: ExpectedRow): object {
  const {
    avg_value: _average,
    std_dev: _deviation,
    sum: _sum,
    rate_of_change: _rate,
    median: _median,
    p95: _p95,
    alarm_score_max: _scoreMax,
    ...features
  } = row.features;
  const { alarm_score_max: _score, ...rest } = row;
  return { ...rest, features };
}

/**
 * The sum may differ by its own rounding, ε·|sum| + n²·ε²·Σ|x|; the rate by that of its difference
 * and quotient on both sides; quantiles are exact for 63 readings, else to a 62nd of their range; the
 * feature alarm_score_max is held by that of the row.
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
  const quantileBound =
    n <= 63 ? 0 : (expected.range ?? NaN) / 62 + 4 * epsilon * magnitude + 2 ** -501;
  expectNear(features.median ?? NaN, expected.median ?? NaN, quantileBound, 'median');
  expectNear(features.p95 ?? NaN, expected.p95 ?? NaN, quantileBound, 'p95');
  const score = expected.alarm_score_max ?? NaN;
  const scoreBound = 1e-9 * Math.max(1, Math.abs(score));
  expectNear(features.alarm_score_max ?? NaN, score, scoreBound, 'alarm_score_max');
}

function expectNear(actual: number, expected: number, bound: number, name: string): void {
  const near = actual === expected || Math.abs(actual - expected) <= bound;
  expect(near, `${name}: ${actual} is not within ${bound} of ${expected}`).toBe(true);
}
