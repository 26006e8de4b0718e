// The baselines of src/sensors/baseline-cumulative.ts, baseline-adaptive.ts and baseline-robust.ts
// for a reading that they do not flag. One that would be flagged changes nothing, and the host
// folds it: the first two decide before they write, the robust one takes back what it wrote.
import {
  alarmScore,
  calmScore,
  rangeGain,
  robustBytes,
  robustLearned,
  robustRestLeft,
  settleReadings,
  slotCount,
  slotHigh,
  slotLevel,
  slotLow,
  slotPrevious,
  slotRecent,
  slotRest,
  slotStep,
  slotSurprise,
  slotSurpriseWeight,
  spreadMin,
  surpriseMax,
} from './host-layout';
import { slotBefore } from './layout';
import { learnReading, meetReading, useRobust } from './robust-reading';
import { scoreRules } from './robust-rules';
import { momentsAdd, momentsPopulationDeviation, momentsSquaredZ, welfordAdd } from './statistics';

let threshold: f64 = 0;
let warmReadings: f64 = 0;
let decay: f64 = 0;
let shortDecay: f64 = 0;
let calmReading: f64 = 0;

/** The alarm score of the reading learned last. */
export let score: f64 = 0;
/** Whether the sensor has had enough readings, with that one, to be steady. */
export let isWarm: bool = false;

/** `threshold` is squared where the baseline is adaptive. */
export function useBaseline(
  anomalyThreshold: f64,
  warmFrom: f64,
  decayPerReading: f64,
  shortDecayPerReading: f64,
  longDecayPerReading: f64,
  restPerCalmReading: f64,
): void {
  useRobust(anomalyThreshold, decayPerReading, shortDecayPerReading, longDecayPerReading);
  threshold = anomalyThreshold;
  warmReadings = warmFrom;
  decay = decayPerReading;
  shortDecay = shortDecayPerReading;
  calmReading = restPerCalmReading;
}

/** Learns `x` and returns true, or returns false where it is an anomaly. */
export function learnCumulative(base: usize, x: f64): bool {
  const count = load<f64>(base);
  if (count >= warmReadings) {
    const deviation = sqrt(load<f64>(base, 16) / (count - 1));
    if (deviation > 0 && abs((x - load<f64>(base, 8)) / deviation) > threshold) return false;
  }
  welfordAdd(base, x);
  score = 0;
  isWarm = count + 1 >= warmReadings;
  return true;
}

/** Learns `x` and returns true, or returns false where it is an anomaly or raises an alarm. */
export function learnAdaptive(base: usize, x: f64): bool {
  const count = load<f64>(base, slotCount);
  const floor = 1e-6 * abs(load<f64>(base, slotLevel + 16)) + 1e-12;
  const levelZ2 = count >= 3 ? momentsSquaredZ(base + slotLevel, x, floor) : 0;
  if (levelZ2 > threshold) return false;
  const difference = x - load<f64>(base, slotPrevious);
  const stepZ2 = count >= 4 ? momentsSquaredZ(base + slotStep, difference, floor) : 0;

  const both = sqrt(levelZ2 + stepZ2);
  const surprise = both < surpriseMax ? both : surpriseMax;
  const weight = shortDecay * load<f64>(base, slotSurpriseWeight) + 1;
  const before = load<f64>(base, slotSurprise);
  const lately = before + (surprise - before) / weight;
  const surpriseScore = count < warmReadings ? 0 : scoreLately(base, lately);

  let low = x;
  let high = x;
  let rangeScore: f64 = 0;
  if (count != 0) {
    low = load<f64>(base, slotLow);
    high = load<f64>(base, slotHigh);
    if (count >= warmReadings && high > low) {
      const outside = x > high ? x - high : low - x;
      const range = high - low;
      if (outside > 0) rangeScore = (rangeGain * outside) / (range > floor ? range : floor);
    }
    const middle = (high + low) / 2;
    const shrink = 1 - decay;
    const highNext = high - shrink * (high - middle);
    const lowNext = low + shrink * (middle - low);
    high = x > highNext ? x : highNext;
    low = x < lowNext ? x : lowNext;
  }

  const greater = rangeScore > surpriseScore ? rangeScore : surpriseScore;
  const rest = load<f64>(base, slotRest) - (greater < calmScore ? calmReading : 1);
  if (greater >= alarmScore && rest <= 0) return false;

  store<f64>(base, weight, slotSurpriseWeight);
  store<f64>(base, lately, slotSurprise);
  if (count >= settleReadings) momentsAdd(base + slotRecent, decay, lately);
  store<f64>(base, low, slotLow);
  store<f64>(base, high, slotHigh);
  store<f64>(base, rest > 0 ? rest : 0, slotRest);
  momentsAdd(base + slotLevel, decay, x);
  if (count > 0) momentsAdd(base + slotStep, decay, difference);
  store<f64>(base, x, slotPrevious);
  store<f64>(base, count + 1, slotCount);
  score = greater;
  isWarm = count + 1 >= warmReadings;
  return true;
}

/** Learns `x` and returns true, or returns false where it is an anomaly or raises an alarm. */
export function learnRobust(base: usize, x: f64, timestampMs: f64): bool {
  if (!meetReading(base, x, timestampMs)) return false;
  memory.copy(slotBefore, base, robustBytes);
  score = scoreRules(base);
  const rest = load<f64>(base, robustRestLeft) - (score < calmScore ? calmReading : 1);
  if (score >= alarmScore && rest <= 0) {
    memory.copy(base, slotBefore, robustBytes);
    return false;
  }
  store<f64>(base, rest > 0 ? rest : 0, robustRestLeft);
  learnReading(base);
  isWarm = load<f64>(base, robustLearned) >= warmReadings;
  return true;
}

function scoreLately(base: usize, lately: f64): f64 {
  const spread = momentsPopulationDeviation(base + slotRecent);
  const mean = load<f64>(base, slotRecent + 16);
  return (lately - mean) / (spread > spreadMin ? spread : spreadMin);
}
