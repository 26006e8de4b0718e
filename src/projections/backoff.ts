// How long a projection waits before it tries again: 100 ms, doubling, at most 5 s.

const firstMs = 100;
const maxMs = 5_000;

/** Returns the wait in ms before attempt `attempt` (0 = the first retry). */
export function backoffMs(attempt: number): number {
  return Math.min(firstMs * 2 ** Math.min(attempt, 16), maxMs);
}
