// An accumulator: a few columns of a pane that one pass over the pane's readings keeps up to date.
// Features name the accumulators they need; which columns a pane has follows from that.

/** A reading after the baseline judged it; one reused object, valid only during the call. */
export interface ScoredReading {
  /** Finite, never −0. */
  value: number;
  timestampMs: number;
  offset: number;
  /** 1 or 0. */
  anomaly: number;
  /** 1 or 0. */
  alarm: number;
  /** The alarm score. */
  score: number;
}

export interface Accumulator {
  /** Unique among all accumulators: the semantics fingerprint is made of it. */
  readonly name: string;
  /** Names of its doubles, in order. Changing them changes the format of the state. */
  readonly columns: readonly string[];
  /** Empties the accumulator that begins at index `at`. */
  open(columns: Float64Array, at: number): void;
  /** Folds one reading; readings come in log order. */
  update(columns: Float64Array, at: number, reading: ScoredReading): void;
  /**
   * Merges the accumulator at `from` into the one at `into`, as if `from`'s readings had been
   * folded there after `into`'s own.
   */
  merge(columns: Float64Array, into: number, from: number): void;
}

/** Returns an empty slot for a judged reading. */
export function emptyScoredReading(): ScoredReading {
  return { value: 0, timestampMs: 0, offset: 0, anomaly: 0, alarm: 0, score: 0 };
}
