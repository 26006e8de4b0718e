// Wall-clock time as a port: it may decide when we commit or snapshot, never what is computed.

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
  /** Milliseconds for durations: never set back, and the same in all threads of a machine. */
  monotonicMs(): number;
  /** Calls `callback` once after `delayMs`; the timer does not keep the process alive by itself. */
  after(delayMs: number, callback: () => void): Timer;
  /** Resolves after `delayMs`, or at once when `signal` aborts. Never rejects. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

// performance.now() counts from the start of its thread; adding its offset from the system's clock,
// which all threads share, makes it comparable.
const [originSeconds, originNanoseconds] = process.hrtime();
const originMs = originSeconds * 1_000 + originNanoseconds / 1e6 - performance.now();

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => originMs + performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
  sleep(delayMs, signal) {
    return new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, delayMs);
      signal?.addEventListener('abort', done, { once: true });
    });
  },
};

/**
 * Returns a wall clock that ignores being set back: never less than now plus the elapsed time.
 * Otherwise a clock set back would delay everything that waits for a time of day.
 */
export function neverSetBack(clock: Clock): () => number {
  const aheadMs = clock.nowMs() - clock.monotonicMs();
  return () => Math.max(clock.nowMs(), aheadMs + clock.monotonicMs());
}

/** Calls `callback` every `intervalMs` until the function it returns is called. */
export function repeatedly(clock: Clock, intervalMs: number, callback: () => void): () => void {
  let timer: Timer;
  const next = (): void => {
    timer = clock.after(intervalMs, () => {
      next();
      callback();
    });
  };
  next();
  return () => timer.cancel();
}
