// Closing: every window whose end the watermark has reached is handed out, by end, a base window
// before a larger one that ends with it, the larger ones in their declared order. A base pane is
// merged into the larger windows it is a part of just before it is freed.
import { InvariantError } from '../errors.ts';
import type { ClosedWindows, ClosedWindowView } from './closed-window.ts';
import type { PanePool } from './pane.ts';
import type { ShardColumns } from './shard-columns.ts';

/** Closes all that is due at `watermarkMs`; `view` is what `closed` is handed. */
export function closeWindows(
  columns: ShardColumns,
  watermarkMs: number,
  view: ClosedWindowView,
  closed: ClosedWindows,
): void {
  const { panes, larger } = columns;
  for (;;) {
    const baseEndMs = panes.windows.earliestEndMs;
    // The base window that ends with a larger one is a part of it.
    if (baseEndMs <= larger.earliestEndMs) {
      if (watermarkMs < baseEndMs) return;
      closeBase(columns, view, closed);
    } else {
      if (watermarkMs < larger.earliestEndMs) return;
      closeLarger(columns, view, closed);
    }
  }
}

function closeBase(columns: ShardColumns, view: ClosedWindowView, closed: ClosedWindows): void {
  const { panes, larger } = columns;
  let pane = takeEarliest(panes);
  while (pane >= 0) {
    const next = panes.nextOfWindow(pane);
    const slot = panes.slotOf(pane);
    view.fill(columns.table, panes, pane, 0);
    larger.merge(panes, pane);
    if (panes.release(pane)) columns.lastWindowClosed(slot, view.windowEndMs);
    closed.windowClosed(view);
    pane = next;
  }
}

function closeLarger(columns: ShardColumns, view: ClosedWindowView, closed: ClosedWindows): void {
  const { larger } = columns;
  const index = larger.lengths.findIndex(
    ({ panes }) => panes.windows.earliestEndMs === larger.earliestEndMs,
  );
  const panes = larger.lengths[index]?.panes;
  if (panes === undefined) throw new InvariantError('a larger window is due but none is open');
  let pane = takeEarliest(panes);
  larger.noteEarliest();
  while (pane >= 0) {
    const next = panes.nextOfWindow(pane);
    view.fill(columns.table, panes, pane, index + 1);
    panes.release(pane);
    closed.windowClosed(view);
    pane = next;
  }
}

/** Returns the first pane of the earliest window. */
function takeEarliest(panes: PanePool): number {
  const window = panes.windows.takeEarliest();
  if (window === undefined) throw new InvariantError('an end is due but no window is open');
  return window.firstPane;
}
