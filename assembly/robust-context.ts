// The rule of src/sensors/robust-context.ts, the same expressions in their order.
import {
  contextGain,
  contextLeft,
  logVarianceMin,
  referenceMax,
  robustContext,
  robustContextMean,
  robustContextSquares,
  robustDistanceMax,
  robustLongWeight,
  robustReference,
  robustReferenceCount,
  robustSettle,
  robustShortWeight,
  roughnessPrior,
} from './host-layout';
import {
  atLeast,
  clippedDeviation,
  count,
  decay,
  floorNow,
  follow,
  freedom,
  isSettled,
  keptStep,
  keptValue,
  variance,
  weightNow,
} from './robust-reading';
import { log } from './statistics';

// The context, and the variance of each of its features before the reading.
let point0: f64 = 0;
let point1: f64 = 0;
let point2: f64 = 0;
let point3: f64 = 0;
let variance0: f64 = 0;
let variance1: f64 = 0;
let variance2: f64 = 0;
let variance3: f64 = 0;

export function scoreContext(base: usize): f64 {
  movePoint(base);
  let score: f64 = 0;
  if (count >= robustSettle) {
    const away = distance(base);
    moveReference(base, away);
    score = scoreDistance(base, away);
  }
  learnPoint(base);
  return score;
}

function movePoint(base: usize): void {
  const short = load<f64>(base, robustShortWeight);
  const long = load<f64>(base, robustLongWeight);
  const offset = 1e-3 * sqrt(variance) + floorNow;
  const at = base + robustContext;
  point0 = follow(at, keptValue, short);
  point1 = follow(at + 8, keptValue, long);
  point2 = log(follow(at + 16, keptStep, short) + offset);
  point3 = log(follow(at + 24, keptStep, long) + offset);
  const least = floorNow * floorNow;
  variance0 = featureVariance(base, 0, least);
  variance1 = featureVariance(base, 8, least);
  variance2 = featureVariance(base, 16, logVarianceMin);
  variance3 = featureVariance(base, 24, logVarianceMin);
}

function featureVariance(base: usize, at: usize, least: f64): f64 {
  const squares = load<f64>(base + at, robustContextSquares);
  return atLeast(least, freedom > 0 ? squares / freedom : 0);
}

function distance(base: usize): f64 {
  if (!(load<f64>(base, robustReferenceCount) > 0)) return 0;
  const at = base + robustReference;
  let squared = part(point0 - load<f64>(at), variance0);
  squared += part(point1 - load<f64>(at, 8), variance1);
  squared += part(point2 - load<f64>(at, 16), variance2);
  squared += part(point3 - load<f64>(at, 24), variance3);
  return sqrt(squared);
}

function part(away: f64, ofVariance: f64): f64 {
  const squared = (away * away) / ofVariance;
  return squared < 1e12 ? squared : 1e12;
}

function moveReference(base: usize, away: f64): void {
  const before = load<f64>(base, robustReferenceCount);
  const jumps = !(before > 0) || away > contextLeft;
  const next = jumps ? 1 : before + 1;
  const at = base + robustReference;
  if (jumps) {
    store<f64>(at, point0);
    store<f64>(at, point1, 8);
    store<f64>(at, point2, 16);
    store<f64>(at, point3, 24);
  } else {
    const share = 1 / (next < referenceMax ? next : referenceMax);
    store<f64>(at, load<f64>(at) + share * (point0 - load<f64>(at)));
    store<f64>(at, load<f64>(at, 8) + share * (point1 - load<f64>(at, 8)), 8);
    store<f64>(at, load<f64>(at, 16) + share * (point2 - load<f64>(at, 16)), 16);
    store<f64>(at, load<f64>(at, 24) + share * (point3 - load<f64>(at, 24)), 24);
  }
  store<f64>(base, next * decay, robustReferenceCount);
}

function scoreDistance(base: usize, away: f64): f64 {
  const greatest = load<f64>(base, robustDistanceMax);
  const width = greatest > 0.1 ? greatest : 0.1;
  const greatestNext = greatest - (1 - decay) * 0.5 * greatest;
  const clipped = isSettled && away > greatestNext + width ? greatestNext + width : away;
  store<f64>(base, clipped > greatestNext ? clipped : greatestNext, robustDistanceMax);
  const exceeds = isSettled && greatest > 0 && away > greatest;
  return exceeds ? (contextGain * (away - greatest)) / width : 0;
}

function learnPoint(base: usize): void {
  if (!(variance > floorNow * floorNow)) {
    beginPoint(base);
    return;
  }
  const decayed = decay * weightNow;
  const weight = decayed + 1;
  learnFeature(base, point0, variance0, decayed, weight);
  learnFeature(base + 8, point1, variance1, decayed, weight);
  learnFeature(base + 16, point2, variance2, decayed, weight);
  learnFeature(base + 24, point3, variance3, decayed, weight);
}

function learnFeature(at: usize, now: f64, ofVariance: f64, decayed: f64, weight: f64): void {
  const mean = load<f64>(at, robustContextMean);
  const away = now - mean;
  const deviation = isSettled ? clippedDeviation(away, ofVariance) : away;
  const share = deviation / weight;
  store<f64>(at, mean + share, robustContextMean);
  store<f64>(
    at,
    decay * load<f64>(at, robustContextSquares) + decayed * deviation * share,
    robustContextSquares,
  );
}

function beginPoint(base: usize): void {
  const mean = base + robustContextMean;
  store<f64>(mean, point0);
  store<f64>(mean, point1, 8);
  store<f64>(mean, point2, 16);
  store<f64>(mean, point3, 24);
  const squares = base + robustContextSquares;
  store<f64>(squares, 0);
  store<f64>(squares, 0, 8);
  store<f64>(squares, roughnessPrior, 16);
  store<f64>(squares, roughnessPrior, 24);
}
