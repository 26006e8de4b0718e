// PLACEHOLDER for the interface; see the types below. The core replaces this file's body.
import type { DeadLetterReason, Reading } from './reading.ts';

/** Everything that changes results; fingerprinted into committed metadata and snapshots. */
export interface Semantics {
  readonly windowMs: number;
  readonly watermarkDelayMs: number;
  readonly maxAheadMs: number;
  readonly baseline: 'adaptive' | 'cumulative';
  readonly baselineHalfLife: number;
  readonly anomalyThreshold: number;
  readonly anomalyWarmup: number;
  readonly sensorsMax: number;
  readonly inputKeying: 'auto' | 'rekey';
  readonly features: readonly string[];
}

/** One closed window of one sensor; a reused view, valid only during the call that hands it out. */
export interface ClosedWindow {
  readonly idBytes: Uint8Array;
  readonly idStart: number;
  readonly idEnd: number;
  readonly windowStartMs: number;
  readonly windowEndMs: number;
  readonly count: number;
  readonly mean: number;
  readonly min: number;
  readonly max: number;
  /** Sum of squared deviations from the mean. */
  readonly m2: number;
  readonly anomalyCount: number;
  readonly alarmCount: number;
  readonly alarmScoreMax: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
}

export interface ClosedWindows {
  windowClosed(window: ClosedWindow): void;
}

export interface SensorInspection {
  readonly sensorId: string;
  readonly lifecycle: string;
  readonly baseline: {
    readonly mean: number;
    readonly std_dev: number;
    readonly n: number;
  };
  readonly openWindows: readonly {
    readonly window_start: number;
    readonly window_end: number;
    readonly count: number;
    readonly avg_value: number;
    readonly min_value: number;
    readonly max_value: number;
    readonly std_dev: number;
    readonly anomaly_count: number;
  }[];
}

export interface ShardState {
  /** Event time before which every window is closed; -Infinity at the start; never goes back. */
  readonly watermarkMs: number;
  /** Greatest event time folded, refused or late readings included; -Infinity at the start. */
  readonly maxEventTimeMs: number;
  readonly sensorCount: number;
  readonly openWindowCount: number;
  /** Start of the earliest open window; +Infinity where none is open. */
  readonly earliestWindowEndMs: number;
  /**
   * Folds one reading at `offset`; returns null, or why it was not folded (late, timestamp_ahead, sensors_max,
   * quarantined). With an own watermark (the default) the watermark then advances to
   * maxEventTimeMs − watermarkDelayMs and every window whose end it reached is handed to `closed`, in window order,
   * then in the order the panes were opened.
   */
  fold(
    reading: Reading,
    recordTimestampMs: number,
    offset: number,
    closed: ClosedWindows,
  ): DeadLetterReason | null;
  /** Moves the watermark forward (never back) and hands out the windows that closes: idle marks, rekeyed shards. */
  advanceWatermark(toMs: number, closed: ClosedWindows): void;
  inspect(sensorId: string): SensorInspection | undefined;
  /** The ids of up to `limit` sensors, in slot order. */
  sensorIds(limit: number): readonly string[];
  /** All state as bytes, copied: format version, semantics fingerprint, columns. */
  snapshot(): Uint8Array;
}
