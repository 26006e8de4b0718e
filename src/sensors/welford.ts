// One-pass mean and sum of squared deviations, three doubles [count, mean, m2] at `base` of a
// column array. m2 is never negative and the mean never leaves [min, max]: the new mean lies
// between the old one and the reading.

/** Doubles one accumulator takes. */
export const welfordStride = 3;

export const welfordCount = 0;
export const welfordMean = 1;
export const welfordM2 = 2;

/**
 * Folds `x` into the accumulator at `base`. For n readings of magnitude ≤ c the mean is within
 * 2n·ε·c of the exact one; measured errors grow as √n.
 * Source: Welford, Technometrics 4 (1962) 419, equations 1 and 2.
 */
export function welfordAdd(columns: Float64Array, base: number, x: number): void {
  // hot path
  const count = (columns[base + welfordCount] ?? 0) + 1;
  const before = columns[base + welfordMean] ?? 0;
  const deviation = x - before;
  const mean = before + deviation / count;
  columns[base + welfordCount] = count;
  columns[base + welfordMean] = mean;
  columns[base + welfordM2] = (columns[base + welfordM2] ?? 0) + deviation * (x - mean);
}

/**
 * Merges the accumulator at `from` into the one at `into`, as if `from`'s readings had been folded
 * there.
 * Source: Chan, Golub, LeVeque, Stanford STAN-CS-79-773 (1979), equation 2.1.
 */
export function welfordMerge(columns: Float64Array, into: number, from: number): void {
  const countA = columns[into + welfordCount] ?? 0;
  const countB = columns[from + welfordCount] ?? 0;
  if (countB === 0) return;
  if (countA === 0) {
    // (mean · n) / n need not be the mean: an empty pane is the identity only by copying.
    columns.copyWithin(into, from, from + welfordStride);
    return;
  }
  const count = countA + countB;
  const meanA = columns[into + welfordMean] ?? 0;
  const meanB = columns[from + welfordMean] ?? 0;
  const difference = meanB - meanA;
  columns[into + welfordCount] = count;
  // Rounding could carry the mean an ulp past the nearer of the two, and so out of [min, max].
  const mean = meanA + (difference * countB) / count;
  columns[into + welfordMean] = Math.min(
    Math.max(mean, Math.min(meanA, meanB)),
    Math.max(meanA, meanB),
  );
  columns[into + welfordM2] =
    (columns[into + welfordM2] ?? 0) +
    (columns[from + welfordM2] ?? 0) +
    difference * difference * ((countA * countB) / count);
}
