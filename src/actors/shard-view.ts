// How far a shard has come, as its status tells: of its session while it has one; in between, what
// was last known of it. A shard that lost its memory must not look as if it had nothing to do.
import type { ShardStatus } from './protocol.ts';
import { quarantineViews } from './quarantine-views.ts';
import type { Session } from './session.ts';
import { knownTimeMs } from './source-clocks.ts';

export type ShardProgress = Omit<
  ShardStatus,
  'topic' | 'partition' | 'phase' | 'fastClock' | 'error' | 'failedSinceMs' | 'unansweredMs'
>;

/** The state of a shard without a session, as read from the log. */
export interface ObservedShard {
  readonly earliest: number;
  readonly end: number;
  /** undefined where its group never committed. */
  readonly committed: number | undefined;
}

const quarantinesShownMax = 20;

export const nothingKnown: ShardProgress = {
  position: 0,
  highWatermark: 0,
  committedOffset: 0,
  watermarkMs: null,
  maxEventTimeMs: null,
  sensors: 0,
  sensorsForgotten: 0,
  openWindows: 0,
  readings: 0,
  featureRows: 0,
  anomalies: 0,
  deadLetters: 0,
  quarantined: 0,
  quarantines: [],
  lastCommitMs: null,
  lastSnapshotMs: null,
  knownAtMs: null,
};

/** Returns the progress of a session whose partition was last heard of at `knownAtMs`. */
export function progressOf(session: Session, knownAtMs: number): ShardProgress {
  const { committer, memory } = session;
  const { state } = memory;
  return {
    position: memory.position,
    highWatermark: Math.max(session.highWatermark, memory.position),
    committedOffset: committer.committedOffset,
    watermarkMs: knownTimeMs(state.watermarkMs),
    maxEventTimeMs: knownTimeMs(state.maxEventTimeMs),
    sensors: state.sensorCount,
    sensorsForgotten: committer.totals.sensorsForgotten,
    openWindows: state.openWindowCount,
    readings: committer.totals.readings,
    featureRows: committer.totals.featureRows,
    anomalies: committer.totals.anomalies,
    deadLetters: committer.totals.deadLetters,
    quarantined: memory.quarantines.size,
    quarantines: quarantineViews(memory, quarantinesShownMax),
    lastCommitMs: committer.lastCommitMs,
    lastSnapshotMs: committer.lastSnapshotMs,
    knownAtMs,
  };
}

/**
 * Returns what is left of the progress once the session's memory is dropped: folding goes on where
 * it committed.
 */
export function progressAfter(session: Session, knownAtMs: number): ShardProgress {
  const progress = progressOf(session, knownAtMs);
  return { ...progress, position: progress.committedOffset };
}

/** Returns `before` as the log has it at `knownAtMs`: its lag grows while nobody folds. */
export function progressObserved(
  before: ShardProgress,
  { earliest, end, committed }: ObservedShard,
  knownAtMs: number,
): ShardProgress {
  const position = committed ?? Math.max(before.position, earliest);
  return {
    ...before,
    position,
    committedOffset: committed ?? before.committedOffset,
    highWatermark: Math.max(end, position),
    knownAtMs,
  };
}
