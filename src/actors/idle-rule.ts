// The idle rule: when a caught-up shard hears nothing for a while, event time is taken to flow as
// wall time does, so that quiet sensors' windows close, and their silence is told, when the time
// has come: not early and not never. Pure; the shard journals the mark before it applies it,
// because this is the one decision that is no function of the input log.

export interface IdleView {
  /** Wall clock, ms, as it goes on where somebody sets it back. */
  readonly nowMs: number;
  /**
   * Since the later of going live and the last record, ms, by a clock that is never set: a wall
   * clock may step. Of forwarded readings only those count that move event time on.
   */
  readonly quietMs: number;
  readonly idleTimeoutMs: number;
  readonly watermarkDelayMs: number;
  readonly maxEventTimeMs: number;
  readonly watermarkMs: number;
  /** Where the first open window closes or a sensor falls silent, +Infinity where none will. */
  readonly earliestDueMs: number;
}

/** Returns the watermark (ms) an idle mark should set, or undefined where nothing is due by it. */
export function idleMarkMs(view: IdleView): number | undefined {
  if (view.quietMs < view.idleTimeoutMs) return undefined;
  const flowedMs = view.maxEventTimeMs + view.quietMs;
  const candidateMs = Math.min(flowedMs, view.nowMs) - view.watermarkDelayMs;
  const isDue = candidateMs >= view.earliestDueMs && candidateMs > view.watermarkMs;
  return isDue ? Math.floor(candidateMs) : undefined;
}
