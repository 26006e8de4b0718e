// When a snapshot is due: a pure function of its age and of the input folded since. By age alone,
// the snapshots of ten million sensors would be written faster than their input is read.
//
//   age     0 ────────── interval ─────────────────────────── 20 × interval
//           never        once enough input was folded         always

export interface SinceSnapshot {
  /** Time since the last snapshot was cut, ms; Infinity if there is none. */
  readonly ageMs: number;
  /** Bytes of input folded since, as the log holds them. */
  readonly inputBytes: number;
  /** Size of the last snapshot; 0 if there is none. */
  readonly snapshotBytes: number;
}

/** Input folded per byte of the last snapshot: at most half as much is written as was read. */
const inputPerSnapshotByte = 2;
/** A snapshot of at most this size is due by age alone: some thousand sensors, 9 kB/s at 30 s. */
const smallSnapshotBytes = 256 * 1024;
/** Bounds the replay in time where little comes: a slow input is folded fast. */
const intervalsMax = 20;

/** Returns the time until a snapshot is due, ms; 0 or less once it is. */
export function untilSnapshotDueMs(since: SinceSnapshot, intervalMs: number): number {
  const { ageMs, inputBytes, snapshotBytes } = since;
  const isWorthIt =
    snapshotBytes <= smallSnapshotBytes || inputBytes >= inputPerSnapshotByte * snapshotBytes;
  return (isWorthIt ? intervalMs : intervalsMax * intervalMs) - ageMs;
}
