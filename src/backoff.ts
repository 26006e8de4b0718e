// How long anything waits before it tries again: a first wait that doubles up to a maximum.

export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

const defaults: Backoff = { firstMs: 100, maxMs: 5_000 };

/** Returns the wait in ms before retry number `retry`, counted from 0. */
export function backoffMs(retry: number, { firstMs, maxMs }: Backoff = defaults): number {
  return Math.min(firstMs * 2 ** Math.min(retry, 30), maxMs);
}

/**
 * Returns a wait between half of `waitMs` and all of it, so that clients that failed together do
 * not return together. `random` is from 0 to 1.
 */
export function jitteredMs(waitMs: number, random: number = Math.random()): number {
  return waitMs * (0.5 + random / 2);
}
