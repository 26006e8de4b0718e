// The shards of one worker as it reports them. The reports are authoritative; the machine beside
// each shard only detects illegal transitions.
import type { ShardStatus } from '../actors/protocol.ts';
import { partitionKey } from '../records/partition-key.ts';
import type { Lifecycle } from './lifecycle.ts';
import { startLifecycle } from './lifecycle.ts';
import { shardLifecycle, type ShardTransition, transitionInto } from './shard-lifecycle.ts';

export interface IllegalShardTransition {
  readonly topic: string;
  readonly partition: number;
  readonly from: string;
  readonly to: string;
}

interface Shard {
  status: ShardStatus;
  readonly life: Lifecycle<ShardStatus['phase'], ShardTransition>;
}

export class ShardsOfWorker {
  readonly #shards = new Map<string, Shard>();
  readonly #onIllegal: (transition: IllegalShardTransition) => void;
  #lost: readonly ShardStatus[] = [];

  constructor(onIllegal: (transition: IllegalShardTransition) => void) {
    this.#onIllegal = onIllegal;
  }

  /** Applies the report of one shard. */
  changed(status: ShardStatus): void {
    this.#lost = [];
    const key = partitionKey(status);
    const shard = this.#shards.get(key) ?? { status, life: startLifecycle(shardLifecycle) };
    const from = shard.life.state();
    shard.status = status;
    this.#shards.set(key, shard);
    if (from === status.phase) return;
    if (shard.life.send(transitionInto[status.phase])) return;
    shard.life.force(status.phase);
    const { topic, partition } = status;
    this.#onIllegal({ topic, partition, from, to: status.phase });
  }

  /** Applies the report of all shards; a shard missing from it was released. */
  report(statuses: readonly ShardStatus[]): void {
    this.#lost = [];
    const named = new Set(statuses.map(partitionKey));
    for (const key of this.#shards.keys()) if (!named.has(key)) this.#shards.delete(key);
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
    return [...this.#shards.values()]
      .map((shard) => shard.status)
      .sort((a, b) => a.topic.localeCompare(b.topic) || a.partition - b.partition);
  }
}
