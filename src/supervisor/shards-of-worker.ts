// The shards of one worker, as it last reported them.
import type { ShardStatus } from '../actors/protocol.ts';
import { partitionKey } from '../records/partition-key.ts';

export class ShardsOfWorker {
  readonly #shards = new Map<string, ShardStatus>();
  #lost: readonly ShardStatus[] = [];

  /** Applies the report of one shard. */
  changed(status: ShardStatus): void {
    this.#lost = [];
    this.#shards.set(partitionKey(status), status);
  }

  /** Applies the report of all shards; a shard missing from it was released. */
  report(statuses: readonly ShardStatus[]): void {
    this.#shards.clear();
    this.#lost = [];
    for (const status of statuses) this.changed(status);
  }

  /** Drops all shards: the worker has ended. They are shown as released. */
  clear(): void {
    this.#lost = this.statuses().map((status) => ({ ...status, phase: 'released' }));
    this.#shards.clear();
  }

  /** Returns what the worker held when it ended; empty once it reports again. */
  lost(): readonly ShardStatus[] {
    return this.#lost;
  }

  /** Returns the last reports, ordered by topic and partition. */
  statuses(): readonly ShardStatus[] {
    return [...this.#shards.values()].sort(
      (a, b) => a.topic.localeCompare(b.topic) || a.partition - b.partition,
    );
  }
}
