// How long a partition has been silent, as far as this process could have heard. While fetches go
// unanswered its producers may be buffering, and their readings are not late: silence of an outage
// counts for nothing, and the clock of the idle rule starts again when the outage is over.

/** A fetch that finds nothing is answered after half a second. */
export const outageMs = 2_000;

export class Silence {
  readonly #monotonicMs: () => number;
  #sinceMs: number;
  #observedMs: number;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
    this.#sinceMs = monotonicMs();
    this.#observedMs = this.#sinceMs;
  }

  /** The silence observed so far, ms. */
  get ms(): number {
    return this.#monotonicMs() - this.#sinceMs;
  }

  /** Silence begins now: a record has come, or the shard has gone live. */
  begin(): void {
    this.#sinceMs = this.#monotonicMs();
    this.#observedMs = this.#sinceMs;
  }

  /**
   * Takes note of how long the partition's fetches have gone unanswered, ms; undefined while none
   * are sent. Must be called several times a second: after a pause of this process nobody knows
   * what it would have heard.
   */
  observe(unansweredMs: number | undefined): void {
    const nowMs = this.#monotonicMs();
    const unheard = unansweredMs === undefined || unansweredMs > outageMs;
    if (unheard || nowMs - this.#observedMs > outageMs) this.#sinceMs = nowMs;
    this.#observedMs = nowMs;
  }
}
