import { describe, expect, it } from 'vitest';

import { adaptiveVerdicts } from '../../property-tests/models/baseline-oracle.ts';
import { AdaptiveBaseline, type AdaptiveSettings } from '../../src/sensors/baseline-adaptive.ts';
import { alarmFlag } from '../../src/sensors/baseline.ts';
import { knownStream } from './known-stream.ts';

const settings = {
  anomalyThreshold: 2.5,
  anomalyWarmup: 2,
  baselineHalfLife: 4_000,
  alarmRest: 'fixed',
} as const;
const calmSettings = { ...settings, alarmRest: 'calm' } as const;

function freshBaseline(chosen: AdaptiveSettings = settings): AdaptiveBaseline {
  const baseline = new AdaptiveBaseline(chosen);
  baseline.columns = new Float64Array(baseline.stride);
  return baseline;
}

function alarmsOf(chosen: AdaptiveSettings, score: (index: number) => number): number[] {
  const baseline = freshBaseline(chosen);
  return Array.from({ length: 300 }, (_, index) => index).filter(
    (index) => baseline.raiseAlarm(0, score(index)) !== 0,
  );
}

describe('the adaptive baseline', () => {
  it('gives the published scores and alarms where the range line is left out', () => {
    const baseline = freshBaseline();
    const scores: number[] = [];
    const alarms: number[] = [];

    knownStream(400).forEach((x, index) => {
      const score = baseline.scoreSurprise(0, x);
      baseline.learn(0, x);
      if ((baseline.raiseAlarm(0, score) & alarmFlag) !== 0) alarms.push(index);
      scores.push(score);
    });

    expect(scores[250]).toBeCloseTo(3.886197451, 9);
    expect(scores[251]).toBeCloseTo(5.911273613, 9);
    expect(scores[325]).toBeCloseTo(5.772346247, 9);
    expect(scores[399]).toBeCloseTo(0.993137782, 9);
    expect(alarms).toEqual([204, 322]);
  });

  it('gives the oracle the same published answers', () => {
    const verdicts = adaptiveVerdicts(knownStream(400), settings, { withoutRange: true });

    expect(verdicts[250]?.score).toBeCloseTo(3.886197451, 9);
    expect(verdicts[399]?.score).toBeCloseTo(0.993137782, 9);
    expect(verdicts.flatMap(({ alarm }, index) => (alarm ? [index] : []))).toEqual([204, 322]);
  });

  it('adds the range: a reading 5 % of the range above it scores 3', () => {
    const baseline = freshBaseline();
    for (let index = 0; index < 400; index += 1) baseline.observe(0, index % 2 === 0 ? 10 : 20);

    // The range has shrunk by one reading's decay at its lower end and none at its upper end.
    const score = baseline.scoreRange(0, 20.5);

    expect(score).toBeCloseTo(3, 2);
  });

  it('is silent about the range while warming', () => {
    const baseline = freshBaseline();
    for (let index = 0; index < 149; index += 1) baseline.observe(0, index % 2 === 0 ? 10 : 20);

    const warming = baseline.scoreRange(0, 1_000);
    baseline.observe(0, 15);
    const warm = baseline.scoreRange(0, 5_000);

    expect(warming).toBe(0);
    expect(warm).toBeGreaterThan(3);
  });

  it('rests for 72 readings after an alarm where the rest is fixed', () => {
    expect(alarmsOf(settings, () => 5)).toEqual([0, 72, 144, 216, 288]);
  });

  it('rests for 144 readings after an alarm while its score stays up', () => {
    expect(alarmsOf(calmSettings, () => 5)).toEqual([0, 144, 288]);
  });

  it('rests for 36 readings after an alarm where the sensor calmed down at once', () => {
    const scoresAt = (late: number) => (index: number) => (index === 0 || index === late ? 5 : 0.9);

    expect(alarmsOf(calmSettings, scoresAt(36))).toEqual([0]);
    expect(alarmsOf(calmSettings, scoresAt(37))).toEqual([0, 37]);
  });

  it('finds the spike that a fixed rest after a false alarm hides', () => {
    const verdicts = adaptiveVerdicts(knownStream(400), calmSettings, { withoutRange: true });

    expect(verdicts.flatMap(({ alarm }, index) => (alarm ? [index] : []))).toEqual([204, 250, 322]);
  });

  it('knows mean, spread and count of what it learned', () => {
    const baseline = freshBaseline();
    for (const x of [1, 2, 3, 4]) baseline.observe(0, x);

    const summary = baseline.summarize(0);

    expect(summary.n).toBe(4);
    expect(summary.mean).toBeCloseTo(2.5, 2);
    expect(summary.std_dev).toBeCloseTo(Math.sqrt(5 / 3), 2);
  });
});
