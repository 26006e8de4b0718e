// The time slice of a fold. A fetched batch of 1 MB may inflate to half a million records: folded
// without a pause, heartbeats, ticks and HTTP answers would wait for seconds, and the outbox would
// hold all their dead letters. So the fold pauses between two records when the outbox is full or
// the slice is over, and resumes in the same batch. The clock decides when it pauses, never what is
// computed.
import type { Clock } from '../clock.ts';
import type { Outbox } from './outbox.ts';

/** Ticks come four times a second, heartbeats once. */
const sliceMs = 50;
/** A record that the strict parser reads takes some 10 µs. */
const recordsPerLook = 64;

export class FoldSlice {
  /**
   * The fold asks at most this many records later whether the slice is over, and at once where the
   * outbox is full.
   */
  readonly records: number = recordsPerLook;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #outbox: Pick<Outbox, 'full'>;
  #endMs = 0;

  constructor(clock: Pick<Clock, 'monotonicMs'>, outbox: Pick<Outbox, 'full'>) {
    this.#clock = clock;
    this.#outbox = outbox;
  }

  begin(): void {
    this.#endMs = this.#clock.monotonicMs() + sliceMs;
  }

  over(): boolean {
    return this.#outbox.full || this.#clock.monotonicMs() >= this.#endMs;
  }
}
