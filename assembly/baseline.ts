// The baselines of src/sensors/baseline-cumulative.ts and baseline-adaptive.ts for a reading that they do not flag. They
// decide before they write: one that would be flagged changes nothing, and the host folds it.
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
  restPerCalmReading: f64,
): void {
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

// Of a slot, in bytes.
const level: usize = 0;
const step: usize = 32;
const recent: usize = 64;
const previousAt: usize = 96;
const surpriseAt: usize = 104;
const surpriseWeightAt: usize = 112;
const lowAt: usize = 120;
const highAt: usize = 128;
const restAt: usize = 136;
const countAt: usize = 144;

const surpriseMax: f64 = 20;
const spreadMin: f64 = 0.1;
const settleReadings: f64 = 50;
const alarmScore: f64 = 3;
const calmScore: f64 = 1;
const rangeGain: f64 = 60;

/** Learns `x` and returns true, or returns false where it is an anomaly or raises an alarm. */
export function learnAdaptive(base: usize, x: f64): bool {
  const count = load<f64>(base, countAt);
  const floor = 1e-6 * abs(load<f64>(base, level + 16)) + 1e-12;
  const levelZ2 = count >= 3 ? momentsSquaredZ(base + level, x, floor) : 0;
  if (levelZ2 > threshold) return false;
  const difference = x - load<f64>(base, previousAt);
  const stepZ2 = count >= 4 ? momentsSquaredZ(base + step, difference, floor) : 0;

  const both = sqrt(levelZ2 + stepZ2);
  const surprise = both < surpriseMax ? both : surpriseMax;
  const weight = shortDecay * load<f64>(base, surpriseWeightAt) + 1;
  const before = load<f64>(base, surpriseAt);
  const lately = before + (surprise - before) / weight;
  const surpriseScore = count < warmReadings ? 0 : scoreLately(base, lately);

  let low = x;
  let high = x;
  let rangeScore: f64 = 0;
  if (count != 0) {
    low = load<f64>(base, lowAt);
    high = load<f64>(base, highAt);
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
  const rest = load<f64>(base, restAt) - (greater < calmScore ? calmReading : 1);
  if (greater >= alarmScore && rest <= 0) return false;

  store<f64>(base, weight, surpriseWeightAt);
  store<f64>(base, lately, surpriseAt);
  if (count >= settleReadings) momentsAdd(base + recent, decay, lately);
  store<f64>(base, low, lowAt);
  store<f64>(base, high, highAt);
  store<f64>(base, rest > 0 ? rest : 0, restAt);
  momentsAdd(base + level, decay, x);
  if (count > 0) momentsAdd(base + step, decay, difference);
  store<f64>(base, x, previousAt);
  store<f64>(base, count + 1, countAt);
  score = greater;
  isWarm = count + 1 >= warmReadings;
  return true;
}

function scoreLately(base: usize, lately: f64): f64 {
  const spread = momentsPopulationDeviation(base + recent);
  const mean = load<f64>(base, recent + 16);
  return (lately - mean) / (spread > spreadMin ? spread : spreadMin);
}
