import { describe, expect, it } from 'vitest';

import { seededRandom } from '../../src/producer/seeded-random.ts';
import { RobustBaseline } from '../../src/sensors/baseline-robust.ts';
import { robustDoubles } from '../../src/sensors/robust-slot.ts';

const everyMs = 15 * 60_000;
const perDay = 96;

/** Returns a baseline that has met `days` of a sensor with this swing over the day, plus noise. */
function afterDays(days: number, swing: number): RobustBaseline {
  const baseline = new RobustBaseline({
    ...{ anomalyThreshold: 2.5, baselineHalfLife: 4000, alarmRest: 'calm' },
  });
  baseline.columns = new Float64Array(robustDoubles);
  const noise = seededRandom(7, 1);
  for (let at = 0; at < days * perDay; at += 1) {
    const x = 20 + swing * Math.sin((at / perDay) * 2 * Math.PI) + noise.normal();
    baseline.observe(0, x, at * everyMs);
  }
  return baseline;
}

describe('the profile of the day', () => {
  it('of a sensor without readings knows nothing', () => {
    expect(afterDays(0, 5).dayProfile(0)).toEqual({
      ...{ days_seen: 0, days_needed: 3, parts_known: 0, parts: 8, in_use: false },
    });
  });

  it('counts a part of the day once its first visit is over', () => {
    expect(afterDays(0.25, 5).dayProfile(0)).toMatchObject({ days_seen: 0, parts_known: 1 });
    expect(afterDays(1.01, 5).dayProfile(0)).toMatchObject({ days_seen: 1, parts_known: 8 });
  });

  it('is in use from its fourth day on, and only where the day explains the sensor', () => {
    expect(afterDays(2.9, 5).dayProfile(0)).toMatchObject({ days_seen: 2, in_use: false });
    expect(afterDays(6, 5).dayProfile(0)).toMatchObject({ days_seen: 5, in_use: true });
    expect(afterDays(6, 0).dayProfile(0)).toMatchObject({ days_seen: 5, in_use: false });
  });
});
