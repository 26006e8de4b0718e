// Virtual time for the simulation: everything that waits is an event in one queue, and the seed decides how long each
// wait takes and so what comes first. Nothing sleeps; a history of minutes runs in milliseconds.
import type { Timer } from '../../src/clock.ts';

interface Pending {
  readonly dueMs: number;
  readonly order: number;
  run: () => void;
}

const cancelled = (): void => undefined;

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
  const queue = createQueue();
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
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return {
    get nowMs() {
      return nowMs;
    },
    random,
    after(delayMs, run) {
      const pending = { dueMs: nowMs + Math.max(0, delayMs), order: (order += 1), run };
      queue.push(pending);
      return { cancel: () => (pending.run = cancelled) };
    },
    async runUntil(untilMs, done = () => false) {
      await settle();
      while (!done()) {
        const next = queue.first();
        if (next === undefined) return done();
        if (next.dueMs > untilMs) {
          nowMs = untilMs;
          return done();
        }
        queue.shift();
        if (next.run === cancelled) continue;
        nowMs = Math.max(nowMs, next.dueMs);
        next.run();
        await settle();
      }
      return true;
    },
  };
}

/** A binary heap: the earliest first, and of equals the one pushed first. */
function createQueue(): {
  push(pending: Pending): void;
  first(): Pending | undefined;
  shift(): void;
} {
  const heap: Pending[] = [];
  const isEarlier = (a: number, b: number): boolean => {
    const [one, other] = [heap[a], heap[b]];
    if (one === undefined || other === undefined) return one !== undefined;
    return one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.order < other.order);
  };
  const swap = (a: number, b: number): void => {
    const [one, other] = [heap[a], heap[b]];
    if (one === undefined || other === undefined) return;
    heap[a] = other;
    heap[b] = one;
  };
  return {
    push(pending) {
      let at = heap.push(pending) - 1;
      for (let parent = (at - 1) >> 1; at > 0 && isEarlier(at, parent); parent = (at - 1) >> 1) {
        swap(at, parent);
        at = parent;
      }
    },
    first: () => heap[0],
    shift() {
      swap(0, heap.length - 1);
      heap.pop();
      for (let at = 0; ;) {
        const left = 2 * at + 1;
        const child = isEarlier(left + 1, left) ? left + 1 : left;
        if (child >= heap.length || !isEarlier(child, at)) return;
        swap(at, child);
        at = child;
      }
    },
  };
}
