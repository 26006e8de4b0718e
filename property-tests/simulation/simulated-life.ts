// What a machine can do to one process: end it (kill -9), freeze it (SIGSTOP … SIGCONT), move its wall clock, cut it off
// from fetches. Everything that happens inside a simulated process goes through `run`.
import type { Clock, Timer } from '../../src/clock.ts';
import type { Scheduler } from './scheduler.ts';

export class Life {
  /** Added to this process's wall clock, ms; its monotonic clock never jumps. */
  skewMs = 0;
  /** Fetches are swallowed: records wait in the log, and the process hears of none. */
  fetchesStalled = false;
  /** Called once when a crash inside a call ends the process. */
  onCrash: () => void = () => undefined;
  #state: 'running' | 'frozen' | 'ended' = 'running';
  #waiting: (() => void)[] = [];

  get alive(): boolean {
    return this.#state !== 'ended';
  }

  get frozen(): boolean {
    return this.#state === 'frozen';
  }

  /** Runs `action` inside the process: now, once it is thawed, or never. */
  run(action: () => void): void {
    if (this.#state === 'running') action();
    else if (this.#state === 'frozen') this.#waiting.push(action);
  }

  end(): void {
    this.#state = 'ended';
    this.#waiting = [];
  }

  crash(): void {
    if (!this.alive) return;
    this.end();
    this.onCrash();
  }

  freeze(): void {
    if (this.#state === 'running') this.#state = 'frozen';
  }

  thaw(): void {
    if (this.#state !== 'frozen') return;
    this.#state = 'running';
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const action of waiting) this.run(action);
  }
}

/** One process's view of the scheduler's time. */
export function processClock(scheduler: Scheduler, life: Life): Clock {
  const after = (delayMs: number, callback: () => void): Timer => {
    let cancelled = false;
    const timer = scheduler.after(delayMs, () =>
      life.run(() => {
        if (!cancelled) callback();
      }),
    );
    return {
      cancel: () => {
        cancelled = true;
        timer.cancel();
      },
    };
  };
  return {
    nowMs: () => scheduler.nowMs + life.skewMs,
    monotonicMs: () => scheduler.nowMs,
    after,
    sleep: (delayMs, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true) return resolve();
        const done = (): void => {
          signal?.removeEventListener('abort', done);
          resolve();
        };
        signal?.addEventListener('abort', done, { once: true });
        after(delayMs, done);
      }),
  };
}
