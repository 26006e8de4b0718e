// A look at the log that is taken every so often: never sooner, and one at a time.
import type { Clock } from '../clock.ts';

export class SpacedLook {
  readonly #clock: Clock;
  readonly #everyMs: number;
  #tookMs = -Infinity;
  #looking = false;

  constructor(clock: Clock, everyMs: number) {
    this.#clock = clock;
    this.#everyMs = everyMs;
  }

  get isDue(): boolean {
    return !this.#looking && this.#clock.monotonicMs() - this.#tookMs >= this.#everyMs;
  }

  /** Takes the look; the next one is due once this one has ended, and the time since it began. */
  async take(look: () => Promise<void>): Promise<void> {
    this.#tookMs = this.#clock.monotonicMs();
    this.#looking = true;
    try {
      await look();
    } finally {
      this.#looking = false;
    }
  }
}
