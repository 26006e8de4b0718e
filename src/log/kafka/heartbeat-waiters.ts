// Callers waiting for proof of membership: a successful heartbeat sent after they asked.
// One that was under way when they asked proves nothing: it may have been answered before another
// member took over.
import { clientNowMs } from './monotonic-date.ts';

interface Waiter {
  readonly sinceMs: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class HeartbeatWaiters {
  #waiters: Waiter[] = [];

  /**
   * Resolves once `succeeded` reports a heartbeat sent later than now (by kafkajs's clock, in whole
   * ms).
   */
  afterNow(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ sinceMs: clientNowMs(), resolve, reject });
    });
  }

  succeeded(sentMs: number): void {
    const waiting = this.#waiters;
    this.#waiters = waiting.filter(({ sinceMs }) => sentMs <= sinceMs);
    for (const { sinceMs, resolve } of waiting) if (sentMs > sinceMs) resolve();
  }

  rejectAll(error: Error): void {
    const waiting = this.#waiters;
    this.#waiters = [];
    for (const { reject } of waiting) reject(error);
  }
}
