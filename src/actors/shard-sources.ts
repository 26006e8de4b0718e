// A session's response to the sources' progress. A rekeyed shard closes its windows where the
// sources have passed them; a source that forwards waits while it is far ahead of the slowest one.
import type { TopicPartition } from '../records/record.ts';
import type { Forwarding } from './fold-context.ts';
import type { ShardContext } from './shard-context.ts';
import type { ShardMemory } from './shard-memory.ts';
import { SourceBrake } from './source-brake.ts';
import type { Barrier } from './source-watch.ts';

/** A source counts as forwarding this long after the last time. */
const forwardingMs = 60_000;

export interface ShardSourcesHost {
  /** The session folds live; neither replaying nor ended. */
  isLive(): boolean;
  /** Journals that the watermark moves on, and applies it. */
  moveWatermark(watermarkMs: number): void;
  setPaused(paused: boolean): void;
}

export class ShardSources {
  readonly #context: ShardContext;
  readonly #memory: ShardMemory;
  readonly #host: ShardSourcesHost;
  readonly #brake: SourceBrake;
  #barrier: Barrier | undefined;
  #forwardedMs = -Infinity;
  #paused = false;

  constructor(
    context: ShardContext,
    shard: TopicPartition,
    memory: ShardMemory,
    host: ShardSourcesHost,
  ) {
    this.#context = context;
    this.#memory = memory;
    this.#host = host;
    this.#brake = new SourceBrake(context, shard);
  }

  /** It waits for a slower source. */
  get paused(): boolean {
    return this.#paused;
  }

  /** It forwards, or has windows open, or sensors not silent, that the sources may close. */
  get needed(): boolean {
    if (!this.#host.isLive()) return false;
    const { role, state } = this.#memory;
    if (role === 'rekeyed') return state.openWindowCount > 0 || state.earliestEventMs < Infinity;
    return this.#paused || this.#forwards;
  }

  /** Returns whether the watermark closes a window of a rekeyed shard, or finds one silent. */
  closesAt(watermarkMs: number): boolean {
    const { role, state } = this.#memory;
    if (role !== 'rekeyed' || !this.#host.isLive()) return false;
    if (watermarkMs <= state.watermarkMs) return false;
    return watermarkMs >= Math.min(state.earliestWindowEndMs, state.earliestEventMs);
  }

  setBarrier(barrier: Barrier): void {
    this.#barrier = barrier;
    this.#passBarrier();
  }

  /** Notes what a fold saw. */
  folded(seen: { readonly records: number; readonly forwards: number }): void {
    const { clock, sources } = this.#context;
    if (seen.forwards > 0) this.#forwardedMs = clock.monotonicMs();
    const cameThrough = this.#memory.role === 'rekeyed' && seen.records > 0;
    if (seen.forwards > 0 || cameThrough) sources.active();
    this.#passBarrier();
  }

  tick(): void {
    const { role, sourceMaxMs } = this.#memory;
    const forwards = role === 'source' && (this.#paused || this.#forwards);
    const paused = forwards && this.#brake.look(sourceMaxMs);
    if (!paused && !this.#paused) return;
    this.#paused = paused;
    // Said again at every tick while it holds: a rejoin forgets what was paused.
    this.#host.setPaused(paused);
  }

  close(): void {
    this.#brake.close();
  }

  get #forwards(): boolean {
    return this.#context.clock.monotonicMs() - this.#forwardedMs <= forwardingMs;
  }

  /** Closes windows once all that the sources had forwarded by then is folded. */
  #passBarrier(): void {
    const barrier = this.#barrier;
    if (barrier === undefined || this.#memory.position < barrier.end) return;
    if (!this.#host.isLive()) return;
    this.#barrier = undefined;
    if (this.closesAt(barrier.watermarkMs)) this.#host.moveWatermark(barrier.watermarkMs);
  }
}

/** Returns where a session's forwards go, and what they say when they are made. */
export function forwardingOf({ rekeyedPartitions, sources }: ShardContext): Forwarding {
  return {
    partitions: rekeyedPartitions,
    get clock() {
      return sources.forwardClock;
    },
  };
}
