// The robust baseline, written straight from its definition as a function of one sensor's readings
// in log order: plain objects, roots and unsquared deviates, no code of the program.
import type { BaselineOracleSettings, Verdict } from './baseline-oracle.ts';

export interface OracleValue {
  readonly timestampMs: number;
  readonly value: number;
}

export interface RobustVerdict extends Verdict {
  readonly channel: string;
}

interface Sums {
  w1: number;
  w2: number;
}

/** Mean and squares of one quantity, under weights kept elsewhere. */
interface Spread {
  mean: number;
  s: number;
}

const zero = (): Spread => ({ mean: 0, s: 0 });
const clampTo = (size: number, x: number): number => Math.max(-size, Math.min(size, x));

/** Learns a deviation: `decayed` is the weight of all before, one less than that with it. */
function learn(spread: Spread, deviation: number, decayed: number, lambda: number): void {
  spread.mean += deviation / (decayed + 1);
  spread.s = lambda * spread.s + (decayed / (decayed + 1)) * deviation * deviation;
}

/** Wallace's normal deviate of a Student's t. */
function deviate({ w1, w2 }: Sums, { mean, s }: Spread, x: number, floor: number): number {
  const sd = Math.max(Math.sqrt(s / (w1 - w2 / w1)), floor);
  const n = (w1 * w1) / w2;
  const t = (x - mean) / (sd * Math.sqrt(1 + 1 / n));
  const nu = n - 1;
  const ratio = (t * t) / nu;
  const log = ratio < Infinity ? Math.log(1 + ratio) : 2 * Math.log(Math.abs(t)) - Math.log(nu);
  return Math.sign(t) * ((8 * nu + 1) / (8 * nu + 3)) * Math.sqrt(nu * log);
}

/** Returns each reading's verdict by the robust definition. */
export function robustVerdicts(
  readings: readonly OracleValue[],
  settings: BaselineOracleSettings,
): RobustVerdict[] {
  const judge = sensor(settings);
  return readings.map(judge);
}

function sensor(settings: BaselineOracleSettings): (reading: OracleValue) => RobustVerdict {
  const lambda = 2 ** (-1 / settings.baselineHalfLife);
  const sums: Sums = { w1: 0, w2: 0 };
  const level = zero();
  const step = zero();
  const season = seasonOf(lambda);
  const surprise = surpriseOf(lambda);
  const range = rangeOf(lambda);
  const stuck = stuckOf(lambda);
  const context = contextOf(lambda);
  const rest = { whole: settings.alarmRest === 'calm' ? 144 : 72, left: 0 };
  let least = Infinity;
  let previous = 0;
  let k = 0;
  return ({ timestampMs, value: x }) => {
    const floor = 2 ** -40 * Math.abs(level.mean) + 1e-150;
    const dx = k > 0 ? x - previous : 0;
    const free = sums.w1 > 0 ? sums.w1 - sums.w2 / sums.w1 : 0;
    const sdOf = ({ s }: Spread): number => Math.max(free > 0 ? Math.sqrt(s / free) : 0, floor);
    const leastNow = dx === 0 ? least : Math.min(least, Math.abs(dx));
    const halfOf = (size: number): number => (size === Infinity ? 0 : size / 2);
    const coldFloor = k < 150 ? Math.max(floor, halfOf(leastNow)) : floor;
    const zLevel = k >= 3 ? deviate(sums, level, x, coldFloor) : 0;
    const zStep = k >= 4 ? deviate(sums, step, dx, floor) : 0;
    const most = (spread: Spread): number =>
      k >= 8 ? 32 * Math.max(sdOf(spread), halfOf(least)) : Infinity;
    const deviation = clampTo(most(level), x - level.mean);
    const stepDeviation = clampTo(most(step), dx - step.mean);
    const kept = deviation === x - level.mean ? x : level.mean + deviation;
    const keptStep = stepDeviation === dx - step.mean ? dx : step.mean + stepDeviation;

    const day = season({ timestampMs, x, kept, floor, sd: sdOf(level), s: level.s, w1: sums.w1 });
    const zDay = day ?? zLevel;
    const u = Math.log(1 + Math.min(Math.hypot(zDay, zStep), 20));
    const { short, long, weights } = surprise(u, k);
    const isSeasonal = day !== undefined;
    const scores: readonly (readonly [string, number])[] = [
      [isSeasonal ? 'season' : 'spike', short],
      [isSeasonal ? 'season' : 'shift', long],
      ['range', range(x, floor, k)],
      ['stuck', stuck.score(dx, sums.w1, k)],
      [
        'context',
        context({ kept, keptStep, weights, floor, sd: sdOf(level), free, w1: sums.w1, k }),
      ],
    ];
    let channel = 'none';
    let score = 0;
    for (const [name, one] of scores) if (one > score) [channel, score] = [name, one];

    const left = rest.left - (settings.alarmRest === 'calm' && score < 1 ? 4 : 1);
    const alarm = score >= 3 && left <= 0;
    rest.left = alarm ? rest.whole : Math.max(left, 0);
    if (alarm) stuck.told();
    const std_dev = free > 0 ? Math.sqrt(level.s / free) : 0;
    const baseline = { mean: level.mean, std_dev, n: k };
    const decayed = lambda * sums.w1;
    learn(level, deviation, decayed, lambda);
    learn(step, stepDeviation, decayed, lambda);
    sums.w1 = decayed + 1;
    sums.w2 = lambda * lambda * sums.w2 + 1;
    least = leastNow;
    previous = x;
    k += 1;
    const anomaly = Math.abs(zLevel) > settings.anomalyThreshold;
    return { anomaly, alarm, score, z: zLevel, baseline, channel };
  };
}

interface DayReading {
  readonly timestampMs: number;
  readonly x: number;
  readonly kept: number;
  readonly floor: number;
  readonly sd: number;
  readonly s: number;
  readonly w1: number;
}

/** The deviate from the profile of the day; undefined where it does not count. */
function seasonOf(lambda: number): (reading: DayReading) => number | undefined {
  const profile = new Map<number, number>();
  const binOf = (slot: number): number => ((slot % 8) + 8) % 8;
  let slot: number | undefined;
  let first = 0;
  let visit: number[] = [];
  let meanOfVisit = 0;
  let [er, ew] = [0, 0];
  return ({ timestampMs, x, kept, floor, sd, s, w1 }) => {
    const now = Math.floor(timestampMs / 10_800_000);
    if (slot === undefined) [slot, first] = [now, now];
    if (now !== slot && now !== slot - 1) {
      const known = profile.get(binOf(slot));
      const days = Math.max(1, Math.floor((slot - first) / 8) + 1);
      const moved =
        known === undefined ? meanOfVisit : known + (meanOfVisit - known) / Math.min(days, 14);
      profile.set(binOf(slot), moved);
      [slot, visit, meanOfVisit] = [now, [], 0];
    }
    const usual = profile.get(binOf(now));
    let z: number | undefined;
    if (usual !== undefined && now - first >= 24) {
      const r = x - usual;
      const vr = ew > 0 ? er / ew : 0;
      if (ew > 10 && vr < 0.6 * (s / w1)) z = Math.abs(r) / Math.max(Math.sqrt(vr), floor);
      ew = lambda * ew + 1;
      er = lambda * er + Math.min(r * r, 1024 * sd * sd);
    }
    visit.push(kept);
    meanOfVisit += (kept - meanOfVisit) / visit.length;
    return z;
  };
}

interface Lately {
  readonly short: number;
  readonly long: number;
  /** Of both lengths. */
  readonly weights: readonly [number, number];
}

function surpriseOf(lambda: number): (u: number, k: number) => Lately {
  const halves = [12, 72].map((halfLife) => ({
    ...{ lambda: 2 ** (-1 / halfLife), w: 0, q: 0 },
    usual: zero(),
  }));
  let weight = 0;
  return (u, k) => {
    const scores = halves.map((half) => {
      half.w = half.lambda * half.w + 1;
      half.q += (u - half.q) / half.w;
      const spread = Math.max(Math.sqrt(half.usual.s / weight), 0.1);
      const score = k >= 150 ? (half.q - half.usual.mean) / spread : 0;
      if (k >= 50) learn(half.usual, half.q - half.usual.mean, lambda * weight, lambda);
      return score;
    });
    if (k >= 50) weight = lambda * weight + 1;
    return {
      short: scores[0] ?? 0,
      long: scores[1] ?? 0,
      weights: [halves[0]?.w ?? 1, halves[1]?.w ?? 1],
    };
  };
}

function rangeOf(lambda: number): (x: number, floor: number, k: number) => number {
  let [lo, hi] = [0, 0];
  let wild = 0;
  return (x, floor, k) => {
    if (k === 0) {
      [lo, hi] = [x, x];
      return 0;
    }
    const [low, high] = [lo, hi];
    const width = Math.max(high - low, floor);
    const mid = (high + low) / 2;
    hi = high - (1 - lambda) * (high - mid);
    lo = low + (1 - lambda) * (mid - low);
    const isClipped = k >= 8 && high > low;
    const isWild = isClipped && (x > hi + width || x < lo - width);
    const reach = wild < 0.5 ? width / 4 : width;
    const kept = isWild ? Math.max(lo - reach, Math.min(x, hi + reach)) : x;
    wild = lambda * wild + (isWild ? 1 : 0);
    hi = Math.max(hi, kept);
    lo = Math.min(lo, kept);
    return k >= 150 && high > low ? (40 * Math.max(x - high, low - x, 0)) / width : 0;
  };
}

function stuckOf(lambda: number): {
  score(dx: number, w1: number, k: number): number;
  told(): void;
} {
  let [run, longest, rep] = [0, 0, 0];
  let isTold = false;
  let isStuck = false;
  let hasMoved = false;
  return {
    score(dx, w1, k) {
      const isRepeat = k > 0 && dx === 0;
      if (!isRepeat) longest = Math.max(longest, run);
      run = isRepeat ? run + 1 : 0;
      if (!isRepeat) isTold = false;
      longest *= lambda;
      const p = (rep + 1) / (w1 + 2);
      const least = Math.min((-run * Math.log(p)) / 20, (run + 1) / (3 * (longest + 1)));
      rep = lambda * rep + (isRepeat && run <= 3 * longest + 30 ? 1 : 0);
      if (k > 0 && dx !== 0) hasMoved = true;
      isStuck = k >= 150 && run >= 5 && least >= 1 && !isTold && hasMoved;
      return isStuck ? 3 * least : 0;
    },
    told() {
      if (isStuck) isTold = true;
    },
  };
}

interface ContextReading {
  readonly kept: number;
  readonly keptStep: number;
  readonly weights: readonly [number, number];
  readonly floor: number;
  readonly sd: number;
  readonly free: number;
  readonly w1: number;
  readonly k: number;
}

function contextOf(lambda: number): (reading: ContextReading) => number {
  const g = [0, 0, 0, 0];
  const usual = [zero(), zero(), zero(), zero()];
  let reference: { at: readonly number[]; count: number } | undefined;
  let greatest = 0;
  return ({ kept, keptStep, weights: [a, b], floor, sd, free, w1, k }) => {
    const size = Math.abs(keptStep);
    for (const [at, [x, w]] of [
      [kept, a],
      [kept, b],
      [size, a],
      [size, b],
    ].entries() as Iterable<[number, [number, number]]>) {
      g[at] = (g[at] ?? 0) + (x - (g[at] ?? 0)) / w;
    }
    const u = g.map((x, at) => (at < 2 ? x : Math.log(x + 1e-3 * sd + floor)));
    const sds = usual.map(({ s }, at) =>
      Math.max(free > 0 ? Math.sqrt(s / free) : 0, at < 2 ? floor : 1e-12),
    );
    let score = 0;
    if (k >= 50) {
      const d2 = u.map((x, at) => {
        const part = ((x - (reference?.at[at] ?? x)) / (sds[at] ?? 1)) ** 2;
        return part < 1e12 ? part : 1e12;
      });
      const d = Math.sqrt(d2.reduce((sum, part) => sum + part, 0));
      const goesOn = reference !== undefined && d <= 1.5;
      const count = goesOn ? (reference?.count ?? 0) + 1 : 1;
      const before = reference?.at ?? u;
      const at = u.map((x, index) => {
        const from = before[index] ?? x;
        return goesOn ? from + (x - from) / Math.min(count, 200) : x;
      });
      reference = { at, count: count * lambda };
      const width = Math.max(greatest, 0.1);
      if (k >= 150 && d > greatest && greatest > 0) score = (15 * (d - greatest)) / width;
      const shrunk = greatest * (1 - (1 - lambda) / 2);
      greatest = Math.max(shrunk, k >= 150 ? Math.min(d, shrunk + width) : d);
    }
    for (const [at, spread] of usual.entries()) {
      const away = (u[at] ?? 0) - spread.mean;
      if (sd <= floor) [spread.mean, spread.s] = [u[at] ?? 0, at < 2 ? 0 : 763.5];
      else learn(spread, k >= 150 ? clampTo(32 * (sds[at] ?? 0), away) : away, lambda * w1, lambda);
    }
    return score;
  };
}
