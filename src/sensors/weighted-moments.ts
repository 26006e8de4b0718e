// Exponentially weighted mean and spread, four doubles [w1, w2, mean, s] at `base` of a column
// array, all 0 at the start: w1 and w2 are the sums of the weights and of their squares, s the
// weighted sum of squared deviations.

/** Doubles one accumulator takes. */
export const momentsStride = 4;

const sumOfWeights = 0;
const sumOfSquaredWeights = 1;
const meanAt = 2;
const squaresAt = 3;

/**
 * Returns the factor by which a weight decays per reading, 2^(−1/halfLife), within 1 ulp. Summed
 * from the series of exp(−ln 2 / halfLife) because Math.pow may differ in its last bit between
 * engines, and then states would differ.
 */
export function decayPerReading(halfLifeReadings: number): number {
  const exponent = -Math.LN2 / halfLifeReadings;
  let sum = 0;
  // 24 terms reach below 1 ulp for half-lives of one reading and more; the smallest are added
  // first.
  for (let power = 24; power >= 1; power -= 1) sum = (exponent / power) * (1 + sum);
  return 1 + sum;
}

/**
 * Decays the accumulator at `base` by `decay`, then adds `x` with weight 1.
 * Source: West, CACM 22 (1979) 532, with decaying weights.
 */
export function momentsAdd(columns: Float64Array, base: number, decay: number, x: number): void {
  // hot path
  const decayed = decay * (columns[base + sumOfWeights] ?? 0);
  const weight = decayed + 1;
  const deviation = x - (columns[base + meanAt] ?? 0);
  columns[base + sumOfWeights] = weight;
  columns[base + sumOfSquaredWeights] =
    decay * decay * (columns[base + sumOfSquaredWeights] ?? 0) + 1;
  // One division for both: (decayed / weight) · deviation² = decayed · deviation · share.
  const share = deviation / weight;
  columns[base + meanAt] = (columns[base + meanAt] ?? 0) + share;
  columns[base + squaresAt] =
    decay * (columns[base + squaresAt] ?? 0) + decayed * deviation * share;
}

/**
 * Returns how unusual `x` is for the accumulator at `base`, as the square of a standard normal
 * deviate. A spread not above `floor` counts as `floor`. The accumulator must hold at least three
 * readings. Finite for readings within ±1e150.
 *
 * With n = w1²/w2 effective readings, ν = n − 1 and spread sd = √(s / (w1 − w2/w1)), Wallace's
 * deviate is z = (8ν + 1)/(8ν + 3) · √(ν · ln(1 + t²/ν)), t = (x − mean)/(sd · √(1 + 1/n)). Squared
 * and written in A = w1² − w2 = ν·w2 it takes no root and few divisions:
 * t²/ν = (x − mean)²/s · w1·w2/(w1² + w2), z² = (8A + w2)²·A / ((8A + 3·w2)²·w2) · ln(1 + t²/ν).
 * Source: Wallace, Ann. Math. Stat. 30 (1959) 1124 (Student's t to normal).
 */
export function momentsSquaredZ(
  columns: Float64Array,
  base: number,
  x: number,
  floor: number,
): number {
  // hot path
  const w1 = columns[base + sumOfWeights] ?? 0;
  const w2 = columns[base + sumOfSquaredWeights] ?? 0;
  const deviation = x - (columns[base + meanAt] ?? 0);
  return squaredZ(w1, w2, columns[base + squaresAt] ?? 0, deviation, floor);
}

/** Returns the same for a deviation from a mean, given the weights and squares around it. */
export function squaredZ(
  w1: number,
  w2: number,
  squares: number,
  deviation: number,
  floor: number,
): number {
  // hot path
  const a = w1 * w1 - w2;
  const leastSquares = (floor * floor * a) / w1;
  const spread = squares > leastSquares ? squares : leastSquares;
  const ratio = ((deviation * deviation) / spread) * ((w1 * w2) / (w1 * w1 + w2));
  const upper = 8 * a + w2;
  const lower = 8 * a + 3 * w2;
  const log =
    ratio < Infinity
      ? Math.log(1 + ratio)
      : 2 * Math.log(Math.abs(deviation)) - Math.log(spread) + Math.log((w1 * w2) / (w1 * w1 + w2));
  return ((upper * upper * a) / (lower * lower * w2)) * log;
}

/** Returns the weighted mean. */
export function momentsMean(columns: Float64Array, base: number): number {
  return columns[base + meanAt] ?? 0;
}

/** Returns √(s / w1), the spread as a population's. */
export function momentsPopulationDeviation(columns: Float64Array, base: number): number {
  return Math.sqrt((columns[base + squaresAt] ?? 0) / (columns[base + sumOfWeights] ?? 0));
}

/**
 * Returns the mean, and √(s / (w1 − w2/w1)), the spread as a sample's; 0 with fewer than two
 * readings.
 */
export function momentsSummary(
  columns: Float64Array,
  base: number,
): { readonly mean: number; readonly std_dev: number } {
  const weight = columns[base + sumOfWeights] ?? 0;
  const freedom = weight - (columns[base + sumOfSquaredWeights] ?? 0) / weight;
  const std_dev = freedom > 0 ? Math.sqrt((columns[base + squaresAt] ?? 0) / freedom) : 0;
  return { mean: momentsMean(columns, base), std_dev };
}
