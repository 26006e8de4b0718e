// A closed window as it is handed out: one reused view, filled from a pane's columns just before
// the pane is freed.
import type { Accumulator } from './accumulator.ts';
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
} from './pane.ts';
import { startOf, type PaneLayout } from './pane-layout.ts';
import type { ShardColumns } from './shard-columns.ts';

/** One closed window of one sensor; a reused view, valid only during the call that hands it out. */
export interface ClosedWindow {
  /** The sensor id's UTF-8 bytes are the range [idStart, idEnd) of idBytes. */
  readonly idBytes: Uint8Array;
  readonly idStart: number;
  readonly idEnd: number;
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
}

export interface ClosedWindows {
  windowClosed(window: ClosedWindow): void;
}

export class ClosedWindowView implements ClosedWindow {
  idBytes: Uint8Array = new Uint8Array(0);
  idStart: number = 0;
  idEnd: number = 0;
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

  constructor(layout: PaneLayout) {
    this.layout = layout;
    this.pane = new Float64Array(layout.stride);
  }

  column(accumulator: Accumulator, index: number): number {
    return this.pane[startOf(this.layout, accumulator) + index] ?? 0;
  }

  /** Takes over the numbers of `pane`. */
  fill(columns: ShardColumns, pane: number, windowMs: number): void {
    const { table } = columns;
    const panes = columns.panes.columns;
    const slot = columns.panes.slotOf(pane);
    const { stride } = columns.panes;
    const base = pane * stride;
    for (let at = 0; at < stride; at += 1) this.pane[at] = panes[base + at] ?? 0;
    this.idBytes = table.arena;
    this.idStart = table.idStart(slot);
    this.idEnd = table.idStart(slot + 1);
    this.windowEndMs = panes[base + paneWindowEnd] ?? 0;
    this.windowStartMs = this.windowEndMs - windowMs;
    this.count = panes[base + paneCount] ?? 0;
    this.mean = panes[base + paneMean] ?? 0;
    this.min = panes[base + paneMin] ?? 0;
    this.max = panes[base + paneMax] ?? 0;
    this.m2 = panes[base + paneM2] ?? 0;
    this.anomalyCount = panes[base + paneAnomalies] ?? 0;
    this.alarmCount = panes[base + paneAlarms] ?? 0;
    this.alarmScoreMax = panes[base + paneScoreMax] ?? 0;
    this.firstOffset = panes[base + paneFirstOffset] ?? 0;
    this.lastOffset = panes[base + paneLastOffset] ?? 0;
  }
}
