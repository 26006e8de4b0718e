// Both baselines, written straight from their definitions as functions of one sensor's values in
// log order. The operations come in the defined order, so that verdicts are equal bit for bit, not
// nearly.

export interface Verdict {
  readonly anomaly: boolean;
  readonly alarm: boolean;
  readonly score: number;
  /** The rule that gave the score, of a method that has several. */
  readonly channel?: string;
  /** Signed; at most the greatest double. */
  readonly z: number;
  /** Before the value. */
  readonly baseline: { readonly mean: number; readonly std_dev: number; readonly n: number };
}

export interface BaselineOracleSettings {
  readonly anomalyThreshold: number;
  readonly anomalyWarmup: number;
  readonly baselineHalfLife: number;
  readonly alarmRest: 'calm' | 'fixed';
}

/**
 * Returns each value's verdict by the classical definition: score against all before it, then
 * include it.
 */
export function cumulativeVerdicts(
  values: readonly number[],
  settings: BaselineOracleSettings,
): Verdict[] {
  let n = 0;
  let m = 0;
  let s = 0;
  return values.map((x) => {
    const deviation = n >= 2 ? Math.sqrt(s / (n - 1)) : 0;
    const judged = n >= settings.anomalyWarmup && deviation > 0;
    const quotient = judged ? (x - m) / deviation : 0;
    const anomaly = Math.abs(quotient) > settings.anomalyThreshold;
    const z = Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, quotient));
    const baseline = { mean: m, std_dev: deviation, n };
    n += 1;
    const d = x - m;
    m += d / n;
    s += d * (x - m);
    return { anomaly, alarm: false, score: 0, z, baseline };
  });
}

interface Accumulator {
  w1: number;
  w2: number;
  mean: number;
  s: number;
}

const empty = (): Accumulator => ({ w1: 0, w2: 0, mean: 0, s: 0 });

function add(a: Accumulator, x: number, lambda: number): void {
  const w = lambda * a.w1;
  a.w1 = w + 1;
  const d = x - a.mean;
  a.mean += d / a.w1;
  a.s = lambda * a.s + (w / a.w1) * (d * d);
  a.w2 = lambda * lambda * a.w2 + 1;
}

function zOf(a: Accumulator, x: number, floor: number): number {
  const spread = Math.sqrt(a.s / (a.w1 - a.w2 / a.w1));
  const sd = spread > floor ? spread : floor;
  const n = (a.w1 * a.w1) / a.w2;
  const t = (x - a.mean) / (sd * Math.sqrt(1 + 1 / n));
  const nu = n - 1;
  const ratio = (t * t) / nu;
  const log = ratio < Infinity ? Math.log(1 + ratio) : 2 * Math.log(Math.abs(t)) - Math.log(nu);
  const size = ((8 * nu + 1) / (8 * nu + 3)) * Math.sqrt(nu * log);
  return Math.sign(t) * size;
}

export interface AdaptiveOracleOptions {
  /** Leaves the range line out, as the published known answers do. */
  readonly withoutRange?: boolean;
}

/** Returns each value's verdict by the adaptive definition. */
export function adaptiveVerdicts(
  values: readonly number[],
  settings: BaselineOracleSettings,
  options: AdaptiveOracleOptions = {},
): Verdict[] {
  const lambda = 2 ** (-1 / settings.baselineHalfLife);
  const lambdaShort = 2 ** (-1 / 12);
  const level = empty();
  const step = empty();
  const recent = empty();
  let prev = 0;
  let q = 0;
  let qw = 0;
  let lo = values[0] ?? 0;
  let hi = lo;
  let rested = Infinity;
  return values.map((x, k) => {
    const floor = 1e-6 * Math.abs(level.mean) + 1e-12;
    const zLevel = k >= 3 ? zOf(level, x, floor) : 0;
    const dx = k > 0 ? x - prev : 0;
    const zStep = k >= 4 ? zOf(step, dx, floor) : 0;
    const surprise = Math.min(Math.hypot(zLevel, zStep), 20);
    qw = lambdaShort * qw + 1;
    q += (surprise - q) / qw;
    let score = 0;
    if (k >= 50) {
      if (k >= 150) score = (q - recent.mean) / Math.max(Math.sqrt(recent.s / recent.w1), 0.1);
      add(recent, q, lambda);
    }
    if (k >= 150 && hi > lo && options.withoutRange !== true) {
      const outside = Math.max(x - hi, lo - x, 0);
      score = Math.max(score, (60 * outside) / Math.max(hi - lo, floor));
    }
    const mid = (hi + lo) / 2;
    hi = Math.max(hi - (1 - lambda) * (hi - mid), x);
    lo = Math.min(lo + (1 - lambda) * (mid - lo), x);
    const freedom = level.w1 - level.w2 / level.w1;
    const std_dev = freedom > 0 ? Math.sqrt(level.s / freedom) : 0;
    const baseline = { mean: level.mean, std_dev, n: k };
    add(level, x, lambda);
    if (k > 0) add(step, dx, lambda);
    prev = x;
    // After an alarm `fixed` waits 72 readings; `calm` 144, of which one that scores below 1 is four.
    rested += settings.alarmRest === 'calm' && score < 1 ? 4 : 1;
    const alarm = score >= 3 && rested >= (settings.alarmRest === 'calm' ? 144 : 72);
    if (alarm) rested = 0;
    const anomaly = Math.abs(zLevel) > settings.anomalyThreshold;
    return { anomaly, alarm, score, z: zLevel, baseline };
  });
}
