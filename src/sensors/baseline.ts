// A baseline: one sensor's running statistics and the two questions asked of them, whatever the
// method. State lies in one Float64Array with `stride` doubles a slot, so that a sensor's numbers
// share cache lines and a snapshot is a copy.
import type { DayProfile } from './day-profile.ts';
import type { AlarmChannel } from './robust-slot.ts';

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

/** The conditions of an alarm besides its score, before the reading in question. */
export interface AlarmView {
  /** The score from which on a reading raises an alarm. */
  readonly alarmScore: number;
  /** Readings left of the rest after the last alarm; no alarm is raised until it is 0. */
  readonly restLeft: number;
  /** The whole rest, in readings. */
  readonly restReadings: number;
  /** How many readings of the rest a calm one takes off. */
  readonly calmReading: number;
  /** Readings a sensor must have had before it gets a score. */
  readonly warmReadings: number;
  /** The sensor's decaying range. */
  readonly low: number;
  readonly high: number;
  /** The part of the score that comes from lying outside the range; 0 inside. */
  readonly rangeScore: number;
}

/** The result that `observe` would give for a reading. */
export interface ReadingPreview {
  /** In standard deviations of the baseline before it, signed; 0 while too little is learned. */
  readonly z: number;
  readonly anomaly: boolean;
  readonly score: number;
  readonly alarm: boolean;
  /** The rule that gave the score; undefined where the method has one rule only. */
  readonly channel: AlarmChannel | undefined;
  /** undefined where the method raises no alarms. */
  readonly alarmView: AlarmView | undefined;
}

/** Parameters a kernel needs to learn readings as `observe` does; by `number` of row-kernel.ts. */
export interface KernelBaseline {
  /** 0 cumulative, 1 adaptive, 2 robust. */
  readonly method: 0 | 1 | 2;
  /** Squared but for cumulative. */
  readonly threshold: number;
  readonly warmReadings: number;
  readonly decay: number;
  readonly shortDecay: number;
  /** Of the robust method alone. */
  readonly longDecay: number;
  readonly calmReading: number;
}

export interface Baseline {
  /** Doubles per slot. */
  readonly stride: number;
  /** undefined: no kernel learns in place of `observe`. */
  readonly kernel: KernelBaseline | undefined;
  /** Readings after which a sensor counts as steady. */
  readonly warmReadings: number;
  /** Live state of all slots; replaced when it grows. */
  columns: Float64Array;
  /** The alarm score of the last reading observed; 0 where the method has none. */
  readonly score: number;
  /** The rule that gave `score`; left out where the method has one rule only. */
  readonly channel?: AlarmChannel;
  /** How the last reading that `observe` flagged was judged. */
  readonly judgement: Judgement;
  /**
   * Scores `x` against what the slot learned before it, then learns it; returns anomalyFlag |
   * alarmFlag and, where it returns any, sets `judgement`. `timestampMs` is its event time.
   */
  observe(slot: number, x: number, timestampMs: number): number;
  /**
   * Returns how unusual `x` is for the slot, in standard deviations with their sign: the number
   * that `observe` is about to hold against the threshold. 0 while the slot has learned too little;
   * finite. Changes nothing.
   */
  deviate(slot: number, x: number): number;
  /** Returns what decides on an alarm for `x` beside its score; undefined without alarms. */
  viewAlarm(slot: number, x: number): AlarmView | undefined;
  /** Readings left of the slot's rest after its last alarm; undefined without alarms. */
  restLeft(slot: number): number | undefined;
  /** Readings the slot has learned. */
  readingCount(slot: number): number;
  summarize(slot: number): BaselineSummary;
  /** Returns what the slot has learned of its day; left out where the method learns none. */
  dayProfile?(slot: number): DayProfile;
}

/**
 * Returns the root of a squared z. Held against `threshold` it says what `z2` says against the
 * squared threshold, which decides: where the root rounds to the threshold itself, the next double.
 */
export function rootOfZ2(z2: number, threshold: number): number {
  const root = Math.sqrt(z2);
  const isBeyond = z2 > threshold * threshold;
  return isBeyond && root <= threshold ? threshold * (1 + Number.EPSILON) : root;
}

/** The judgement of a baseline that has flagged nothing yet. */
export const noJudgement: Judgement = { z: 0, mean: 0, std_dev: 0, n: 0 };

/** Returns what `observe` would find of `x`, by letting it and taking back what it learned. */
export function previewReading(
  baseline: Baseline,
  slot: number,
  x: number,
  timestampMs: number,
): ReadingPreview {
  const base = slot * baseline.stride;
  const learned = baseline.columns.slice(base, base + baseline.stride);
  const z = baseline.deviate(slot, x);
  const alarmView = baseline.viewAlarm(slot, x);
  const flags = baseline.observe(slot, x, timestampMs);
  baseline.columns.set(learned, base);
  return {
    z,
    anomaly: (flags & anomalyFlag) !== 0,
    score: baseline.score,
    alarm: (flags & alarmFlag) !== 0,
    channel: baseline.channel,
    alarmView,
  };
}
