// When a failed thread is started again, and when it is not: exponential backoff with bounded intensity. Pure; the
// caller brings the time. At most `restartsMax` restarts are granted in any period of `periodMs`.

export interface RestartSettings {
  readonly restartsMax: number;
  readonly periodMs: number;
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
}

/** Monotonic times of the restarts granted within the last period, oldest first; never longer than `restartsMax`. */
export type RestartHistory = readonly number[];

export type RestartDecision =
  | { readonly type: 'restart'; readonly delayMs: number; readonly history: RestartHistory }
  | { readonly type: 'escalate'; readonly failures: number };

export const restartDefaults: RestartSettings = {
  restartsMax: 5,
  periodMs: 60_000,
  backoffMinMs: 200,
  backoffMaxMs: 10_000,
};

/**
 * Returns what follows a failure at `nowMs` (monotonic, never before the last of `history`): a restart after a delay
 * that doubles with every restart still inside the period, or an escalation once `restartsMax` are inside it.
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
    delayMs: restartDelayMs(recent.length, settings),
    history: [...recent, nowMs],
  };
}

/** Returns the delay after `failures` earlier ones: backoffMinMs · 2^failures, at most backoffMaxMs. */
export function restartDelayMs(failures: number, settings: RestartSettings): number {
  return Math.min(settings.backoffMaxMs, settings.backoffMinMs * 2 ** Math.min(failures, 30));
}
