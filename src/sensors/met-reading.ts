// A reading as the robust baseline meets it: the numbers that its rules share, computed once from
// the state before the reading. Next: each rule scores it and learns it, robust-surprise.ts and
// robust-rules.ts.
import { robustRules, robustSlot } from './robust-slot.ts';
import { squaredZ } from './weighted-moments.ts';

const { learned, leastStep, level, previousReading, stepMean, stepSquares } = robustSlot;
const { clipFrom, clipSpreads, floorMin, robustWarm, roundingShare } = robustRules;

export class MetReading {
  value: number = 0;
  timestampMs: number = 0;
  /** Difference from the reading before; 0 at the first. */
  step: number = 0;
  /** Readings before this one. */
  count: number = 0;
  isWarm: boolean = false;
  /** The least spread that counts. */
  floor: number = 0;
  /** Sample variance of the level, at least `floor` squared, and its root. */
  variance: number = 0;
  spread: number = 0;
  /** The level's sum of weights w1, and w1 − w2/w1. */
  weight: number = 0;
  freedom: number = 0;
  /** Squared normal deviates of the value and of the step. */
  levelZ2: number = 0;
  stepZ2: number = 0;
  /**
   * The part of the reading that is learned: its deviations from the means, as 32 spreads at most,
   * and the value and the size of the step that these come to.
   */
  levelDeviation: number = 0;
  stepDeviation: number = 0;
  keptValue: number = 0;
  keptStep: number = 0;

  /** Takes over `value` and compares it with what the slot at `base` has learned. */
  meet(columns: Float64Array, base: number, value: number, timestampMs: number): void {
    // hot path
    const w1 = columns[base + level] ?? 0;
    const w2 = columns[base + level + 1] ?? 0;
    const mean = columns[base + level + 2] ?? 0;
    const squares = columns[base + level + 3] ?? 0;
    const count = columns[base + learned] ?? 0;
    const step = count > 0 ? value - (columns[base + previousReading] ?? 0) : 0;
    const floor = roundingShare * Math.abs(mean) + floorMin;
    const freedom = w1 > 0 ? w1 - w2 / w1 : 0;
    const squaresOfSteps = columns[base + stepSquares] ?? 0;
    this.value = value;
    this.timestampMs = timestampMs;
    this.step = step;
    this.count = count;
    this.isWarm = count >= robustWarm;
    this.floor = floor;
    this.variance = atLeast(floor * floor, freedom > 0 ? squares / freedom : 0);
    this.spread = Math.sqrt(this.variance);
    this.weight = w1;
    this.freedom = freedom;
    const least = columns[base + leastStep] ?? 0;
    const levelFloor = this.isWarm ? floor : atLeast(floor, leastStepWith(least, step) / 2);
    const meanOfSteps = columns[base + stepMean] ?? 0;
    this.levelZ2 = count < 3 ? 0 : squaredZ(w1, w2, squares, value - mean, levelFloor);
    this.stepZ2 = count < 4 ? 0 : squaredZ(w1, w2, squaresOfSteps, step - meanOfSteps, floor);
    this.levelDeviation = value - mean;
    this.stepDeviation = step - meanOfSteps;
    this.keptValue = value;
    this.keptStep = Math.abs(step);
    if (count >= clipFrom) this.clip(mean, meanOfSteps, least, squaresOfSteps);
  }

  /** Bounds what is learned; half the least step counts as a spread, so that a count is learned. */
  private clip(mean: number, meanOfSteps: number, least: number, squaresOfSteps: number): void {
    // hot path
    const coarse = 0.25 * least * least;
    const stepVariance = atLeast(this.floor * this.floor, squaresOfSteps / this.freedom);
    const level = clippedDeviation(this.levelDeviation, atLeast(coarse, this.variance));
    const step = clippedDeviation(this.stepDeviation, atLeast(coarse, stepVariance));
    if (level !== this.levelDeviation) this.keptValue = mean + level;
    if (step !== this.stepDeviation) this.keptStep = Math.abs(meanOfSteps + step);
    this.levelDeviation = level;
    this.stepDeviation = step;
  }
}

function atLeast(least: number, value: number): number {
  return value > least ? value : least;
}

/** Returns `deviation`, or 32 spreads in its direction where it is larger. */
export function clippedDeviation(deviation: number, variance: number): number {
  // hot path
  if (deviation * deviation <= clipSpreads * clipSpreads * variance) return deviation;
  const most = clipSpreads * Math.sqrt(variance);
  return deviation > 0 ? most : -most;
}

/** Returns the least step that is not 0, of those before (0: none) and `step`. */
export function leastStepWith(least: number, step: number): number {
  const size = Math.abs(step);
  return size > 0 && (size < least || least === 0) ? size : least;
}
