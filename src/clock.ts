// Wall-clock time as a port: it may decide when we commit or snapshot, never what is computed.

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
  /** Monotonic milliseconds, for durations. */
  monotonicMs(): number;
  /** Calls `callback` once after `delayMs`; the timer does not keep the process alive by itself. */
  after(delayMs: number, callback: () => void): Timer;
  /** Resolves after `delayMs`, or at once when `signal` aborts. Never rejects. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
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
