// The fold: one shard's readings in log order → closed windows, late and other refused readings.
// State is a pure function of the calls made; event time comes from readings alone. Next on the
// line: outputs and position commit together.
import { ConfigError, CorruptSnapshotError } from '../errors.ts';
import type { AlarmChanges } from './alarm-change.ts';
import type { AlarmCommand, AlarmDecision } from './alarm-commands.ts';
import type { FoldOutputs } from './anomalous-reading.ts';
import type { ReadingPreview } from './baseline.ts';
import type { ClosedWindows } from './closed-window.ts';
import { ColumnShardState, type ShardStateOptions } from './column-shard-state.ts';
import type { FastClocks } from './fast-clocks.ts';
import { fingerprintDifferences, semanticsFingerprint } from './fingerprint.ts';
import type { SensorInspection } from './inspection.ts';
import type { DeadLetterReason, Reading, ReadingColumns } from './reading.ts';
import type { ScannedRows } from './row-kernel.ts';
import type { Semantics } from './semantics.ts';
import type { SensorQuery, SensorScan } from './sensor-list.ts';
import { decodeState } from './snapshot-format.ts';

export type { AlarmChange, AlarmChanges } from './alarm-change.ts';
export type { AnomalousReading, FoldOutputs } from './anomalous-reading.ts';
export type { ClosedWindow, ClosedWindowList, ClosedWindows } from './closed-window.ts';
export type { PresenceChange, PresenceChanges } from './presence-change.ts';
export type { AlarmView, ReadingPreview } from './baseline.ts';
export type { SensorInspection } from './inspection.ts';
export type { Semantics } from './semantics.ts';
export type { ShardStateOptions } from './column-shard-state.ts';

export interface ShardState {
  /** Whether `foldRows` folds any: not without a kernel, nor for features it does not know. */
  readonly foldsRows: boolean;
  /** Event time before which every window is closed; -Infinity at the start; never goes back. */
  readonly watermarkMs: number;
  /**
   * Greatest event time of readings folded, or refused as late, sensors_max or quarantined; else
   * -Infinity. A held reading counts with its record's timestamp.
   */
  readonly maxEventTimeMs: number;
  /** Which readings were held; no part of what is computed. */
  readonly fastClocks: FastClocks;
  /** Sensors that have a slot: those forgotten have none. */
  readonly sensorCount: number;
  /** Open panes of every length: windows of sensors, not distinct windows. */
  readonly openWindowCount: number;
  /** End of the earliest open window of any length; +Infinity where none is open. */
  readonly earliestWindowEndMs: number;
  /**
   * Watermark at which a sensor is told offline, or an alarm may be resolved, if nothing is heard;
   * +Infinity: nothing will be.
   */
  readonly earliestEventMs: number;
  /**
   * Folds one reading at `offset` (ascending); returns null, or why it was not folded: late,
   * timestamp_ahead, timestamp_range, sensors_max, quarantined. It decides before it writes: a
   * refused reading changes no sensor. All but timestamp_ahead and timestamp_range count for event
   * time. `outputs` gets what it changes of its sensor's presence, and the reading if it was
   * flagged; then, with an own watermark, that advances to maxEventTimeMs − watermarkDelayMs, and
   * `outputs` gets every window whose end it reached: by end, a base window before a larger one of
   * the same end, then in the order the panes were opened; then the sensors that have fallen
   * silent and the alarms that are resolved. At last sensors that outlived SENSOR_TTL are
   * forgotten, and `outputs` hears how many.
   * @throws InvariantError when the reading is not one a decoder may hand over; nothing is changed
   * then.
   */
  fold(
    reading: Reading,
    recordTimestampMs: number,
    offset: number,
    outputs: FoldOutputs,
  ): DeadLetterReason | null;
  /** As `fold`, of the reading in a row of columns. */
  foldRow(readings: ReadingColumns, row: number, outputs: FoldOutputs): DeadLetterReason | null;
  /**
   * Folds rows that the kernel scanned as `foldRow` would, from `row` on, and returns the first
   * that it left untouched: one at or past offset `until`, or not plain. A plain one is of a known
   * sensor with an open pane, and nothing comes of it: no output, no refusal, no window that
   * closes.
   * @throws InvariantError if the kernel has scanned others since, or another kernel scanned these.
   */
  foldRows(rows: ScannedRows, row: number, until: number): number;
  /**
   * Moves the watermark on, never back, hands out what closes and forgets who is due: idle marks,
   * rekeyed shards.
   */
  advanceWatermark(toMs: number, closed: ClosedWindows): void;
  /**
   * Sets the sensor aside: its readings are refused, its open windows close normally. Gives an
   * unknown id its slot; returns whether it is quarantined now (not when all slots are given).
   */
  quarantine(sensorId: string): boolean;
  /**
   * Ends a quarantine; the baseline goes on from before it, and a whole SENSOR_TTL begins. Returns
   * whether there was one.
   */
  release(sensorId: string): boolean;
  /** Empties the baseline; open windows and a quarantine stay. Returns whether the id is known. */
  reset(sensorId: string): boolean;
  /**
   * Applies a decision on the sensor's alarms; `changes` hears what it changes of those that are
   * open. Returns whether it changed anything; never where alarms have no life.
   */
  commandAlarms(
    sensorId: string,
    command: AlarmCommand & AlarmDecision,
    changes: AlarmChanges,
  ): boolean;
  inspect(sensorId: string): SensorInspection | undefined;
  /**
   * Returns how the sensor's baseline would judge a reading with this value now; undefined for an
   * unknown sensor. Changes nothing.
   */
  preview(sensorId: string, value: number, timestampMs: number): ReadingPreview | undefined;
  /** The ids of up to `limit` sensors, in slot order. */
  sensorIds(limit: number): readonly string[];
  /** Returns a search through the sensors, to be stepped to its end. */
  sensorScan(query: SensorQuery): SensorScan;
  /**
   * All state as bytes, copied, behind `headBytes` zeros, a multiple of 8, which the caller fills
   * rather than copies all of it once more. In `room`, zeros, where that is large enough.
   */
  snapshot(headBytes?: number, room?: Uint8Array<ArrayBuffer>): Uint8Array;
  /** Returns how many bytes a snapshot would be now. */
  snapshotBytes(): number;
}

/**
 * Returns the state of a shard that has folded nothing.
 * @throws InvariantError for bad semantics.
 */
export function createShardState(semantics: Semantics, options: ShardStateOptions): ShardState {
  return new ColumnShardState(semantics, options);
}

/**
 * Returns the state that `bytes` hold; it goes on exactly as the one that made them would have.
 * @throws CorruptSnapshotError when the bytes are not a whole snapshot of this version.
 * @throws ConfigError that names each setting which differs from those of the state that made them.
 */
export function restoreShardState(
  bytes: Uint8Array,
  semantics: Semantics,
  options: ShardStateOptions,
): ShardState {
  const parts = decodeState(bytes);
  const differences = fingerprintDifferences(
    parts.fingerprint,
    semanticsFingerprint(semantics).text,
  );
  if (differences.length > 0) {
    throw new ConfigError(
      `the snapshot was made under settings that give other results (${differences.join('; ')}); ` +
        'set them back, or start with a new GROUP_ID and OUTPUT_TOPIC',
    );
  }
  if (parts.watermarkMode !== options.watermark) {
    throw new ConfigError(
      `expected a snapshot with watermark mode ${options.watermark}, found ${parts.watermarkMode}`,
    );
  }
  if (Number.isNaN(parts.watermarkMs) || Number.isNaN(parts.maxEventTimeMs)) {
    throw new CorruptSnapshotError('shard snapshot: the watermark is not a number');
  }
  const state = new ColumnShardState(semantics, options);
  state.restore(parts);
  return state;
}
