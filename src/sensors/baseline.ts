// A baseline: one sensor's running statistics and the two questions asked of them, whatever the
// method. State lies in one Float64Array with `stride` doubles a slot, so that a sensor's numbers
// share cache lines and a snapshot is a copy.

/** Bits of what `observe` returns. */
export const anomalyFlag = 1;
export const alarmFlag = 2;

export interface BaselineSummary {
  readonly mean: number;
  readonly std_dev: number;
  readonly n: number;
}

/** A flagged reading's z, and the baseline it was held against: as it was before the reading. */
export interface Judgement extends BaselineSummary {
  /** In standard deviations, with the sign of the deviation; finite. */
  readonly z: number;
}

export interface Baseline {
  /** Doubles per slot. */
  readonly stride: number;
  /** Readings after which a sensor counts as steady. */
  readonly warmReadings: number;
  /** Live state of all slots; replaced when it grows. */
  columns: Float64Array;
  /** The alarm score of the last reading observed; 0 where the method has none. */
  readonly score: number;
  /** How the last reading that `observe` flagged was judged. */
  readonly judgement: Judgement;
  /**
   * Scores `x` against what the slot learned before it, then learns it; returns anomalyFlag |
   * alarmFlag and, where it returns any, sets `judgement`.
   */
  observe(slot: number, x: number): number;
  /**
   * Returns how unusual `x` is for the slot, in standard deviations with their sign: the number
   * that `observe` is about to hold against the threshold. 0 while the slot has learned too little;
   * finite. Changes nothing.
   */
  deviate(slot: number, x: number): number;
  /** Readings the slot has learned. */
  readingCount(slot: number): number;
  summarize(slot: number): BaselineSummary;
}

/** The judgement of a baseline that has flagged nothing yet. */
export const noJudgement: Judgement = { z: 0, mean: 0, std_dev: 0, n: 0 };
