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
  columns[base + meanAt] = (columns[base + meanAt] ?? 0) + deviation / weight;
  columns[base + squaresAt] =
    decay * (columns[base + squaresAt] ?? 0) + (decayed / weight) * (deviation * deviation);
}

/**
 * Returns how unusual `x` is for the accumulator at `base`, as the absolute value of a standard
 * normal deviate. A spread not above `floor` counts as `floor`. The accumulator must hold at least
 * three readings. A deviation so large that its square overflows gives Infinity, never NaN.
 * Source: Wallace, Ann. Math. Stat. 30 (1959) 1124 (Student's t to normal), with n = w1²/w2
 * effective readings.
 */
export function momentsSurprise(
  columns: Float64Array,
  base: number,
  x: number,
  floor: number,
): number {
  // hot path
  const weight = columns[base + sumOfWeights] ?? 0;
  const squaredWeights = columns[base + sumOfSquaredWeights] ?? 0;
  const spread = Math.sqrt((columns[base + squaresAt] ?? 0) / (weight - squaredWeights / weight));
  const deviation = spread > floor ? spread : floor;
  const effective = (weight * weight) / squaredWeights;
  const t = (x - (columns[base + meanAt] ?? 0)) / (deviation * Math.sqrt(1 + 1 / effective));
  const freedom = effective - 1;
  return (
    ((8 * freedom + 1) / (8 * freedom + 3)) * Math.sqrt(freedom * Math.log(1 + (t * t) / freedom))
  );
}

/** Returns the weighted mean. */
export function momentsMean(columns: Float64Array, base: number): number {
  return columns[base + meanAt] ?? 0;
}

/** Returns √(s / w1), the spread as a population's. */
export function momentsPopulationDeviation(columns: Float64Array, base: number): number {
  return Math.sqrt((columns[base + squaresAt] ?? 0) / (columns[base + sumOfWeights] ?? 0));
}

/** Returns √(s / (w1 − w2/w1)), the spread as a sample's; 0 with fewer than two readings. */
export function momentsSampleDeviation(columns: Float64Array, base: number): number {
  const weight = columns[base + sumOfWeights] ?? 0;
  const freedom = weight - (columns[base + sumOfSquaredWeights] ?? 0) / weight;
  return freedom > 0 ? Math.sqrt((columns[base + squaresAt] ?? 0) / freedom) : 0;
}
