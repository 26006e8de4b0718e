// The one place the seed of all property tests is set: SEED from the environment, else random.
// Every title carries it, so that a failure is replayed by `SEED=<seed>` at the same commit.
import { setImmediate } from 'node:timers/promises';
import fc, { type IProperty, type IRawProperty, type Parameters } from 'fast-check';

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

/** A test that holds its thread longer than this delays the runner's own messages, which time out. */
const turnMs = 250;

/**
 * Checks a synchronous property as `fc.assert` does, and yields the thread between runs.
 * @throws the error of `fc.assert`, with the seed and path of the smallest counterexample.
 */
export async function holds<T>(property: IProperty<T>, parameters: Parameters<T>): Promise<void> {
  let turnEndsMs = performance.now() + turnMs;
  const yielding: IRawProperty<T, true> = {
    isAsync: () => true,
    generate: (random, runId) => property.generate(random, runId),
    shrink: (value) => property.shrink(value),
    runBeforeEach: async () => {
      if (performance.now() >= turnEndsMs) {
        await setImmediate();
        turnEndsMs = performance.now() + turnMs;
      }
      property.runBeforeEach();
    },
    runAfterEach: () => Promise.resolve(property.runAfterEach()),
    run: (value) => Promise.resolve(property.run(value)),
  };
  await fc.assert(yielding, parameters);
}

function seedFrom(text: string | undefined): number {
  if (text === undefined || text === '') return Math.floor(Math.random() * 0x7fffffff);
  const given = Number(text);
  if (!Number.isSafeInteger(given)) throw new Error(`SEED: expected an integer, got ${text}`);
  return given;
}
