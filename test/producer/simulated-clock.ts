import type { Clock } from '../../src/clock.ts';

/** A clock that moves only when somebody sleeps; each wake-up comes `lateByMs` after it was asked for. */
export class SimulatedClock implements Clock {
  #nowMs: number;
  #monotonicMs = 1_000;
  readonly sleeps: number[] = [];
  readonly lateByMs: number;

  constructor(options: { readonly nowMs?: number; readonly lateByMs?: number } = {}) {
    this.#nowMs = options.nowMs ?? 1_700_000_000_000;
    this.lateByMs = options.lateByMs ?? 0;
  }

  nowMs(): number {
    return Math.floor(this.#nowMs);
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  after(delayMs: number, callback: () => void): { cancel(): void } {
    void this.sleep(delayMs).then(callback);
    return { cancel: () => undefined };
  }

  async sleep(delayMs: number): Promise<void> {
    this.sleeps.push(delayMs);
    this.advance(delayMs + this.lateByMs);
    await Promise.resolve();
  }

  advance(byMs: number): void {
    this.#nowMs += byMs;
    this.#monotonicMs += byMs;
  }

  /** The wall clock is corrected; the monotonic one does not notice. */
  step(byMs: number): void {
    this.#nowMs += byMs;
  }
}
