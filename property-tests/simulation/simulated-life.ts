// Faults of a machine towards one process and each of its threads: end it (kill -9, an uncaught
// error), freeze it (SIGSTOP … SIGCONT, a loop that never returns), move its wall clock, cut it off
// from fetches. Everything that happens inside a simulated thread goes through `run`; a thread
// lives no longer than its process and freezes with it.
import type { Clock, Timer } from '../../src/clock.ts';
import type { Scheduler } from './scheduler.ts';

export class Life {
  /** The process of a thread; undefined for a process. */
  readonly process: Life | undefined;
  /** Called once when a fault inside a call ends it. */
  onCrash: () => void = () => undefined;
  #skewMs = 0;
  #fetchesStalled = false;
  #state: 'running' | 'frozen' | 'ended' = 'running';
  #waiting: (() => void)[] = [];

  constructor(process?: Life) {
    this.process = process;
  }

  get alive(): boolean {
    return this.#state !== 'ended' && this.process?.alive !== false;
  }

  get frozen(): boolean {
    return this.#state === 'frozen' || this.process?.frozen === true;
  }

  /** Added to the wall clock of its process, ms; its monotonic clock never jumps. */
  get skewMs(): number {
    return this.#skewMs + (this.process?.skewMs ?? 0);
  }

  /** Fetches are swallowed: records wait in the log, and nobody in here hears of any. */
  get fetchesStalled(): boolean {
    return this.#fetchesStalled || this.process?.fetchesStalled === true;
  }

  set fetchesStalled(stalled: boolean) {
    this.#fetchesStalled = stalled;
  }

  skewClock(byMs: number): void {
    this.#skewMs += byMs;
  }

  isOf(process: Life): boolean {
    return this === process || this.process === process;
  }

  /** Runs `action` inside the process: now, once it is thawed, or never. */
  run(action: () => void): void {
    if (this.#state === 'running') {
      if (this.process === undefined) action();
      else if (this.process.frozen) this.process.run(() => this.run(action));
      else if (this.process.alive) action();
    } else if (this.#state === 'frozen') this.#waiting.push(action);
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

/** One thread's view of the scheduler's time. */
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
          timer.cancel();
          signal?.removeEventListener('abort', done);
          resolve();
        };
        signal?.addEventListener('abort', done, { once: true });
        const timer = after(delayMs, done);
      }),
  };
}
