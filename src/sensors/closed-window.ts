// A closed window as it is handed out: one reused view, filled from a pane's columns just before
// the pane is freed.
import { assert } from '../errors.ts';
import type { Accumulator } from './accumulator.ts';
import type { AlarmChanges } from './alarm-change.ts';
import {
  paneAlarms,
  paneAnomalies,
  paneCount,
  paneFirstOffset,
  paneLastOffset,
  paneM2,
  paneMax,
  paneMean,
  paneMin,
  paneScoreMax,
  paneWindowEnd,
  type PanePool,
} from './pane.ts';
import { isUnknown, startOf, type PaneLayout } from './pane-layout.ts';
import type { PresenceChanges } from './presence-change.ts';
import type { IdTable } from './table.ts';

/** One closed window of one sensor; a reused view, valid only during the call that hands it out. */
export interface ClosedWindow {
  /** The sensor id's UTF-8 bytes are the range [idStart, idEnd) of idBytes. */
  readonly idBytes: Uint8Array;
  readonly idStart: number;
  readonly idEnd: number;
  /** Which length it has: 0 the base's, from 1 on those of WINDOWS in their order. */
  readonly lengthIndex: number;
  readonly windowStartMs: number;
  readonly windowEndMs: number;
  /** At least 1. */
  readonly count: number;
  readonly mean: number;
  readonly min: number;
  readonly max: number;
  /** Sum of squared deviations from the mean. */
  readonly m2: number;
  readonly anomalyCount: number;
  readonly alarmCount: number;
  /**
   * Greatest alarm score of the window's readings; may be negative, and is 0 while the baseline
   * warms.
   */
  readonly alarmScoreMax: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
  /**
   * Returns the window's column `index` of `accumulator`. @throws InvariantError where no selected
   * feature needs that accumulator.
   */
  column(accumulator: Accumulator, index: number): number;
  /**
   * Whether every accumulator of the window is known. One that a migration added while the window
   * was open is not.
   */
  readonly isWhole: boolean;
  /** Returns whether all of `accumulators` are known: what a feature needs to have a value. */
  knows(accumulators: readonly Accumulator[]): boolean;
  /** Returns an empty list for copies of this and of the windows its state hands out after it. */
  newList(): ClosedWindowList;
}

/** Copies of closed windows in the order they were added, kept in columns: not an object each. */
export interface ClosedWindowList {
  readonly count: number;
  /** @throws InvariantError for a window of another state than the list was made for. */
  add(window: ClosedWindow): void;
  /** Returns the window added as number `index`; a reused view, valid until the next call. */
  at(index: number): ClosedWindow;
}

export interface ClosedWindows extends PresenceChanges, AlarmChanges {
  windowClosed(window: ClosedWindow): void;
  /**
   * Called after the windows closed at which `sensors` sensors had outlived SENSOR_TTL; left out
   * where nobody counts them.
   */
  sensorsForgotten?(sensors: number): void;
}

export class ClosedWindowView implements ClosedWindow {
  idBytes: Uint8Array = new Uint8Array(0);
  idStart: number = 0;
  idEnd: number = 0;
  lengthIndex: number = 0;
  windowStartMs: number = 0;
  windowEndMs: number = 0;
  count: number = 0;
  mean: number = 0;
  min: number = 0;
  max: number = 0;
  m2: number = 0;
  anomalyCount: number = 0;
  alarmCount: number = 0;
  alarmScoreMax: number = 0;
  firstOffset: number = 0;
  lastOffset: number = 0;
  private readonly layout: PaneLayout;
  private readonly pane: Float64Array;
  private readonly lengthsMs: readonly number[];

  /** @param lengthsMs of the windows, by their index */
  constructor(layout: PaneLayout, lengthsMs: readonly number[]) {
    this.layout = layout;
    this.lengthsMs = lengthsMs;
    this.pane = new Float64Array(layout.stride);
  }

  column(accumulator: Accumulator, index: number): number {
    return this.pane[startOf(this.layout, accumulator) + index] ?? 0;
  }

  get isWhole(): boolean {
    const { extras } = this.layout;
    for (let index = 0; index < extras.length; index += 1) {
      if (isUnknown(this.pane, extras[index]?.start ?? 0)) return false;
    }
    return true;
  }

  knows(accumulators: readonly Accumulator[]): boolean {
    return accumulators.every((each) => !isUnknown(this.pane, startOf(this.layout, each)));
  }

  /** Takes over the numbers of `pane`. */
  fill(table: IdTable, pool: PanePool, pane: number, lengthIndex: number): void {
    const { columns: panes, stride } = pool;
    const slot = pool.slotOf(pane);
    const base = pane * stride;
    for (let at = 0; at < stride; at += 1) this.pane[at] = panes[base + at] ?? 0;
    this.idBytes = table.arena;
    this.idStart = table.idStart(slot);
    this.idEnd = table.idStart(slot + 1);
    this.lengthIndex = lengthIndex;
    this.readPane();
  }

  newList(): ClosedWindowList {
    return new WindowCopies(this, new ClosedWindowView(this.layout, this.lengthsMs));
  }

  /** Doubles that `copyTo` writes. */
  get copyStride(): number {
    return this.layout.stride + 3;
  }

  /** Writes what `showCopy` needs beside the id's bytes, which begin at `idStart` of its list. */
  copyTo(columns: Float64Array, at: number, idStart: number): void {
    const { stride } = this.layout;
    for (let index = 0; index < stride; index += 1) columns[at + index] = this.pane[index] ?? 0;
    columns[at + stride] = idStart;
    columns[at + stride + 1] = idStart + this.idEnd - this.idStart;
    columns[at + stride + 2] = this.lengthIndex;
  }

  /** Shows the window that another view wrote at `at`. */
  showCopy(columns: Float64Array, at: number, idBytes: Uint8Array): void {
    const { stride } = this.layout;
    for (let index = 0; index < stride; index += 1) this.pane[index] = columns[at + index] ?? 0;
    this.idBytes = idBytes;
    this.idStart = columns[at + stride] ?? 0;
    this.idEnd = columns[at + stride + 1] ?? 0;
    this.lengthIndex = columns[at + stride + 2] ?? 0;
    this.readPane();
  }

  private readPane(): void {
    const { pane } = this;
    this.windowEndMs = pane[paneWindowEnd] ?? 0;
    this.windowStartMs = this.windowEndMs - (this.lengthsMs[this.lengthIndex] ?? 0);
    this.count = pane[paneCount] ?? 0;
    this.mean = pane[paneMean] ?? 0;
    this.min = pane[paneMin] ?? 0;
    this.max = pane[paneMax] ?? 0;
    this.m2 = pane[paneM2] ?? 0;
    this.anomalyCount = pane[paneAnomalies] ?? 0;
    this.alarmCount = pane[paneAlarms] ?? 0;
    this.alarmScoreMax = pane[paneScoreMax] ?? 0;
    this.firstOffset = pane[paneFirstOffset] ?? 0;
    this.lastOffset = pane[paneLastOffset] ?? 0;
  }
}

/** Copies a chunk: large enough to be few, small enough that a short list costs little. */
const chunkCopies = 1_024;
const idBytesMin = 256;

class WindowCopies implements ClosedWindowList {
  count: number = 0;
  private readonly source: ClosedWindowView;
  private readonly shown: ClosedWindowView;
  private readonly stride: number;
  private readonly chunks: Float64Array[] = [];
  /**
   * The ids of all copies, back to back: slots and the table's arena move when sensors are
   * forgotten.
   */
  private idBytes: Uint8Array = new Uint8Array(0);
  private idBytesUsed: number = 0;

  constructor(source: ClosedWindowView, shown: ClosedWindowView) {
    this.source = source;
    this.shown = shown;
    this.stride = source.copyStride;
  }

  add(window: ClosedWindow): void {
    assert(window === this.source, 'a list of closed windows keeps those of one state');
    const within = this.count % chunkCopies;
    if (within === 0) this.chunks.push(new Float64Array(chunkCopies * this.stride));
    const idStart = this.addId();
    this.source.copyTo(this.chunks.at(-1) ?? noColumns, within * this.stride, idStart);
    this.count += 1;
  }

  at(index: number): ClosedWindow {
    const chunk = this.chunks[Math.floor(index / chunkCopies)];
    assert(chunk !== undefined && index < this.count, 'no such window in the list', { index });
    this.shown.showCopy(chunk, (index % chunkCopies) * this.stride, this.idBytes);
    return this.shown;
  }

  /** Copies the id of the window shown by the source; returns where it begins. */
  private addId(): number {
    const { idBytes, idStart, idEnd } = this.source;
    const start = this.idBytesUsed;
    const end = start + idEnd - idStart;
    if (end > this.idBytes.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.idBytes.length, idBytesMin));
      grown.set(this.idBytes);
      this.idBytes = grown;
    }
    // A loop: ids are short, and a view and a native copy would cost several times as much.
    const target = this.idBytes;
    for (let at = start, from = idStart; at < end; at += 1, from += 1) {
      target[at] = idBytes[from] ?? 0;
    }
    this.idBytesUsed = end;
    return start;
  }
}

const noColumns = new Float64Array(0);
