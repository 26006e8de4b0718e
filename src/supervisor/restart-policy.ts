// Decides whether and when a failed thread is restarted: exponential backoff, at most `restartsMax`
// restarts in any period of `periodMs`. Pure; the caller passes the time.
import { backoffMs, type Backoff } from '../backoff.ts';

export interface RestartSettings {
  readonly restartsMax: number;
  readonly periodMs: number;
  readonly backoff: Backoff;
}

/** Monotonic times of the restarts in the last period, oldest first; at most `restartsMax`. */
export type RestartHistory = readonly number[];

export type RestartDecision =
  | { readonly type: 'restart'; readonly delayMs: number; readonly history: RestartHistory }
  | { readonly type: 'escalate'; readonly failures: number };

export const restartDefaults: RestartSettings = {
  restartsMax: 5,
  periodMs: 60_000,
  backoff: { firstMs: 200, maxMs: 10_000 },
};

/**
 * Returns the decision after a failure at `nowMs` (monotonic, not before the last of `history`): a
 * restart, with a delay that doubles per restart in the period, or an escalation after
 * `restartsMax`.
 */
export function decideRestart(
  history: RestartHistory,
  nowMs: number,
  settings: RestartSettings,
): RestartDecision {
  const recent = history.filter((timeMs) => timeMs > nowMs - settings.periodMs);
  if (recent.length >= settings.restartsMax) {
    return { type: 'escalate', failures: recent.length + 1 };
  }
  return {
    type: 'restart',
    delayMs: backoffMs(recent.length, settings.backoff),
    history: [...recent, nowMs],
  };
}
