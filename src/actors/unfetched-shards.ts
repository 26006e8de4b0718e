// Reads the offsets of those shards of one thread that no fetch tells of: they recover, have
// failed, wait for slower sources, or their fetches go unanswered. Without this their lag would
// stand still while readings pile up.
import type { Shard } from './shard.ts';
import type { ShardContext } from './shard-context.ts';

const lookMs = 2_000;

type Context = Pick<ShardContext, 'clock' | 'log' | 'settings'>;

export class UnfetchedShards {
  readonly #context: Context;
  readonly #shards: () => readonly Shard[];
  #lookedMs = -Infinity;
  #looking = false;

  constructor(context: Context, shards: () => readonly Shard[]) {
    this.#context = context;
    this.#shards = shards;
  }

  /** Asks the log at most every 2 s, one question at a time, and only of shards without fetches. */
  async look(): Promise<void> {
    const { clock } = this.#context;
    if (this.#looking || clock.monotonicMs() - this.#lookedMs < lookMs) return;
    const shards = this.#shards().filter(({ isUnfetched }) => isUnfetched);
    if (shards.length === 0) return;
    this.#lookedMs = clock.monotonicMs();
    this.#looking = true;
    try {
      await this.#observe(shards);
    } finally {
      this.#looking = false;
    }
  }

  async #observe(shards: readonly Shard[]): Promise<void> {
    const { log, settings } = this.#context;
    const places = shards.map(({ partition }) => partition);
    const [extents, positions] = await Promise.all([
      log.offsetsAll(places),
      log.observedPositions(settings.groupId, places),
    ]);
    for (const [index, shard] of shards.entries()) {
      const extent = extents[index];
      const committed = positions[index]?.committed?.nextOffset;
      if (extent !== undefined) shard.observed({ ...extent, committed });
    }
  }
}
