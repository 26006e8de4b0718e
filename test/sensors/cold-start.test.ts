import { describe, expect, it } from 'vitest';

import { seededRandom } from '../../src/producer/seeded-random.ts';
import { anomalyFlag } from '../../src/sensors/baseline.ts';
import { RobustBaseline } from '../../src/sensors/baseline-robust.ts';
import { robustDoubles } from '../../src/sensors/robust-slot.ts';

const sensors = 2_000;
/** Share of N(0, 1) beyond 2.5 standard deviations. */
const nominal = 0.0124;

/** Returns the share of sensors flagged at each of the first twelve readings. */
function flaggedAt(valueOf: (normal: number) => number): readonly number[] {
  const baseline = new RobustBaseline({
    ...{ anomalyThreshold: 2.5, baselineHalfLife: 4000, alarmRest: 'calm' },
  });
  baseline.columns = new Float64Array(robustDoubles * sensors);
  const noise = Array.from({ length: sensors }, (_, slot) => seededRandom(3, slot));
  return Array.from({ length: 12 }, (_, at) => {
    const flags = noise.map((own, slot) =>
      baseline.observe(slot, valueOf(own.normal()), at * 60_000),
    );
    return flags.filter((flag) => (flag & anomalyFlag) !== 0).length / sensors;
  });
}

describe('the first readings of a robust baseline', () => {
  it('of a coarse sensor are flagged no more often than those of a fine one', () => {
    const coarse = flaggedAt((normal) => Math.round(20 + normal / 2));

    for (const share of coarse) expect(share).toBeLessThan(nominal);
  });

  it('of a fine sensor are flagged at about the nominal rate from the fourth on', () => {
    const fine = flaggedAt((normal) => 20 + normal / 2);

    expect(fine.slice(0, 3)).toEqual([0, 0, 0]);
    for (const share of fine.slice(3)) {
      expect(share).toBeGreaterThan(nominal / 3);
      expect(share).toBeLessThan(nominal * 2);
    }
  });

  it('are judged alike on a large offset: the floor is not a share of the mean', () => {
    // Steps of 2^-9 are kept exactly beside 2^30.
    const grained = (normal: number): number => Math.round(normal * 512) / 512;

    expect(flaggedAt((normal) => 2 ** 30 + grained(normal))).toEqual(flaggedAt(grained));
  });
});
