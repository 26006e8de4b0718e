// The population stability index of one feature: how far its values have moved between the bins of
// a reference. Pure; the engine counts the rows of each bin.

export interface Stability {
  /** 0 where the shares of all bins are equal; undefined where either side has no value. */
  readonly index: number | undefined;
  /** An index that a sample of these sizes exceeds once in 1,000 times without any drift. */
  readonly chance: number;
}

export type DriftVerdict = 'stable' | 'some shift' | 'large shift' | 'too few rows' | 'no values';

/** The usual marks: below the first nothing has changed, from the second on the change is large. */
const someShiftFrom = 0.1;
const largeShiftFrom = 0.25;

/** Added to each count: an empty bin has a share above 0, and the index is finite. */
const smoothing = 0.5;

/** The normal deviate that is exceeded once in 1,000 times. */
const rareDeviate = 3.09;

/**
 * Returns the index Σ (q − p) · ln(q / p) over the bins, where p and q are a bin's shares of the
 * two counts. It is symmetric and at least 0. Bins that are empty in both tell nothing and are left
 * out. With B other bins and n and m values, a bin of c values has the share (c + ½) / (n + B/2),
 * so that the index stays below ln(2n + B) + ln(2m + B).
 *
 * Source: N. Siddiqi, Credit Risk Scorecards (2006), for the index and its marks; it is the
 * divergence J of H. Jeffreys, Proc. R. Soc. A 186 (1946) 453. The half is Jeffreys' prior.
 */
export function stabilityOf(reference: readonly number[], current: readonly number[]): Stability {
  const used = reference
    .map((count, bin): readonly [number, number] => [count, current[bin] ?? 0])
    .filter(([before, now]) => before + now > 0);
  const n = used.reduce((sum, [before]) => sum + before, 0);
  const m = used.reduce((sum, [, now]) => sum + now, 0);
  if (n === 0 || m === 0) return { index: undefined, chance: 0 };
  const added = smoothing * used.length;
  let index = 0;
  for (const [before, now] of used) {
    const p = (before + smoothing) / (n + added);
    const q = (now + smoothing) / (m + added);
    // Written so that rounding keeps it symmetric and never below 0.
    index += Math.abs(p - q) * Math.log(Math.max(p, q) / Math.min(p, q));
  }
  return { index, chance: (1 / n + 1 / m) * rareChiSquare(used.length - 1) };
}

/** Returns the verdict in words. A shift that chance explains is none. */
export function driftVerdict({ index, chance }: Stability): DriftVerdict {
  if (index === undefined) return 'no values';
  if (index < someShiftFrom) return 'stable';
  if (index <= chance) return 'too few rows';
  return index < largeShiftFrom ? 'some shift' : 'large shift';
}

/**
 * Returns the chi-square that is exceeded once in 1,000 times, within 2 % from 3 degrees on and 4 %
 * below. Without drift the index is 1/n + 1/m times a chi-square with a degree less than bins.
 *
 * Source: B. Yurdakul, Statistical Properties of Population Stability Index (Western Michigan
 * University, 2018), for the distribution; E. B. Wilson and M. M. Hilferty, PNAS 17 (1931) 684, for
 * the approximation.
 */
function rareChiSquare(degrees: number): number {
  if (degrees === 0) return 0;
  const variance = 2 / (9 * degrees);
  return degrees * (1 - variance + rareDeviate * Math.sqrt(variance)) ** 3;
}
