// Reads the offsets of the failed shards of one thread. Nothing is fetched for them, so without
// this their lag would stand still.
import type { Shard } from './shard.ts';
import type { ShardContext } from './shard-context.ts';

const lookMs = 5_000;

type Context = Pick<ShardContext, 'clock' | 'log' | 'settings'>;

export class FailedShards {
  readonly #context: Context;
  readonly #shards: () => readonly Shard[];
  #lookedMs = -Infinity;

  constructor(context: Context, shards: () => readonly Shard[]) {
    this.#context = context;
    this.#shards = shards;
  }

  /** Asks the log at most every 5 s, and only where a shard has failed. */
  async look(): Promise<void> {
    const { clock, log, settings } = this.#context;
    const failed = this.#shards().filter(({ hasFailed }) => hasFailed);
    if (failed.length === 0 || clock.monotonicMs() - this.#lookedMs < lookMs) return;
    this.#lookedMs = clock.monotonicMs();
    const places = failed.map(({ partition }) => partition);
    const [extents, positions] = await Promise.all([
      log.offsetsAll(places),
      log.observedPositions(settings.groupId, places),
    ]);
    for (const [index, shard] of failed.entries()) {
      const extent = extents[index];
      const committed = positions[index]?.committed?.nextOffset;
      if (extent !== undefined && shard.hasFailed) shard.observed({ ...extent, committed });
    }
  }
}
