// The pane pool: every open window of every sensor, in columns. Each pane is in two linked lists:
// its sensor's open panes (several while readings are out of order) and its window's panes in the
// order they were opened.
//
//   columns: | count mean m2 | min max | anomalies alarms scoreMax | firstOffset lastOffset | windowEnd |
//            | what opt-in features need, by the layout …
//   links:   | slot | next of sensor | next of window |    11 doubles and more, 3 int32 a pane
import { addressOf, heapColumns, type ColumnMemory } from './column-memory.ts';
import { place } from './row-kernel.ts';
import type { ScoredReading } from './accumulator.ts';
import { keepRows } from './kept-slots.ts';
import { OpenWindows } from './open-windows.ts';
import { isUnknown, unknown, type PaneLayout } from './pane-layout.ts';
import { welfordAdd, welfordCount, welfordM2, welfordMean } from './welford.ts';

export const paneCount: number = welfordCount;
export const paneMean: number = welfordMean;
export const paneM2: number = welfordM2;
export const paneMin = 3;
export const paneMax = 4;
export const paneAnomalies = 5;
export const paneAlarms = 6;
export const paneScoreMax = 7;
export const paneFirstOffset = 8;
export const paneLastOffset = 9;
export const paneWindowEnd = 10;

export const linkStride = 3;
const slotLink = 0;
export const sensorLink = 1;
const windowLink = 2;
const none = -1;
const panesMin = 64;
/**
 * Mostly two at a time; many more, of nearly as many sensors as may be, take the pool to the heap.
 */
const panesPerSensor = 4;

export class PanePool {
  readonly layout: PaneLayout;
  /** Doubles a pane takes. */
  readonly stride: number;
  /** Whether selected features need more than the base columns. */
  readonly hasExtras: boolean;
  columns: Float64Array;
  readonly windows: OpenWindows = new OpenWindows();
  openCount: number = 0;
  private links: Int32Array;
  /** By slot: the sensor's most recently opened pane + 1; 0 where it has none. */
  private heads: Int32Array;
  private free: number = none;
  /** Where another pool's pane lies while it is merged; never in a list. */
  private borrowed: number = none;
  /** Panes from here on were never used. */
  private unused: number = 0;

  constructor(layout: PaneLayout, slotsMax: number = 0, memory: ColumnMemory = heapColumns) {
    this.layout = layout;
    this.stride = layout.stride;
    this.hasExtras = layout.extras.length > 0;
    const panesMax = Math.max(panesMin, slotsMax * panesPerSensor);
    this.columns = memory.float64(layout.stride * panesMin, layout.stride * panesMax);
    this.links = memory.int32(linkStride * panesMin, linkStride * panesMax);
    this.heads = memory.int32(0, slotsMax);
  }

  /**
   * Tells a kernel where the panes lie; none must be opened or released before the kernel has
   * folded.
   */
  describe(places: Uint32Array): void {
    places[place.panes] = addressOf(this.columns);
    places[place.paneBytes] = 8 * this.stride;
    places[place.links] = addressOf(this.links);
    places[place.heads] = addressOf(this.heads);
  }

  /** Makes room for `slots` sensors. */
  reserve(slots: number): void {
    if (slots <= this.heads.length) return;
    const grown = new Int32Array(slots);
    grown.set(this.heads);
    this.heads = grown;
  }

  /** Returns the most recently opened pane of the sensor, or −1. */
  head(slot: number): number {
    return (this.heads[slot] ?? 0) - 1;
  }

  /** Returns the pane of the same sensor opened before `pane`, or −1. */
  nextOfSensor(pane: number): number {
    return this.links[linkStride * pane + sensorLink] ?? none;
  }

  /** Returns the pane of the same window opened after `pane`, or −1. */
  nextOfWindow(pane: number): number {
    return this.links[linkStride * pane + windowLink] ?? none;
  }

  slotOf(pane: number): number {
    return this.links[linkStride * pane + slotLink] ?? none;
  }

  /**
   * Returns the sensor's pane of the window that ends at `windowEndMs`, opened empty at `offset` if
   * there was none.
   */
  paneFor(slot: number, windowEndMs: number, offset: number): number {
    // hot path
    let pane = this.head(slot);
    while (pane !== none && this.columns[this.stride * pane + paneWindowEnd] !== windowEndMs) {
      pane = this.nextOfSensor(pane);
    }
    return pane === none ? this.open(slot, windowEndMs, offset) : pane;
  }

  /** Folds one reading, already scored, into the base columns of `pane`: all of them, fused. */
  add(
    pane: number,
    x: number,
    offset: number,
    anomaly: number,
    alarm: number,
    score: number,
  ): void {
    // hot path
    const columns = this.columns;
    const base = this.stride * pane;
    welfordAdd(columns, base, x);
    if (x < (columns[base + paneMin] ?? 0)) columns[base + paneMin] = x;
    if (x > (columns[base + paneMax] ?? 0)) columns[base + paneMax] = x;
    columns[base + paneAnomalies] = (columns[base + paneAnomalies] ?? 0) + anomaly;
    columns[base + paneAlarms] = (columns[base + paneAlarms] ?? 0) + alarm;
    if (score > (columns[base + paneScoreMax] ?? 0)) columns[base + paneScoreMax] = score;
    columns[base + paneLastOffset] = offset;
  }

  /** Folds one reading into what `pane` has beyond the base columns; unknown ones stay unknown. */
  addToExtras(pane: number, reading: ScoredReading): void {
    // hot path
    const base = this.stride * pane;
    const { columns } = this;
    const { extras } = this.layout;
    for (let index = 0; index < extras.length; index += 1) {
      const extra = extras[index];
      if (extra === undefined || isUnknown(columns, base + extra.start)) continue;
      extra.accumulator.update(columns, base + extra.start, reading);
    }
  }

  /** Opens an empty pane at the end of its window's list. */
  open(slot: number, windowEndMs: number, offset: number): number {
    const pane = this.allocate();
    const base = this.stride * pane;
    this.columns.fill(0, base, base + this.stride);
    this.columns[base + paneMin] = Infinity;
    this.columns[base + paneMax] = -Infinity;
    this.columns[base + paneScoreMax] = -Infinity;
    this.columns[base + paneFirstOffset] = offset;
    this.columns[base + paneWindowEnd] = windowEndMs;
    for (const { accumulator, start } of this.layout.extras) {
      accumulator.open(this.columns, base + start);
    }
    const before = this.windows.append(windowEndMs, pane);
    if (before !== none) this.links[linkStride * before + windowLink] = pane;
    this.links[linkStride * pane + slotLink] = slot;
    this.links[linkStride * pane + sensorLink] = this.head(slot);
    this.links[linkStride * pane + windowLink] = none;
    this.heads[slot] = pane + 1;
    this.openCount += 1;
    return pane;
  }

  /**
   * Takes `pane` out of its sensor's list and frees it; returns whether that was the sensor's last
   * open pane.
   */
  release(pane: number): boolean {
    const slot = this.slotOf(pane);
    const next = this.nextOfSensor(pane);
    let before = this.head(slot);
    if (before === pane) {
      this.heads[slot] = next + 1;
    } else {
      while (this.nextOfSensor(before) !== pane) before = this.nextOfSensor(before);
      this.links[linkStride * before + sensorLink] = next;
    }
    this.links[linkStride * pane + windowLink] = this.free;
    this.free = pane;
    this.openCount -= 1;
    return this.head(slot) === none;
  }

  /** Keeps only the sensors at the slots `kept` of `sensors`; the others have no open pane. */
  keep(kept: Int32Array, sensors: number): void {
    keepRows(this.heads, 1, kept, sensors);
    for (let slot = 0; slot < kept.length; slot += 1) {
      if (kept[slot] === slot) continue;
      for (let pane = this.head(slot); pane !== none; pane = this.nextOfSensor(pane)) {
        this.links[linkStride * pane + slotLink] = slot;
      }
    }
  }

  /** Copies a pane of another pool of the same layout here, for `mergeBorrowed`. */
  borrow(others: PanePool, pane: number): void {
    // Merges work within one array, so that a snapshot or a test needs no second kind of them.
    if (this.borrowed === none) this.borrowed = this.allocate();
    const into = this.stride * this.borrowed;
    const from = this.stride * pane;
    for (let at = 0; at < this.stride; at += 1) {
      this.columns[into + at] = others.columns[from + at] ?? 0;
    }
  }

  /**
   * Merges the borrowed pane into `pane`, as if its readings had been folded there after its own.
   */
  mergeBorrowed(pane: number): void {
    const into = this.stride * pane;
    const from = this.stride * this.borrowed;
    const { base, extras } = this.layout;
    for (const { accumulator, start } of base) {
      accumulator.merge(this.columns, into + start, from + start);
    }
    for (const { accumulator, start } of extras) {
      if (isUnknown(this.columns, into + start)) continue;
      if (isUnknown(this.columns, from + start)) this.columns[into + start] = unknown;
      else accumulator.merge(this.columns, into + start, from + start);
    }
  }

  private allocate(): number {
    if (this.free !== none) {
      const pane = this.free;
      this.free = this.nextOfWindow(pane);
      return pane;
    }
    const pane = this.unused;
    this.unused += 1;
    if (this.stride * this.unused > this.columns.length) {
      const columns = new Float64Array(2 * this.columns.length);
      columns.set(this.columns);
      this.columns = columns;
      const links = new Int32Array(2 * this.links.length);
      links.set(this.links);
      this.links = links;
    }
    return pane;
  }
}
