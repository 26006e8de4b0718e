// The fold: one shard's readings in log order → closed windows, late and other refused readings.
// State is a pure function of the calls made; event time comes from readings alone. Next on the
// line: outputs and position commit together.
import { assert, ConfigError, CorruptSnapshotError } from '../errors.ts';
import { emptyScoredReading, type ScoredReading } from './accumulator.ts';
import { AnomalousReadingView, type FoldOutputs } from './anomalous-reading.ts';
import { alarmFlag, anomalyFlag, previewReading, type ReadingPreview } from './baseline.ts';
import type { CreateBaseline } from './create-baseline.ts';
import { ClosedWindowView, type ClosedWindows } from './closed-window.ts';
import { closeWindows } from './closing.ts';
import { fingerprintDifferences, semanticsFingerprint } from './fingerprint.ts';
import { inspectSensor, type SensorInspection } from './inspection.ts';
import { place } from './lifecycle.ts';
import {
  assertReading,
  oneReading,
  type DeadLetterReason,
  type Reading,
  type ReadingColumns,
} from './reading.ts';
import {
  aheadReason,
  lateReason,
  quarantinedReason,
  rangeReason,
  sensorsMaxReason,
} from './refusals.ts';
import { assertSemantics, type Semantics } from './semantics.ts';
import { quarantineSensor, releaseSensor, resetSensor } from './sensor-commands.ts';
import { rowFoldOf, type RowFold } from './row-fold.ts';
import type { RowKernel } from './row-kernel.ts';
import { lifecycleTable, ShardColumns } from './shard-columns.ts';
import { decodeSnapshot, encodeSnapshot, snapshotBytes } from './snapshot-format.ts';
import type { SnapshotSections } from './snapshot-format.ts';
import { hasClosed, watermarkAfter, type WatermarkMode } from './watermark.ts';
import { dateMsMax, windowStartMs } from './window.ts';

export type { AnomalousReading, FoldOutputs } from './anomalous-reading.ts';
export type { ClosedWindow, ClosedWindowList, ClosedWindows } from './closed-window.ts';
export type { AlarmView, ReadingPreview } from './baseline.ts';
export type { SensorInspection } from './inspection.ts';
export type { Semantics } from './semantics.ts';

export interface ShardState {
  /** Whether `foldRows` folds any: not without a kernel, nor for features it does not know. */
  readonly foldsRows: boolean;
  /** Event time before which every window is closed; -Infinity at the start; never goes back. */
  readonly watermarkMs: number;
  /** Greatest event time folded, or refused as late, sensors_max or quarantined; else -Infinity. */
  readonly maxEventTimeMs: number;
  readonly sensorCount: number;
  /** Open panes of every length: windows of sensors, not distinct windows. */
  readonly openWindowCount: number;
  /** End of the earliest open window of any length; +Infinity where none is open. */
  readonly earliestWindowEndMs: number;
  /**
   * Folds one reading at `offset` (ascending); returns null, or why it was not folded: late,
   * timestamp_ahead, timestamp_range, sensors_max, quarantined. It decides before it writes: a
   * refused reading changes no sensor. All but timestamp_ahead and timestamp_range count for event
   * time. `outputs` gets the reading if it was flagged; then, with an own watermark, that advances to
   * maxEventTimeMs − watermarkDelayMs, and `outputs` gets every window whose end it reached: by end,
   * a base window before a larger one of the same end, then in the order the panes were opened.
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
   * Folds the rows that the kernel was given last as `foldRow` would, from `row` on, up to `rows` (exclusive), and returns the
   * first that it left untouched: one at or past offset `until`, or not plain. A plain one is of a known sensor with an
   * open pane, and nothing comes of it: no output, no refusal, no window that closes.
   */
  foldRows(row: number, rows: number, until: number): number;
  /** Moves the watermark on, never back, and hands out what closes: idle marks, rekeyed shards. */
  advanceWatermark(toMs: number, closed: ClosedWindows): void;
  /**
   * Sets the sensor aside: its readings are refused, its open windows close normally. Gives an
   * unknown id its slot; returns whether it is quarantined now (not when all slots are given).
   */
  quarantine(sensorId: string): boolean;
  /** Ends a quarantine; the baseline goes on from before it. Returns whether there was one. */
  release(sensorId: string): boolean;
  /** Empties the baseline; open windows and a quarantine stay. Returns whether the id is known. */
  reset(sensorId: string): boolean;
  inspect(sensorId: string): SensorInspection | undefined;
  /**
   * What the sensor's baseline would find of a reading with this value now; undefined for an
   * unknown sensor. Changes nothing.
   */
  preview(sensorId: string, value: number): ReadingPreview | undefined;
  /** The ids of up to `limit` sensors, in slot order. */
  sensorIds(limit: number): readonly string[];
  /**
   * All state as bytes, copied, behind `headBytes` zeros, a multiple of 8, which the caller fills rather than copies all of
   * it once more. In `room`, zeros, where that is large enough.
   */
  snapshot(headBytes?: number, room?: Uint8Array<ArrayBuffer>): Uint8Array;
  /** Returns how many bytes a snapshot would be now. */
  snapshotBytes(): number;
}

export interface ShardStateOptions {
  /** `own`: readings folded here move the watermark. `external`: only `advanceWatermark` does. */
  readonly watermark: WatermarkMode;
  /** The baseline that the settings name, unless a test brings one of its own. */
  readonly createBaseline?: CreateBaseline;
  /** Folds plain rows over columns in its memory. */
  readonly kernel?: RowKernel | undefined;
}

/** Returns the state of a shard that has folded nothing. @throws InvariantError for bad semantics. */
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
  const parts = decodeSnapshot(bytes);
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
  state.columns.restore(parts);
  state.watermarkMs = parts.watermarkMs;
  state.maxEventTimeMs = parts.maxEventTimeMs;
  return state;
}

const quarantined = place(lifecycleTable.states, 'quarantined');
const read = place(lifecycleTable.events, 'read');
const readWarm = place(lifecycleTable.events, 'readWarm');

class ColumnShardState implements ShardState {
  watermarkMs: number = -Infinity;
  maxEventTimeMs: number = -Infinity;
  readonly columns: ShardColumns;
  private readonly rowFold: RowFold | undefined;
  private readonly semantics: Semantics;
  private readonly fingerprint: string;
  private readonly windowMs: number;
  private readonly mode: WatermarkMode;
  private readonly sensorsMax: DeadLetterReason;
  private readonly view: ClosedWindowView;
  private readonly single: ReturnType<typeof oneReading> = oneReading();
  private readonly scored: ScoredReading = emptyScoredReading();
  private readonly anomalous: AnomalousReadingView = new AnomalousReadingView();

  constructor(semantics: Semantics, options: ShardStateOptions) {
    assertSemantics(semantics);
    this.semantics = semantics;
    this.fingerprint = semanticsFingerprint(semantics).text;
    this.windowMs = semantics.windowMs;
    this.mode = options.watermark;
    this.rowFold = rowFoldOf(semantics, options);
    this.columns = this.rowFold?.columns ?? new ShardColumns(semantics, options.createBaseline);
    const lengthsMs = [semantics.windowMs, ...semantics.windows.map(({ sizeMs }) => sizeMs)];
    this.view = new ClosedWindowView(this.columns.panes.layout, lengthsMs);
    this.sensorsMax = sensorsMaxReason(semantics.sensorsMax);
  }

  get foldsRows(): boolean {
    return this.rowFold !== undefined;
  }

  get sensorCount(): number {
    return this.columns.table.count;
  }

  get openWindowCount(): number {
    return this.columns.panes.openCount + this.columns.larger.openCount;
  }

  get earliestWindowEndMs(): number {
    const { larger, panes } = this.columns;
    return Math.min(panes.windows.earliestEndMs, larger.earliestEndMs);
  }

  fold(
    reading: Reading,
    recordTimestampMs: number,
    offset: number,
    outputs: FoldOutputs,
  ): DeadLetterReason | null {
    const { single } = this;
    single.idBytes = reading.idBytes;
    single.idStarts[0] = reading.idStart;
    single.idEnds[0] = reading.idEnd;
    single.timestampsMs[0] = reading.timestampMs;
    single.values[0] = reading.value;
    single.recordTimesMs[0] = recordTimestampMs;
    single.offsets[0] = offset;
    return this.foldRow(single, 0, outputs);
  }

  foldRow(readings: ReadingColumns, row: number, outputs: FoldOutputs): DeadLetterReason | null {
    // hot path
    const timestampMs = readings.timestampsMs[row] as number;
    // Adding 0 turns −0 into 0, so that min, max and their text do not depend on the order of equal
    // readings.
    const value = (readings.values[row] as number) + 0;
    assertReading(timestampMs, value);
    const recordTimeMs = readings.recordTimesMs[row] as number;
    if (timestampMs - recordTimeMs > this.semantics.maxAheadMs) {
      return aheadReason(timestampMs, recordTimeMs, this.semantics.maxAheadMs);
    }
    const windowEndMs = windowStartMs(timestampMs, this.windowMs) + this.windowMs;
    let refused: DeadLetterReason | null = null;
    if (hasClosed(windowEndMs, this.watermarkMs)) {
      refused = lateReason(timestampMs, windowEndMs, this.watermarkMs);
    } else if (windowEndMs > dateMsMax || windowEndMs - this.windowMs < -dateMsMax) {
      return rangeReason(timestampMs);
    } else {
      const { idBytes, idStarts, idEnds } = readings;
      const slot = this.columns.slotOf(idBytes, idStarts[row] as number, idEnds[row] as number);
      if (slot < 0) refused = this.sensorsMax;
      else if (this.columns.lifecycle[slot] === quarantined) refused = quarantinedReason;
      else {
        // Not an argument: the default features need no event time, and a double passed costs.
        if (this.columns.panes.hasExtras) this.scored.timestampMs = timestampMs;
        const flags = this.foldSensor(slot, windowEndMs, value, readings.offsets[row] as number);
        if (flags !== 0) {
          outputs.anomalyFound?.(this.anomalous.fill(readings, row, flags, this.columns.baseline));
        }
      }
    }
    if (timestampMs > this.maxEventTimeMs) this.seeEventTime(timestampMs, outputs);
    return refused;
  }

  foldRows(row: number, rows: number, until: number): number {
    return this.rowFold === undefined ? row : this.rowFold.fold(row, rows, until, this);
  }

  advanceWatermark(toMs: number, closed: ClosedWindows): void {
    assert(toMs < Infinity, 'expected a time to advance the watermark to', { toMs });
    if (toMs > this.watermarkMs) this.watermarkMs = toMs;
    closeWindows(this.columns, this.watermarkMs, this.view, closed);
  }

  quarantine(sensorId: string): boolean {
    return quarantineSensor(this.columns, sensorId);
  }

  release(sensorId: string): boolean {
    return releaseSensor(this.columns, sensorId);
  }

  reset(sensorId: string): boolean {
    return resetSensor(this.columns, sensorId);
  }

  inspect(sensorId: string): SensorInspection | undefined {
    return inspectSensor(this.columns, sensorId, this.windowMs);
  }

  preview(sensorId: string, value: number): ReadingPreview | undefined {
    const id = new TextEncoder().encode(sensorId);
    const slot = this.columns.table.find(id, 0, id.length);
    return slot < 0 ? undefined : previewReading(this.columns.baseline, slot, value + 0);
  }

  sensorIds(limit: number): readonly string[] {
    const length = Math.max(0, Math.min(limit, this.sensorCount));
    return Array.from({ length }, (_, slot) => this.columns.sensorId(slot));
  }

  snapshot(headBytes = 0, room?: Uint8Array<ArrayBuffer>): Uint8Array {
    return encodeSnapshot(this.sections(), headBytes, room);
  }

  snapshotBytes(): number {
    return snapshotBytes(this.sections());
  }

  private sections(): SnapshotSections {
    return {
      fingerprint: this.fingerprint,
      watermarkMode: this.mode,
      watermarkMs: this.watermarkMs,
      maxEventTimeMs: this.maxEventTimeMs,
      ...this.columns.sections(),
    };
  }

  private foldSensor(slot: number, windowEndMs: number, value: number, offset: number): number {
    // hot path
    const { baseline, panes } = this.columns;
    const flags = baseline.observe(slot, value);
    const pane = panes.paneFor(slot, windowEndMs, offset);
    const anomaly = (flags & anomalyFlag) === 0 ? 0 : 1;
    const alarm = (flags & alarmFlag) === 0 ? 0 : 1;
    panes.add(pane, value, offset, anomaly, alarm, baseline.score);
    if (panes.hasExtras) {
      const { scored } = this;
      scored.value = value;
      scored.offset = offset;
      scored.anomaly = anomaly;
      scored.alarm = alarm;
      scored.score = baseline.score;
      panes.addToExtras(pane, scored);
    }
    this.columns.apply(slot, baseline.readingCount(slot) < baseline.warmReadings ? read : readWarm);
    return flags;
  }

  private seeEventTime(timestampMs: number, closed: ClosedWindows): void {
    // hot path
    this.maxEventTimeMs = timestampMs;
    if (this.mode === 'external') return;
    this.watermarkMs = watermarkAfter(
      this.watermarkMs,
      timestampMs,
      this.semantics.watermarkDelayMs,
    );
    if (this.watermarkMs >= this.earliestWindowEndMs) {
      closeWindows(this.columns, this.watermarkMs, this.view, closed);
    }
  }
}
