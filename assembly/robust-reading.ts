// A reading as src/sensors/met-reading.ts meets it, in globals because functions return one value.
import {
  clipFrom,
  clipSpreads,
  floorMin,
  robustLearned,
  robustLeastStep,
  robustLevel,
  robustPreviousReading,
  robustStepMean,
  robustStepSquares,
  robustWarm,
  roundingShare,
} from './host-layout';
import { squaredZ } from './statistics';

let threshold: f64 = 0;
export let decay: f64 = 0;
export let shortDecay: f64 = 0;
export let longDecay: f64 = 0;

// Of the reading in hand.
export let value: f64 = 0;
export let timeMs: f64 = 0;
export let step: f64 = 0;
export let count: f64 = 0;
export let isSettled: bool = false;
export let floorNow: f64 = 0;
export let variance: f64 = 0;
export let weightNow: f64 = 0;
export let freedom: f64 = 0;
export let levelZ2: f64 = 0;
export let stepZ2: f64 = 0;
let levelDeviation: f64 = 0;
let stepDeviation: f64 = 0;
export let keptValue: f64 = 0;
export let keptStep: f64 = 0;

/** `anomalyThreshold` is squared. */
export function useRobust(
  anomalyThreshold: f64,
  decayPerReading: f64,
  shortDecayPerReading: f64,
  longDecayPerReading: f64,
): void {
  threshold = anomalyThreshold;
  decay = decayPerReading;
  shortDecay = shortDecayPerReading;
  longDecay = longDecayPerReading;
}

/** Takes over `x`; returns false where it is an anomaly. Changes nothing of the slot. */
export function meetReading(base: usize, x: f64, timestampMs: f64): bool {
  const w1 = load<f64>(base, robustLevel);
  const w2 = load<f64>(base, robustLevel + 8);
  const mean = load<f64>(base, robustLevel + 16);
  const squares = load<f64>(base, robustLevel + 24);
  const meanOfSteps = load<f64>(base, robustStepMean);
  const squaresOfSteps = load<f64>(base, robustStepSquares);
  const least = load<f64>(base, robustLeastStep);
  count = load<f64>(base, robustLearned);
  step = count > 0 ? x - load<f64>(base, robustPreviousReading) : 0;
  floorNow = roundingShare * abs(mean) + floorMin;
  freedom = w1 > 0 ? w1 - w2 / w1 : 0;
  value = x;
  timeMs = timestampMs;
  isSettled = count >= robustWarm;
  variance = atLeast(floorNow * floorNow, freedom > 0 ? squares / freedom : 0);
  weightNow = w1;
  const levelFloor = isSettled ? floorNow : atLeast(floorNow, leastStepWith(least, step) / 2);
  levelZ2 = count < 3 ? 0 : squaredZ(w1, w2, squares, x - mean, levelFloor);
  if (levelZ2 > threshold) return false;
  stepZ2 = count < 4 ? 0 : squaredZ(w1, w2, squaresOfSteps, step - meanOfSteps, floorNow);
  levelDeviation = x - mean;
  stepDeviation = step - meanOfSteps;
  keptValue = x;
  keptStep = abs(step);
  if (count >= clipFrom) clip(mean, meanOfSteps, least, squaresOfSteps);
  return true;
}

function clip(mean: f64, meanOfSteps: f64, least: f64, squaresOfSteps: f64): void {
  const coarse = 0.25 * least * least;
  const stepVariance = atLeast(floorNow * floorNow, squaresOfSteps / freedom);
  const level = clippedDeviation(levelDeviation, atLeast(coarse, variance));
  const ofStep = clippedDeviation(stepDeviation, atLeast(coarse, stepVariance));
  if (level != levelDeviation) keptValue = mean + level;
  if (ofStep != stepDeviation) keptStep = abs(meanOfSteps + ofStep);
  levelDeviation = level;
  stepDeviation = ofStep;
}

/** Learns level and step. */
export function learnReading(base: usize): void {
  const decayed = decay * weightNow;
  const weight = decayed + 1;
  const share = levelDeviation / weight;
  const stepShare = stepDeviation / weight;
  store<f64>(base, weight, robustLevel);
  store<f64>(base, decay * decay * load<f64>(base, robustLevel + 8) + 1, robustLevel + 8);
  store<f64>(base, load<f64>(base, robustLevel + 16) + share, robustLevel + 16);
  store<f64>(
    base,
    decay * load<f64>(base, robustLevel + 24) + decayed * levelDeviation * share,
    robustLevel + 24,
  );
  store<f64>(base, load<f64>(base, robustStepMean) + stepShare, robustStepMean);
  store<f64>(
    base,
    decay * load<f64>(base, robustStepSquares) + decayed * stepDeviation * stepShare,
    robustStepSquares,
  );
  store<f64>(base, leastStepWith(load<f64>(base, robustLeastStep), step), robustLeastStep);
  store<f64>(base, value, robustPreviousReading);
  store<f64>(base, count + 1, robustLearned);
}

export function atLeast(least: f64, x: f64): f64 {
  return x > least ? x : least;
}

export function clippedDeviation(deviation: f64, ofVariance: f64): f64 {
  if (deviation * deviation <= clipSpreads * clipSpreads * ofVariance) return deviation;
  const most = clipSpreads * sqrt(ofVariance);
  return deviation > 0 ? most : -most;
}

export function leastStepWith(least: f64, ofStep: f64): f64 {
  const size = abs(ofStep);
  return size > 0 && (size < least || least == 0) ? size : least;
}

/** Moves the mean at `at` towards `x` by one share of `weight`; returns it. */
export function follow(at: usize, x: f64, weight: f64): f64 {
  const before = load<f64>(at);
  const mean = before + (x - before) / weight;
  store<f64>(at, mean);
  return mean;
}
