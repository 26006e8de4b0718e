// Retries of what may be repeated: with backoff, up to a deadline, stopped by a signal. The caller
// says what a failure of each kind means; by default only what was certainly not carried out, or is
// harmless when carried out twice.
import { systemClock } from '../../clock.ts';
import { UnavailableError, type ErrorDetails } from '../../errors.ts';
import { failureKind, translated, type FailureKind } from './failures.ts';

export interface RetryOptions {
  /** Name of the action, for error messages. */
  readonly what: string;
  readonly details: ErrorDetails;
  /** Failures worth another attempt. */
  readonly kinds: ReadonlySet<FailureKind>;
  readonly deadlineMs: number;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Called before another attempt: drops what has proved stale. */
  readonly onFailure?: (error: unknown) => Promise<void>;
}

/** For requests that change nothing, or the same way when repeated. */
export const harmless: ReadonlySet<FailureKind> = new Set([
  'leader',
  'coordinator',
  'busy',
  'unsent',
  'indefinite',
]);

/** For requests that must not be carried out twice: only what certainly was not. */
export const definite: ReadonlySet<FailureKind> = new Set([
  'leader',
  'coordinator',
  'busy',
  'unsent',
]);

/** Patient enough for a broker's restart. */
export const patience = { deadlineMs: 60_000, firstDelayMs: 20, maxDelayMs: 1_000 };

/**
 * Returns what `attempt` resolves to, tried again while it fails in a way of `kinds`.
 * @throws the translated error of the last attempt; UnavailableError when `signal` aborts.
 */
export async function retrying<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { what, details, signal } = options;
  const startedMs = systemClock.monotonicMs();
  for (
    let delayMs = options.firstDelayMs;
    ;
    delayMs = Math.min(delayMs * 1.5, options.maxDelayMs)
  ) {
    if (signal?.aborted === true) throw new UnavailableError(`${what} was given up`, details);
    try {
      return await attempt();
    } catch (error) {
      const kind = failureKind(error);
      const spentMs = systemClock.monotonicMs() - startedMs;
      if (!options.kinds.has(kind) || spentMs + delayMs > options.deadlineMs) {
        throw translated(what, error, details);
      }
      await options.onFailure?.(error);
    }
    await systemClock.sleep(delayMs, signal);
  }
}
