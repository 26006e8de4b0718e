// The idle rule: when a caught-up shard hears nothing for a while, event time is taken to flow as
// wall time does, so that quiet sensors' windows close when their time has passed: not early and
// not never. Pure; the shard journals the mark before it applies it, because this is the one
// decision that is no function of the input log.

export interface IdleView {
  /** Wall clock, ms, as it goes on where somebody sets it back. */
  readonly nowMs: number;
  /**
   * Since the later of going live and the last record, ms, by a clock that is never set: a wall
   * clock may step.
   */
  readonly quietMs: number;
  readonly idleTimeoutMs: number;
  readonly watermarkDelayMs: number;
  readonly maxEventTimeMs: number;
  readonly watermarkMs: number;
  /** End of the earliest open window, +Infinity where none is open. */
  readonly earliestWindowEndMs: number;
}

/** Returns the watermark (ms) an idle mark should set, or undefined where no window would close. */
export function idleMarkMs(view: IdleView): number | undefined {
  if (view.quietMs < view.idleTimeoutMs) return undefined;
  const flowedMs = view.maxEventTimeMs + view.quietMs;
  const candidateMs = Math.min(flowedMs, view.nowMs) - view.watermarkDelayMs;
  const closes = candidateMs >= view.earliestWindowEndMs && candidateMs > view.watermarkMs;
  return closes ? Math.floor(candidateMs) : undefined;
}
