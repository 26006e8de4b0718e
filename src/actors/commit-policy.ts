// When to commit: a pure function of what is pending and how far behind the shard is. Wall clock
// decides only when, never what. A commit costs the broker and us several milliseconds, so far
// behind it happens once a second: latency means nothing there; caught up, a closed window goes out
// at once.

export interface PendingWork {
  /** Closed windows not yet committed. */
  readonly featureRows: number;
  /** Dead letters, forwards and journal entries not yet committed. */
  readonly otherRecords: number;
  /** True if the position or its metadata changed since the last commit. */
  readonly positionMoved: boolean;
  /** Time until a snapshot is due, ms; +Infinity if none is. */
  readonly untilSnapshotMs: number;
}

export interface CommitTiming {
  readonly lagRecords: number;
  readonly sinceLastCommitMs: number;
  /** Longest wait of a closed window, COMMIT_INTERVAL_MS. */
  readonly commitIntervalMs: number;
  /**
   * Event time until the next window closes, +Infinity where none is open. Live, it flows as wall
   * time does.
   */
  readonly untilCloseMs: number;
}

/** Offsets alone, and everything while far behind, are committed this often. */
export const offsetIntervalMs = 1_000;
/**
 * A window that closes while offsets alone are being committed waits for that, and then for the
 * markers of that transaction: 20–40 ms. So they let one go first that closes within this time.
 */
export const closesSoonMs = 250;
/** More records than this behind the end is "far behind": about a tenth of a second of folding. */
export const farBehindRecords = 50_000;

/**
 * Returns whether to start the transaction ahead of a window that closes soon; never far behind.
 */
export function closesSoon({ untilCloseMs, lagRecords }: CommitTiming): boolean {
  return untilCloseMs < closesSoonMs && lagRecords <= farBehindRecords;
}

/** Returns the ms until a commit is due (0 = now); undefined if there is nothing to commit. */
export function commitDelayMs(pending: PendingWork, timing: CommitTiming): number | undefined {
  const { featureRows, otherRecords, positionMoved } = pending;
  if (featureRows === 0 && otherRecords === 0 && !positionMoved) {
    // Snapshots are cut with commits; without this one, what came last before a silence would be
    // replayed at each start.
    return pending.untilSnapshotMs === Infinity ? undefined : Math.max(0, pending.untilSnapshotMs);
  }
  const within = (intervalMs: number): number => Math.max(0, intervalMs - timing.sinceLastCommitMs);
  if (featureRows === 0 && otherRecords === 0) {
    const soon = timing.untilCloseMs < closesSoonMs;
    return within(soon ? offsetIntervalMs + closesSoonMs : offsetIntervalMs);
  }
  if (timing.lagRecords > farBehindRecords) return within(offsetIntervalMs);
  if (featureRows > 0 && timing.lagRecords === 0) return 0;
  return within(timing.commitIntervalMs);
}
