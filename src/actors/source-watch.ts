// Watches how far the sources have come, for all shards of one thread, by reading what the group
// has committed for the partitions of the input. Forwards carry the answer, rekeyed shards close
// their windows by it, and sources far ahead wait by it.
//
// It asks only while something here depends on the answer: a source that forwards, or a rekeyed
// shard with windows open. The longer nothing was forwarded, the rarer it asks. One question is
// under way at a time, and the members of the group share a bound on what they ask for together.
//
//   committed clocks ──▶ least event time M ──▶ ends of the rekeyed partitions with a window due
//
// The ends are asked for after M was read: a source commits its clock with the forwards that came
// before it, so a rekeyed shard that has folded up to such an end has folded all that M waited for.
import { neverSetBack } from '../clock.ts';
import type { CommittedPosition } from '../log/event-log.ts';
import type { TopicPartition } from '../records/record.ts';
import { partitionKey } from '../records/partition-key.ts';
import { partitionsOf } from '../records/partitioning.ts';
import { decodePositionMetadata } from './position-metadata.ts';
import type { ShardContext, ShardSettings } from './shard-context.ts';
import { encodeForwardClock } from './source-clocks.ts';
import {
  judgeSources,
  newTrack,
  nothingKnownOfSources,
  observeSource,
  suspectSources,
  type CommittedSource,
  type SourceLimits,
  type SourcesView,
  type SourceTrack,
} from './source-progress.ts';

/** A shard of the thread, as the watch sees it. */
export interface WatchedShard {
  readonly partition: TopicPartition;
  /** undefined while it does not fold. */
  readonly sources: SourcesUser | undefined;
}

export interface SourcesUser {
  /** It forwards, or has windows open that the sources may close. */
  readonly needed: boolean;
  /** Whether the watermark would close a window of forwarded readings here. */
  closesAt(watermarkMs: number): boolean;
  /** The watermark may move to `watermarkMs` once everything below `end` is folded. */
  setBarrier(barrier: Barrier): void;
}

export interface Barrier {
  readonly watermarkMs: number;
  readonly end: number;
}

type Context = Pick<
  ShardContext,
  'clock' | 'log' | 'logger' | 'semantics' | 'sourcePartitions' | 'topics'
> & { readonly settings: Pick<ShardSettings, 'groupId' | 'idleTimeoutMs' | 'openWindowsMax'> };

/** Positions a second that all members of a group ask their coordinator for, together. */
const positionsPerSecondMax = 20_000;
const askMsMin = 250;
const askMsMax = 60_000;
/** After a silence, the next question comes once that much of the silence has passed again. */
const silenceShare = 1 / 16;
const countMs = 30_000;
/**
 * Partitions past the last known one that are asked for, too: a source commits before it forwards
 * anything, so one that was added is seen before it matters.
 */
const addedLookedFor = 4;
/** How long a view shows that all sources are idle. */
const freshMs = 10_000;
/** How long a source that shows nothing new is waited for. */
export const silentSourceMs = 600_000;

export class SourceWatch {
  readonly #context: Context;
  readonly #limits: SourceLimits;
  readonly #wallMs: () => number;
  readonly #tracks: SourceTrack[] = [];
  #view: SourcesView = nothingKnownOfSources;
  #viewMs = -Infinity;
  #forwardClock: string = encodeForwardClock(undefined);
  #count: number;
  #countedMs = -Infinity;
  #neededSinceMs: number | undefined;
  #activeMs = -Infinity;
  #askedMs = -Infinity;
  #asking = false;

  constructor(context: Context) {
    const { clock, semantics, settings, sourcePartitions } = context;
    this.#context = context;
    this.#count = sourcePartitions;
    this.#limits = {
      idleTimeoutMs: settings.idleTimeoutMs,
      behindMs: behindMs(settings, semantics),
      silentMs: silentSourceMs,
    };
    this.#wallMs = neverSetBack(clock);
  }

  get view(): SourcesView {
    return this.#view;
  }

  /** Whether every source was idle when last looked at, not long ago. */
  get allIdle(): boolean {
    return this.#view.allIdle && this.#context.clock.monotonicMs() - this.#viewMs <= freshMs;
  }

  /** Text of the header `rekey.source` for a forward that is made now. */
  get forwardClock(): string {
    return this.#forwardClock;
  }

  /** A reading was forwarded, or came through the rekeyed topic. */
  active(): void {
    this.#activeMs = this.#context.clock.monotonicMs();
  }

  /** Asks where an answer is needed and due; `shards` are all of the thread. */
  tick(shards: readonly WatchedShard[]): void {
    const nowMs = this.#context.clock.monotonicMs();
    if (!shards.some(({ sources }) => sources?.needed)) {
      this.#neededSinceMs = undefined;
      return;
    }
    this.#neededSinceMs ??= nowMs;
    for (const { partition } of shards) this.#meet(partition);
    if (this.#asking || nowMs - this.#askedMs < this.#intervalMs(shards.length, nowMs)) return;
    this.#asking = true;
    this.#askedMs = nowMs;
    this.#ask(shards)
      .catch((error: unknown) => {
        const reason = String(error);
        this.#context.logger.debug({ reason }, 'look at the source clocks postponed');
      })
      .finally(() => (this.#asking = false));
  }

  /** A thread's part of what the group may ask is its part of the partitions. */
  #intervalMs(held: number, nowMs: number): number {
    const share = held / (2 * Math.max(this.#count, held / 2));
    const boundMs = (this.#count * 1_000) / (positionsPerSecondMax * share);
    const quietMs = nowMs - Math.max(this.#activeMs, this.#neededSinceMs ?? nowMs);
    return Math.max(boundMs, Math.min(askMsMax, Math.max(askMsMin, quietMs * silenceShare)));
  }

  /** Partitions may be added while the program runs: whoever is assigned one knows first. */
  #meet({ topic, partition }: TopicPartition): void {
    if (topic === this.#context.topics.input) this.#count = Math.max(this.#count, partition + 1);
  }

  async #ask(shards: readonly WatchedShard[]): Promise<void> {
    const { clock, log, semantics, settings, topics } = this.#context;
    await this.#recount();
    const sources = partitionsOf(topics.input, this.#count + addedLookedFor);
    // Not held up by transactions under way: what was committed before them is less, and true.
    const observed = await log.observedPositions(settings.groupId, sources);
    const readMs = clock.monotonicMs();
    const last = observed.findLastIndex(({ committed }) => committed !== undefined);
    if (last >= this.#count) {
      // This answer may lack others that were added with it.
      this.#count = last + 1;
      this.#countedMs = -Infinity;
      return this.#ask(shards);
    }
    for (const [partition, source] of sources.slice(0, this.#count).entries()) {
      this.#observe(partition, committedSource(observed[partition]?.committed, source), readMs);
    }
    const moment = { monotonicMs: readMs, wallMs: this.#wallMs() };
    const suspects = suspectSources(this.#tracks, this.#limits, moment);
    const ends = await this.#endsOf(
      suspects.map((partition) => ({ topic: topics.input, partition })),
    );
    for (const [index, partition] of suspects.entries()) {
      const track = this.#tracks[partition];
      if (track !== undefined) track.endThen = ends[index];
    }
    this.#view = judgeSources(this.#tracks, this.#limits, readMs);
    this.#viewMs = readMs;
    this.#forwardClock = encodeForwardClock(this.#view.leastMs);
    const { leastMs } = this.#view;
    if (leastMs === undefined) return;
    const watermarkMs = Math.floor(leastMs - semantics.watermarkDelayMs);
    const closing = shards.filter(({ sources }) => sources?.closesAt(watermarkMs));
    const rekeyedEnds = await this.#endsOf(closing.map(({ partition }) => partition));
    for (const [index, shard] of closing.entries()) {
      const end = rekeyedEnds[index];
      if (end !== undefined) shard.sources?.setBarrier({ watermarkMs, end });
    }
  }

  #observe(partition: number, committed: CommittedSource | undefined, nowMs: number): void {
    const track = this.#tracks[partition];
    if (track === undefined) this.#tracks[partition] = newTrack(committed, nowMs);
    else observeSource(track, committed, nowMs);
  }

  async #recount(): Promise<void> {
    const { clock, log, topics } = this.#context;
    if (clock.monotonicMs() - this.#countedMs < countMs) return;
    this.#countedMs = clock.monotonicMs();
    const described = await log.describeTopic(topics.input);
    this.#count = Math.max(this.#count, described?.partitions ?? 0);
  }

  async #endsOf(places: readonly TopicPartition[]): Promise<readonly number[]> {
    if (places.length === 0) return [];
    return (await this.#context.log.offsetsAll(places)).map(({ end }) => end);
  }
}

/** Returns how far a source may run ahead of the slowest one, and be behind the newest, ms. */
export function behindMs(
  { openWindowsMax }: Pick<Context['settings'], 'openWindowsMax'>,
  { windowMs }: Pick<Context['semantics'], 'windowMs'>,
): number {
  return openWindowsMax * windowMs;
}

function committedSource(
  position: CommittedPosition | undefined,
  source: TopicPartition,
): CommittedSource | undefined {
  if (position === undefined) return undefined;
  const { sourceMaxMs, sourceIdle } = decodePositionMetadata(
    position.metadata,
    partitionKey(source),
  );
  return { nextOffset: position.nextOffset, clockMs: sourceMaxMs, idle: sourceIdle };
}
