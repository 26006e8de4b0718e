// Which sources hold the windows of forwarded readings open, and how far the slowest of them has
// come. Pure: it judges what the group has committed for the partitions of the input, one
// observation after another.
//
// A source counts until it can hold the others up for ever:
//
//   idle       it says so: it is caught up and nothing came for IDLE_TIMEOUT_MS
//   standing   its event time gained nothing for as long, though it has folded all that lay in its
//              partition by then: records without a readable event time, or a clock so far behind
//              that no backlog explains it
//   silent     nothing of it changed for minutes: nobody owns it, or its shard has failed
//
// One that has not been heard yet may still speak of the past: until it counts or is left out, the
// least event time is unknown.

/** The committed progress of a source. */
export interface CommittedSource {
  readonly nextOffset: number;
  /** Greatest event time of its readings, ms; null before the first. */
  readonly clockMs: number | null;
  readonly idle: boolean;
}

/** The watch's record of one source; changed by `observeSource` and `judgeSources`. */
export interface SourceTrack {
  committed: CommittedSource | undefined;
  /** Monotonic, when something of `committed` last changed. */
  changedMs: number;
  /** Since when its event time gained nothing, and what it was then. */
  standing: { readonly sinceMs: number; readonly clockMs: number | null };
  /** The end of its partition, asked for while it stood. */
  endThen: number | undefined;
}

export interface SourcesView {
  /** Least event time of the sources that count, ms; undefined while unknown or all left out. */
  readonly leastMs: number | undefined;
  /** The partition that `leastMs` is of, or that is not heard yet. */
  readonly slowest: number | undefined;
  /** Every source was left out. */
  readonly allIdle: boolean;
}

export interface SourceLimits {
  readonly idleTimeoutMs: number;
  /** A source further behind is not waited for unless it gains. */
  readonly behindMs: number;
  /** After this long without any change a source is left out. */
  readonly silentMs: number;
}

export interface LookedAt {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export const nothingKnownOfSources: SourcesView = {
  leastMs: undefined,
  slowest: undefined,
  allIdle: false,
};

/** A backlog is folded many times faster than it came about; a clock that is wrong is not. */
const gainFactor = 2;

/** Returns the track of a source that is seen for the first time. */
export function newTrack(committed: CommittedSource | undefined, nowMs: number): SourceTrack {
  const standing = { sinceMs: nowMs, clockMs: committed?.clockMs ?? null };
  return { committed, changedMs: nowMs, standing, endThen: undefined };
}

/** Notes what is committed for a source at `nowMs`, monotonic. */
export function observeSource(
  track: SourceTrack,
  committed: CommittedSource | undefined,
  nowMs: number,
): void {
  const before = track.committed;
  track.committed = committed;
  const changed =
    before?.nextOffset !== committed?.nextOffset ||
    before?.clockMs !== committed?.clockMs ||
    before?.idle !== committed?.idle;
  if (changed) track.changedMs = nowMs;
  const clockMs = committed?.clockMs ?? null;
  const { standing } = track;
  if (clockMs === null || clockMs === standing.clockMs) return;
  const gainedMs = standing.clockMs === null ? Infinity : clockMs - standing.clockMs;
  if (gainedMs > gainFactor * (nowMs - standing.sinceMs)) stands(track, nowMs);
}

/**
 * Returns the sources that are left out once it is known that they have folded all of their
 * partition: their ends are to be asked for, and kept in `endThen`.
 */
export function suspectSources(
  tracks: readonly SourceTrack[],
  limits: SourceLimits,
  { monotonicMs, wallMs }: LookedAt,
): readonly number[] {
  // A clock ahead of the present says nothing of how far behind the others are.
  const newestMs = Math.min(wallMs, Math.max(-Infinity, ...tracks.map(clockOf)));
  return tracks.flatMap((track, partition) => {
    const { committed, standing } = track;
    if (committed === undefined || committed.idle) return [];
    const moved = committed.clockMs !== standing.clockMs;
    const behind = newestMs - clockOf(track) > limits.behindMs;
    if (moved && !behind) stands(track, monotonicMs);
    const stood = monotonicMs - track.standing.sinceMs >= limits.idleTimeoutMs;
    return stood && track.endThen === undefined ? [partition] : [];
  });
}

/** Returns how far the sources have come together. */
export function judgeSources(
  tracks: readonly SourceTrack[],
  limits: SourceLimits,
  nowMs: number,
): SourcesView {
  let least: { readonly clockMs: number; readonly partition: number } | undefined;
  for (const [partition, track] of tracks.entries()) {
    const { committed, changedMs, endThen = Infinity } = track;
    const leftOut =
      committed?.idle === true ||
      (committed !== undefined && committed.nextOffset >= endThen) ||
      nowMs - changedMs >= limits.silentMs;
    if (leftOut) continue;
    const clockMs = committed?.clockMs ?? null;
    if (clockMs === null) return { leastMs: undefined, slowest: partition, allIdle: false };
    if (least === undefined || clockMs < least.clockMs) least = { clockMs, partition };
  }
  if (least === undefined) return { leastMs: undefined, slowest: undefined, allIdle: true };
  return { leastMs: least.clockMs, slowest: least.partition, allIdle: false };
}

function clockOf({ committed }: SourceTrack): number {
  return committed?.clockMs ?? -Infinity;
}

function stands(track: SourceTrack, nowMs: number): void {
  track.standing = { sinceMs: nowMs, clockMs: track.committed?.clockMs ?? null };
  track.endThen = undefined;
}
