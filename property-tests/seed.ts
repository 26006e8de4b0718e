// The one place the seed of all property tests is set: SEED from the environment, else random.
// Every title carries it, so that a failure is replayed by `SEED=<seed>` at the same commit.
import type { Parameters } from 'fast-check';

/** A 31-bit integer; the same for all laws of one process. */
export const seed: number = seedFrom(process.env['SEED']);

/** Returns `law` with the seed behind it, as a test's title. */
export function titled(law: string): string {
  return `${law} [SEED=${seed}]`;
}

/**
 * Returns fast-check parameters for `numRuns` runs from the seed; RUNS_FACTOR multiplies the runs
 * (soak tests).
 */
export function runs<T>(numRuns: number): Parameters<T> {
  return { seed, numRuns: Math.ceil(numRuns * Number(process.env['RUNS_FACTOR'] ?? 1)) };
}

function seedFrom(text: string | undefined): number {
  if (text === undefined || text === '') return Math.floor(Math.random() * 0x7fffffff);
  const given = Number(text);
  if (!Number.isSafeInteger(given)) throw new Error(`SEED: expected an integer, got ${text}`);
  return given;
}
