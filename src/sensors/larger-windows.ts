// The open larger windows of a shard: a pool of panes for each declared length, filled by merging
// the base panes as they close. A reading never touches them, and none are there where none are
// declared.
//
// The base panes of a sensor close in window order, so that panes of a larger window are opened in
// window order too: a sensor's list holds them latest first, without a hole, and every base pane
// that closes belongs to all that are open.
import type { LargerWindow } from './larger-window.ts';
import type { PaneLayout } from './pane-layout.ts';
import { paneFirstOffset, PanePool, paneWindowEnd } from './pane.ts';
import { windowStartMs } from './window.ts';

export interface LargerPanes {
  readonly window: LargerWindow;
  readonly panes: PanePool;
  /** Windows that begin before it are never opened: parts of them had closed already. */
  fromMs: number;
}

export class LargerWindows {
  /** By declared length, in their order. */
  readonly lengths: readonly LargerPanes[];
  /** End of the earliest open one of any length; +Infinity where none is open. */
  earliestEndMs: number = Infinity;
  private readonly windowMs: number;

  /** @param windowMs length of a base window */
  constructor(windows: readonly LargerWindow[], windowMs: number, layout: PaneLayout) {
    this.windowMs = windowMs;
    this.lengths = windows.map((window) => ({
      window,
      panes: new PanePool(layout),
      fromMs: -Infinity,
    }));
  }

  /** The panes of each length. */
  get pools(): readonly PanePool[] {
    return this.lengths.map(({ panes }) => panes);
  }

  /** Open panes of all lengths. */
  get openCount(): number {
    return this.lengths.reduce((sum, { panes }) => sum + panes.openCount, 0);
  }

  /**
   * Returns `fromMs` of each length where it may still keep a window from being opened at this
   * watermark; undefined where none does.
   */
  fromMsAt(watermarkMs: number): Float64Array | undefined {
    const all = this.lengths.map(({ fromMs, window }) =>
      watermarkMs < fromMs + window.sizeMs ? fromMs : -Infinity,
    );
    return all.some((fromMs) => fromMs > -Infinity) ? Float64Array.from(all) : undefined;
  }

  /** Makes room for `slots` sensors. */
  reserve(slots: number): void {
    for (const { panes } of this.lengths) panes.reserve(slots);
  }

  /**
   * Merges the closing base pane into the larger windows it is a part of: size / hop of a length.
   */
  merge(base: PanePool, pane: number): void {
    if (this.lengths.length === 0) return;
    for (const length of this.lengths) this.mergeInto(length, base, pane);
    this.noteEarliest();
  }

  /** Notes which window is the next to close; called whenever one was opened or taken. */
  noteEarliest(): void {
    let earliestMs = Infinity;
    for (const { panes } of this.lengths) {
      if (panes.windows.earliestEndMs < earliestMs) earliestMs = panes.windows.earliestEndMs;
    }
    this.earliestEndMs = earliestMs;
  }

  private mergeInto({ window, panes, fromMs }: LargerPanes, base: PanePool, pane: number): void {
    const { sizeMs, hopMs } = window;
    const slot = base.slotOf(pane);
    const from = base.stride * pane;
    const latestStartMs = windowStartMs(
      (base.columns[from + paneWindowEnd] ?? 0) - this.windowMs,
      hopMs,
    );
    panes.borrow(base, pane);
    const newest = panes.head(slot);
    for (let open = newest; open >= 0; open = panes.nextOfSensor(open)) panes.mergeBorrowed(open);
    const openEndMs =
      newest < 0 ? -Infinity : (panes.columns[panes.stride * newest + paneWindowEnd] ?? 0);
    const firstOffset = base.columns[from + paneFirstOffset] ?? 0;
    let endMs = Math.max(openEndMs, latestStartMs) + hopMs;
    endMs = Math.max(endMs, fromMs + sizeMs);
    for (; endMs <= latestStartMs + sizeMs; endMs += hopMs) {
      panes.mergeBorrowed(panes.open(slot, endMs, firstOffset));
    }
  }
}
