import { describe, expect, it } from 'vitest';

import { explanationSentence } from '../../src/past/explanation-sentence.ts';

type Told = Parameters<typeof explanationSentence>[0];

const rule = {
  score_min: 3,
  rest_left: 0,
  rest_readings: 144,
  calm_reading: 4,
  warm_readings: 150,
  range: [9, 11] as const,
  range_score: 0,
};

const told: Told = {
  offset: 7,
  timestamp: 1_700_000_041_000,
  record_timestamp: 1_700_000_041_000,
  value: 12.4,
  window: { start: 1_700_000_040_000, end: 1_700_000_100_000 },
  watermark_before: 1_700_000_105_000,
  sensor_before: {
    sensor_id: 'a',
    lifecycle: 'steady',
    baseline: { mean: 10, std_dev: 0.47, n: 900 },
    learned: { readings: 900, readings_needed: 150 },
    open_windows: [],
  },
  forgotten_reading: null,
  outcome: 'folded',
  reason: null,
  z: 5.1234567,
  anomaly_threshold: 2.5,
  anomaly: true,
  score: 3.4,
  alarm: true,
  alarm_rule: rule,
};

describe('the sentence of an explanation', () => {
  it('names value, baseline, threshold and score of an alarm', () => {
    expect(explanationSentence(told)).toBe(
      "12.4 is 5.123 standard deviations above this sensor's mean of 10 (standard deviation 0.47, 900 readings), " +
        'more than the threshold 2.5: an anomaly. Surprise score 3.4 ≥ 3: an alarm.',
    );
  });

  it('explains that no alarm is raised soon after the last one', () => {
    const quiet = { ...told, alarm: false, alarm_rule: { ...rule, rest_left: 31 } };

    expect(explanationSentence(quiet)).toContain(
      'but no alarm: the sensor raised one recently and rests for 31 of 144 more readings (a calm reading counts 4).',
    );
  });

  it('names the rule that gave the score, where there are several', () => {
    expect(explanationSentence({ ...told, channel: 'shift' })).toContain(
      'Surprise score 3.4 ≥ 3, for its readings being unusual for longer than is usual for it (shift): an alarm.',
    );
  });

  it('names the range when the score comes from it', () => {
    const outside = { ...told, score: 42, alarm_rule: { ...rule, range_score: 42 } };

    expect(explanationSentence(outside)).toContain("for lying above the sensor's range 9 to 11");
  });

  it('says whether a sensor without a baseline was forgotten', () => {
    const first = { ...told, sensor_before: null };

    expect(explanationSentence(first)).toContain("this sensor's baseline: there is nothing");
    expect(explanationSentence({ ...first, forgotten_reading: 3 })).toContain(
      'baseline since it was forgotten after SENSOR_TTL (heard before, at offset 3): there is nothing',
    );
  });

  it('names how many readings an alarm needs', () => {
    const baseline = { mean: 10, std_dev: 0.47, n: 40 };
    const learned = { readings: 40, readings_needed: 150 };
    const state = { sensor_id: 'a', lifecycle: 'warming', open_windows: [] };
    const sensor_before = { ...state, baseline, learned };
    const young = { ...told, z: -1, anomaly: false, score: 0, alarm: false, sensor_before };

    expect(explanationSentence(young)).toMatch(/below .* within the threshold 2.5: no anomaly/);
    expect(explanationSentence(young)).toContain('needs 150 earlier readings, there are 40');
  });

  it('does not mention alarms under a baseline without alarms', () => {
    const classical = { ...told, score: null, alarm: false, alarm_rule: null };

    expect(explanationSentence(classical)).toMatch(/: an anomaly\.$/);
  });

  it('names the window that a late reading missed, and when it had closed', () => {
    const late = { ...told, reason: { code: 'late', message: 'timestamp …' } };

    expect(explanationSentence(late)).toBe(
      'Refused as a dead letter (late): its window [2023-11-14T22:14:00.000Z, 2023-11-14T22:15:00.000Z) had closed ' +
        '(the watermark was 2023-11-14T22:15:05.000Z).',
    );
  });

  it('explains that a first reading cannot be compared', () => {
    expect(explanationSentence({ ...told, sensor_before: null })).toContain('first reading');
  });
});
