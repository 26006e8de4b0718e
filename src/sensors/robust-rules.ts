// The rules of the robust baseline that need one reading: range and stuck. Each scores it (3 is an
// alarm; 0 while the sensor warms), then learns it, into numbers of its own.
import type { MetReading } from './met-reading.ts';
import { robustRules, robustSlot } from './robust-slot.ts';

const { leastStep, rangeHigh, rangeLow, repeats, run, runMax, wildReadings } = robustSlot;
const { clipFrom, firstWildShare, robustRangeGain, stuckRunMin } = robustRules;

/**
 * Returns how far the value lies outside the sensor's range (3 at 7.5 % of it; 0 inside), and moves
 * the range: both ends shrink towards the middle, and a value widens it by its width at most. A
 * value beyond that may be a sentinel: the first in a half-life widens the range by a quarter.
 */
export function scoreRange(
  columns: Float64Array,
  base: number,
  met: MetReading,
  decay: number,
): number {
  // hot path
  const { floor, value } = met;
  if (met.count === 0) {
    columns[base + rangeLow] = value;
    columns[base + rangeHigh] = value;
    return 0;
  }
  const low = columns[base + rangeLow] ?? 0;
  const high = columns[base + rangeHigh] ?? 0;
  const width = high - low > floor ? high - low : floor;
  const clips = met.count >= clipFrom && high > low;
  const middle = 0.5 * (high + low);
  const shrink = 1 - decay;
  const highNext = high - shrink * (high - middle);
  const lowNext = low + shrink * (middle - low);
  const isAbove = clips && value > highNext + width;
  const isBelow = clips && value < lowNext - width;
  const wild = columns[base + wildReadings] ?? 0;
  const reach = wild < 0.5 ? firstWildShare * width : width;
  const upper = isAbove ? highNext + reach : value;
  const lower = isBelow ? lowNext - reach : value;
  columns[base + wildReadings] = decay * wild + (isAbove || isBelow ? 1 : 0);
  columns[base + rangeHigh] = upper > highNext ? upper : highNext;
  columns[base + rangeLow] = lower < lowNext ? lower : lowNext;
  return rangeExcess(met, low, high);
}

/** Returns the score of a value that lies outside the range; 0 inside and while warming. */
export function rangeExcess(met: MetReading, low: number, high: number): number {
  const { floor, value } = met;
  const outside = value > high ? value - high : low - value;
  if (!met.isWarm || !(high > low) || !(outside > 0)) return 0;
  return (robustRangeGain * outside) / (high - low > floor ? high - low : floor);
}

/**
 * Returns the score of a run of equal readings: 3 where it is as improbable as e^−20 at the
 * sensor's usual share of repeats, and three times its longest run lately. 0 for a sensor that has
 * never moved, and once `tellRun` has marked the run.
 */
export function scoreStuck(
  columns: Float64Array,
  base: number,
  met: MetReading,
  decay: number,
): number {
  // hot path
  const isRepeat = met.count > 0 && met.step === 0;
  const before = columns[base + run] ?? 0;
  const length = isRepeat ? Math.abs(before) + 1 : 0;
  const isTold = isRepeat && before < 0;
  const longest = columns[base + runMax] ?? 0;
  const ended = isRepeat ? 0 : Math.abs(before);
  const longer = ended > longest ? ended : longest;
  const longestNext = longer - (1 - decay) * longer;
  const repeatsBefore = columns[base + repeats] ?? 0;
  // A long run is not learned as usual, or a sensor that is stuck for long would be calm.
  const isUsual = isRepeat && length <= 3 * longestNext + 30;
  columns[base + run] = isTold ? -length : length;
  columns[base + runMax] = longestNext;
  columns[base + repeats] = decay * repeatsBefore + (isUsual ? 1 : 0);
  const hasMoved = (columns[base + leastStep] ?? 0) > 0;
  if (!met.isWarm || length < stuckRunMin || isTold || !hasMoved) return 0;
  const probability = (repeatsBefore + 1) / (met.weight + 2);
  const improbable = (-length * Math.log(probability)) / 20;
  const unusual = (length + 1) / (3 * (longestNext + 1));
  const least = improbable < unusual ? improbable : unusual;
  return least >= 1 ? 3 * least : 0;
}

/** Marks the run that goes on as one that an alarm was raised for. */
export function tellRun(columns: Float64Array, base: number): void {
  columns[base + run] = -(columns[base + run] ?? 0);
}

/** Moves the mean at `at` towards `x` by one share of `weight`; returns it. */
export function follow(columns: Float64Array, at: number, x: number, weight: number): number {
  // hot path
  const before = columns[at] ?? 0;
  const mean = before + (x - before) / weight;
  columns[at] = mean;
  return mean;
}
