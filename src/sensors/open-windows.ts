// The open windows of a shard in the order they end, each with the list of its panes in the order
// they were opened. Few are open at a time and new ones are mostly the latest, so a sorted array,
// searched from its end, is enough.

export interface OpenWindow {
  readonly endMs: number;
  firstPane: number;
  lastPane: number;
}

export class OpenWindows {
  /** End of the earliest open window; +Infinity where none is open. */
  earliestEndMs: number = Infinity;
  private windows: OpenWindow[] = [];
  /**
   * Windows before this index have closed; they are cut off now and then, so that closing is not a
   * move of all.
   */
  private first: number = 0;

  get count(): number {
    return this.windows.length - this.first;
  }

  /**
   * Adds `pane` to the window that ends at `endMs`; returns the pane it comes after, or −1 where it
   * is the first.
   */
  append(endMs: number, pane: number): number {
    let at = this.windows.length - 1;
    while (at >= this.first && (this.windows[at]?.endMs ?? -Infinity) > endMs) at -= 1;
    const window = at >= this.first ? this.windows[at] : undefined;
    if (window !== undefined && window.endMs === endMs) {
      const before = window.lastPane;
      window.lastPane = pane;
      return before;
    }
    this.windows.splice(at + 1, 0, { endMs, firstPane: pane, lastPane: pane });
    if (endMs < this.earliestEndMs) this.earliestEndMs = endMs;
    return -1;
  }

  /** Removes the earliest window and returns it, or undefined where none is open. */
  takeEarliest(): OpenWindow | undefined {
    const taken = this.windows[this.first];
    if (taken === undefined) return undefined;
    this.first += 1;
    if (2 * this.first >= this.windows.length) {
      this.windows = this.windows.slice(this.first);
      this.first = 0;
    }
    this.earliestEndMs = this.windows[this.first]?.endMs ?? Infinity;
    return taken;
  }

  /** The first panes of all open windows, in window order. */
  firstPanes(): readonly number[] {
    return this.windows.slice(this.first).map((window) => window.firstPane);
  }
}
