// Running statistics in columns, the expressions of src/sensors/welford.ts and weighted-moments.ts
// in their order: the same doubles, to the last bit.

// V8's own Math.log: src/kernel/instance.ts.
export declare function log(x: f64): f64;

/** | count | mean | m2 | */
export function welfordAdd(base: usize, x: f64): void {
  const count = load<f64>(base) + 1;
  const before = load<f64>(base, 8);
  const deviation = x - before;
  const mean = before + deviation / count;
  store<f64>(base, count);
  store<f64>(base, mean, 8);
  store<f64>(base, load<f64>(base, 16) + deviation * (x - mean), 16);
}

/** | w1 | w2 | mean | s | */
export function momentsAdd(base: usize, decay: f64, x: f64): void {
  const decayed = decay * load<f64>(base);
  const weight = decayed + 1;
  const mean = load<f64>(base, 16);
  const deviation = x - mean;
  store<f64>(base, weight);
  store<f64>(base, decay * decay * load<f64>(base, 8) + 1, 8);
  const share = deviation / weight;
  store<f64>(base, mean + share, 16);
  store<f64>(base, decay * load<f64>(base, 24) + decayed * deviation * share, 24);
}

export function momentsSquaredZ(base: usize, x: f64, floor: f64): f64 {
  const deviation = x - load<f64>(base, 16);
  return squaredZ(load<f64>(base), load<f64>(base, 8), load<f64>(base, 24), deviation, floor);
}

export function squaredZ(w1: f64, w2: f64, squares: f64, deviation: f64, floor: f64): f64 {
  const a = w1 * w1 - w2;
  const leastSquares = (floor * floor * a) / w1;
  const spread = squares > leastSquares ? squares : leastSquares;
  const ratio = ((deviation * deviation) / spread) * ((w1 * w2) / (w1 * w1 + w2));
  const upper = 8 * a + w2;
  const lower = 8 * a + 3 * w2;
  const logarithm =
    ratio < Infinity
      ? log(1 + ratio)
      : 2 * log(abs(deviation)) - log(spread) + log((w1 * w2) / (w1 * w1 + w2));
  return ((upper * upper * a) / (lower * lower * w2)) * logarithm;
}

export function momentsPopulationDeviation(base: usize): f64 {
  return sqrt(load<f64>(base, 24) / load<f64>(base));
}
