// The fold itself, over the columns of a shard: shard-state.ts says what each method promises. It
// decides before it writes, so that a reading which is refused or throws changes no sensor.
import { assert } from '../errors.ts';
import { emptyScoredReading, type ScoredReading } from './accumulator.ts';
import type { AlarmChanges } from './alarm-change.ts';
import { commandAlarms, type AlarmCommand, type AlarmDecision } from './alarm-commands.ts';
import { watchesAlarms } from './alarm-slot.ts';
import { Alarms } from './alarms.ts';
import { AnomalousReadingView, type FoldOutputs } from './anomalous-reading.ts';
import { alarmFlag, anomalyFlag, previewReading, type ReadingPreview } from './baseline.ts';
import { ClosedWindowView, type ClosedWindows } from './closed-window.ts';
import { closeWindows } from './closing.ts';
import type { CreateBaseline } from './create-baseline.ts';
import { FastClocks } from './fast-clocks.ts';
import { semanticsFingerprint } from './fingerprint.ts';
import { Forgetting } from './forgetting.ts';
import type { HashKey } from './id-hash.ts';
import { inspectSensor, type SensorInspection } from './inspection.ts';
import { lifecycleIndex } from './lifecycle.ts';
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
import { rowFoldOf, type RowFold } from './row-fold.ts';
import type { RowKernel, ScannedRows } from './row-kernel.ts';
import { assertSemantics, type Semantics } from './semantics.ts';
import { Presence } from './presence.ts';
import { PresenceChangeView } from './presence-change.ts';
import { watchesPresence } from './presence-slot.ts';
import { quarantineSensor, releaseSensor, resetSensor } from './sensor-commands.ts';
import { SensorScan, type SensorQuery } from './sensor-list.ts';
import { lifecycleTable, ShardColumns } from './shard-columns.ts';
import {
  encodeState,
  snapshotBytes,
  type SnapshotParts,
  type SnapshotSections,
} from './snapshot-format.ts';
import {
  eventTimeOf,
  hasClosed,
  leadMaxMs,
  watermarkAfter,
  type WatermarkMode,
} from './watermark.ts';
import { dateMsMax, windowStartMs } from './window.ts';

export interface ShardStateOptions {
  /** `own`: readings folded here move the watermark. `external`: only `advanceWatermark` does. */
  readonly watermark: WatermarkMode;
  /** The baseline that the settings name, unless a test brings one of its own. */
  readonly createBaseline?: CreateBaseline;
  /** Folds plain rows over columns in its memory. */
  readonly kernel?: RowKernel | undefined;
  /** Of the table of ids; a secret wherever ids come from outside. Changes no result. */
  readonly hashKey?: HashKey;
}

const quarantined = lifecycleIndex(lifecycleTable.states, 'quarantined');
const read = lifecycleIndex(lifecycleTable.events, 'read');
const readWarm = lifecycleIndex(lifecycleTable.events, 'readWarm');

export class ColumnShardState {
  watermarkMs: number = -Infinity;
  maxEventTimeMs: number = -Infinity;
  readonly fastClocks: FastClocks = new FastClocks();
  readonly columns: ShardColumns;
  private readonly forgetting: Forgetting;
  private readonly presence: Presence | undefined;
  private readonly alarms: Alarms | undefined;
  private readonly rowFold: RowFold | undefined;
  private readonly semantics: Semantics;
  private readonly fingerprint: string;
  private readonly windowMs: number;
  private readonly leadMaxMs: number;
  private readonly mode: WatermarkMode;
  private readonly sensorsMax: DeadLetterReason;
  private readonly view: ClosedWindowView;
  private readonly single: ReturnType<typeof oneReading> = oneReading();
  private readonly scored: ScoredReading = emptyScoredReading();
  private readonly anomalous: AnomalousReadingView = new AnomalousReadingView();
  private readonly change: PresenceChangeView = new PresenceChangeView();

  constructor(semantics: Semantics, options: ShardStateOptions) {
    assertSemantics(semantics);
    this.semantics = semantics;
    this.fingerprint = semanticsFingerprint(semantics).text;
    this.windowMs = semantics.windowMs;
    this.leadMaxMs = leadMaxMs(semantics);
    this.mode = options.watermark;
    this.forgetting = new Forgetting(semantics.sensorTtlMs);
    this.forgetting.goOn(this.watermarkMs);
    this.rowFold = rowFoldOf(semantics, options);
    const { createBaseline, hashKey } = options;
    this.columns =
      this.rowFold?.columns ?? new ShardColumns(semantics, createBaseline, undefined, hashKey);
    this.alarms = watchesAlarms(semantics) ? new Alarms(this.columns, semantics) : undefined;
    this.presence = watchesPresence(semantics) ? new Presence(semantics, this.alarms) : undefined;
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

  get earliestEventMs(): number {
    const silenceMs = this.presence?.earliestSilenceMs(this.columns) ?? Infinity;
    return Math.min(silenceMs, this.alarms?.nextMs ?? Infinity);
  }

  /** The watermark at which a window closes or sensors are looked through. */
  get nextStopMs(): number {
    const presenceMs = this.presence?.nextMs ?? Infinity;
    const alarmsMs = this.alarms?.nextMs ?? Infinity;
    return Math.min(this.earliestWindowEndMs, this.forgetting.nextMs, presenceMs, alarmsMs);
  }

  /** Takes over a snapshot's parts; nothing was folded here before. */
  restore(parts: SnapshotParts): void {
    this.columns.restore(parts);
    this.watermarkMs = parts.watermarkMs;
    this.maxEventTimeMs = parts.maxEventTimeMs;
    this.forgetting.goOn(parts.watermarkMs);
    if (this.presence !== undefined) this.presence.nextMs = parts.presenceNextMs ?? NaN;
    this.alarms?.goOn();
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
      this.fastClocks.refusedMs = timestampMs;
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
        const offset = readings.offsets[row] as number;
        const flags = this.foldSensor(slot, windowEndMs, value, timestampMs, offset);
        if (this.presence !== undefined) this.hear(readings, row, slot, outputs);
        if (flags !== 0) {
          const anomalous = this.anomalous.fill(readings, row, flags, this.columns.baseline);
          outputs.anomalyFound?.(anomalous);
          this.alarms?.hear(slot, anomalous, this.watermarkMs, outputs);
        }
      }
    }
    const eventTimeMs = eventTimeOf(timestampMs, recordTimeMs, this.leadMaxMs);
    if (eventTimeMs !== timestampMs) {
      const leadMs = timestampMs - recordTimeMs;
      if (leadMs > this.semantics.watermarkDelayMs) this.fastClocks.noteRow(readings, row, leadMs);
    }
    if (eventTimeMs > this.maxEventTimeMs) this.seeEventTime(eventTimeMs, outputs);
    return refused;
  }

  foldRows(rows: ScannedRows, row: number, until: number): number {
    // The kernel compares with the next stop only the watermark that a reading brings.
    if (this.rowFold === undefined || this.watermarkMs >= this.nextStopMs) return row;
    return this.rowFold.fold(rows, row, until, this);
  }

  advanceWatermark(toMs: number, closed: ClosedWindows): void {
    assert(toMs < Infinity, 'expected a time to advance the watermark to', { toMs });
    if (toMs > this.watermarkMs) this.watermarkMs = toMs;
    this.passWatermark(closed);
  }

  quarantine(sensorId: string): boolean {
    return quarantineSensor(this.columns, sensorId);
  }

  release(sensorId: string): boolean {
    return releaseSensor(this.columns, sensorId, this.watermarkMs);
  }

  reset(sensorId: string): boolean {
    return resetSensor(this.columns, sensorId);
  }

  commandAlarms(
    sensorId: string,
    command: AlarmCommand & AlarmDecision,
    changes: AlarmChanges,
  ): boolean {
    const { columns, alarms } = this;
    return alarms !== undefined && commandAlarms({ columns, alarms }, sensorId, command, changes);
  }

  inspect(sensorId: string): SensorInspection | undefined {
    return inspectSensor(this.columns, sensorId, this.windowMs, this.presence);
  }

  preview(sensorId: string, value: number, timestampMs: number): ReadingPreview | undefined {
    const id = new TextEncoder().encode(sensorId);
    const slot = this.columns.table.find(id, 0, id.length);
    return slot < 0
      ? undefined
      : previewReading(this.columns.baseline, slot, value + 0, timestampMs);
  }

  sensorIds(limit: number): readonly string[] {
    const length = Math.max(0, Math.min(limit, this.sensorCount));
    return Array.from({ length }, (_, slot) => this.columns.sensorId(slot));
  }

  sensorScan(query: SensorQuery): SensorScan {
    return new SensorScan(this.columns, query);
  }

  snapshot(headBytes = 0, room?: Uint8Array<ArrayBuffer>): Uint8Array {
    return encodeState(this.sections(), headBytes, room);
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
      presenceNextMs: this.presence?.nextMs,
      windowsFromMs: this.columns.larger.fromMsAt(this.watermarkMs),
      ...this.columns.sections(),
    };
  }

  private foldSensor(
    slot: number,
    windowEndMs: number,
    value: number,
    timestampMs: number,
    offset: number,
  ): number {
    // hot path
    const { baseline, panes } = this.columns;
    const flags = baseline.observe(slot, value, timestampMs);
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

  private hear(readings: ReadingColumns, row: number, slot: number, outputs: FoldOutputs): void {
    // hot path
    const timestampMs = readings.timestampsMs[row] as number;
    const recordTimeMs = readings.recordTimesMs[row] as number;
    const eventTimeMs = eventTimeOf(timestampMs, recordTimeMs, this.leadMaxMs);
    const change = this.change.fill(readings, row, eventTimeMs);
    this.presence?.hear(this.columns, slot, change, this.watermarkMs, outputs);
  }

  private seeEventTime(eventTimeMs: number, closed: ClosedWindows): void {
    // hot path
    this.maxEventTimeMs = eventTimeMs;
    if (this.mode === 'external') return;
    this.watermarkMs = watermarkAfter(
      this.watermarkMs,
      eventTimeMs,
      this.semantics.watermarkDelayMs,
    );
    if (this.watermarkMs >= this.nextStopMs) this.passWatermark(closed);
  }

  /**
   * Does what is due at the watermark: windows close, silent sensors are told, alarms resolved,
   * sensors forgotten.
   */
  private passWatermark(closed: ClosedWindows): void {
    const { alarms, columns, presence, watermarkMs } = this;
    closeWindows(columns, watermarkMs, this.view, closed);
    presence?.look(columns, watermarkMs, this.change, closed);
    alarms?.look(watermarkMs, closed);
    if (watermarkMs < this.forgetting.nextMs) return;
    const sensors = this.forgetting.forget(watermarkMs, { columns, presence, alarms }, closed);
    if (sensors > 0) closed.sensorsForgotten?.(sensors);
  }
}
