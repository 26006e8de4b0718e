import { describe, expect, it } from 'vitest';

import { anomalyFlag } from '../../src/sensors/baseline.ts';
import { CumulativeBaseline } from '../../src/sensors/baseline-cumulative.ts';

function verdicts(values: readonly number[], anomalyWarmup: number = 2): number[] {
  const baseline = new CumulativeBaseline({ anomalyThreshold: 2.5, anomalyWarmup });
  baseline.columns = new Float64Array(baseline.stride);
  return values.map((x) => baseline.observe(0, x));
}

describe('the cumulative baseline', () => {
  it('scores a reading against those before it, by their sample deviation', () => {
    // Before the last: mean 2, s = √((1 + 0 + 1) / 2) = 1, so the limit is 4.5.
    expect(verdicts([1, 2, 3, 4.5])).toEqual([0, 0, 0, 0]);
    expect(verdicts([1, 2, 3, 4.6])).toEqual([0, 0, 0, anomalyFlag]);
    expect(verdicts([1, 2, 3, -0.6])).toEqual([0, 0, 0, anomalyFlag]);
  });

  it('learns anomalies too', () => {
    // Had 100 not been learned, the second 100 would be one as well.
    expect(verdicts([1, 2, 3, 100, 100])).toEqual([0, 0, 0, anomalyFlag, 0]);
  });

  it('judges nothing before its warm-up, nor while all readings were equal', () => {
    expect(verdicts([1, 2, 3, 100], 4)).toEqual([0, 0, 0, 0]);
    expect(verdicts([7, 7, 7, 100])).toEqual([0, 0, 0, 0]);
    expect(verdicts([7, 100], 0)).toEqual([0, 0]);
  });
});
