// Virtual time for the simulation: everything that waits is an event in one queue, and the seed decides how long each
// wait takes and so what comes first. Nothing sleeps; a history of minutes runs in milliseconds.
import type { Timer } from '../../src/clock.ts';

interface Pending {
  readonly dueMs: number;
  readonly order: number;
  readonly run: () => void;
}

export interface Scheduler {
  /** Virtual wall clock, ms. */
  readonly nowMs: number;
  /** A number in [0, 1) of the seeded sequence. */
  random(): number;
  after(delayMs: number, run: () => void): Timer;
  /** Runs events until virtual time `untilMs`, or until `done` says so. */
  runUntil(untilMs: number, done?: () => boolean): Promise<boolean>;
}

/** Returns a scheduler at virtual time `startMs`. */
export function createScheduler(seed: number, startMs: number): Scheduler {
  const queue: Pending[] = [];
  let nowMs = startMs;
  let order = 0;
  let state = seed >>> 0 || 1;
  const random = (): number => {
    // mulberry32 (Tommy Ettinger): small, seeded, good enough to order events.
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const earlier = (a: Pending, b: Pending): boolean =>
    a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
  const takeNext = (): Pending | undefined => {
    let best = 0;
    for (let i = 1; i < queue.length; i += 1) {
      const candidate = queue[i];
      const current = queue[best];
      if (candidate !== undefined && current !== undefined && earlier(candidate, current)) best = i;
    }
    return queue.splice(best, 1)[0];
  };
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return {
    get nowMs() {
      return nowMs;
    },
    random,
    after(delayMs, run) {
      const pending = { dueMs: nowMs + Math.max(0, delayMs), order: (order += 1), run };
      queue.push(pending);
      return {
        cancel: () => {
          const index = queue.indexOf(pending);
          if (index >= 0) queue.splice(index, 1);
        },
      };
    },
    async runUntil(untilMs, done = () => false) {
      await settle();
      while (!done()) {
        const next = takeNext();
        if (next === undefined) return done();
        if (next.dueMs > untilMs) {
          queue.push(next);
          nowMs = untilMs;
          return done();
        }
        nowMs = Math.max(nowMs, next.dueMs);
        next.run();
        await settle();
      }
      return true;
    },
  };
}
