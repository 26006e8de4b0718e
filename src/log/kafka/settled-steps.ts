// Requests of one transaction that are on their way side by side. Nothing may follow a failure
// before the others have ended: an abort could overtake what is still on its way.
import { ConfigError, FencedError } from '../../errors.ts';
import { failureKind } from './failures.ts';

/** Resolves with why steps failed, once all have ended. */
export async function failuresOf(steps: readonly Promise<unknown>[]): Promise<readonly unknown[]> {
  const settled = await Promise.allSettled(steps);
  return settled.flatMap((step): unknown[] => (step.status === 'rejected' ? [step.reason] : []));
}

/**
 * Resolves once all steps have.
 * @throws once all have ended: a failure of unknown outcome where there is one, else a refusal.
 */
export async function allOf(steps: readonly Promise<unknown>[]): Promise<void> {
  const failures = await failuresOf(steps);
  if (failures.length > 0) throw failures.find((failure) => !isRefusal(failure)) ?? failures[0];
}

/** Returns whether a request was certainly not carried out, and never will be by this writer. */
export function isRefusal(failure: unknown): boolean {
  if (failure instanceof FencedError || failure instanceof ConfigError) return true;
  return failure instanceof Error && failureKind(failure.cause) === 'membership';
}
