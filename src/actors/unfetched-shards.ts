// Reads the offsets of those shards of one thread that no fetch tells of: they recover, have
// failed, wait for slower sources, or their fetches go unanswered. Without this their lag would
// stand still while readings pile up.
import type { Shard } from './shard.ts';
import type { ShardContext } from './shard-context.ts';
import { SpacedLook } from './spaced-look.ts';

const lookMs = 2_000;

type Context = Pick<ShardContext, 'clock' | 'log' | 'settings'>;

export class UnfetchedShards {
  readonly #context: Context;
  readonly #shards: () => readonly Shard[];
  readonly #spaced: SpacedLook;

  constructor(context: Context, shards: () => readonly Shard[]) {
    this.#context = context;
    this.#shards = shards;
    this.#spaced = new SpacedLook(context.clock, lookMs);
  }

  /** Asks the log at most every 2 s, one question at a time, and only of shards without fetches. */
  async look(): Promise<void> {
    if (!this.#spaced.isDue) return;
    const shards = this.#shards().filter(({ isUnfetched }) => isUnfetched);
    if (shards.length > 0) await this.#spaced.take(() => this.#observe(shards));
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
