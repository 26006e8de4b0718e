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
