// How long each partition of the input gave no rows, as a reader of the output sees it.
import type { RowsWatcher } from '../chaos/watchers.ts';

const lookMs = 50;

export class Silence {
  readonly #lastRowMs: number[];
  readonly #longestMs: number[];
  readonly #timer: NodeJS.Timeout;

  constructor({ rows }: RowsWatcher, partitions: number) {
    this.#lastRowMs = Array.from({ length: partitions }, () => performance.now());
    this.#longestMs = Array.from({ length: partitions }, () => 0);
    let seen = rows.length;
    this.#timer = setInterval(() => {
      for (; seen < rows.length; seen += 1) this.#rowCame(rows[seen]?.lineage.partition ?? 0);
    }, lookMs);
  }

  /** From here on; what was silent before still is. */
  restart(): void {
    this.#longestMs.fill(0);
  }

  /** Returns the longest silence of each partition since the last restart, in seconds. */
  longest(): readonly number[] {
    this.#lastRowMs.forEach((_, partition) => this.#measure(partition));
    return this.#longestMs.map((ms) => Math.round(ms / 100) / 10);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #rowCame(partition: number): void {
    this.#measure(partition);
    this.#lastRowMs[partition] = performance.now();
  }

  #measure(partition: number): void {
    const silentMs = performance.now() - (this.#lastRowMs[partition] ?? 0);
    this.#longestMs[partition] = Math.max(this.#longestMs[partition] ?? 0, silentMs);
  }
}
