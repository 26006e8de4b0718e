// Notices topics that are deleted and made again while shards of them run: a fetch at the committed
// offset may well succeed in the new topic, and would pass over what lies before it.
import type { Shard } from './shard.ts';
import type { ShardContext } from './shard-context.ts';
import { SpacedLook } from './spaced-look.ts';
import { topicRefusal } from './topic-refusal.ts';

const lookMs = 3_000;

type Context = Pick<ShardContext, 'clock' | 'topicIds' | 'topics'>;

export class RemadeTopics {
  readonly #context: Context;
  readonly #shards: () => readonly Shard[];
  readonly #spaced: SpacedLook;

  constructor(context: Context, shards: () => readonly Shard[]) {
    this.#context = context;
    this.#shards = shards;
    this.#spaced = new SpacedLook(context.clock, lookMs);
  }

  /** Asks the log at most every 3 s, one question at a time; shards of another topic fail. */
  async look(): Promise<void> {
    if (this.#spaced.isDue) await this.#spaced.take(() => this.#compare());
  }

  async #compare(): Promise<void> {
    const { topicIds, topics } = this.#context;
    const ids = await topicIds.now();
    for (const shard of this.#shards()) {
      const { partition, recovered } = shard;
      if (recovered === undefined) continue;
      const refusal = topicRefusal(recovered, partition, { ids, journal: topics.journal });
      if (refusal !== undefined) shard.deliveryFailed(refusal);
    }
  }
}
