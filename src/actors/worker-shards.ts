// The shards of one worker thread. Creates and drops them as the group assigns partitions, feeds
// them batches, ticks them and drains them.
import type { EventLog, FetchedBatch, GroupListener, GroupMember } from '../log/event-log.ts';
import type { TopicPartition } from '../records/record.ts';
import { partitionKey } from '../records/partition-key.ts';
import type { Timer } from '../clock.ts';
import { RemadeTopics } from './remade-topics.ts';
import { UnfetchedShards } from './unfetched-shards.ts';
import type {
  CommandOutcome,
  SensorCommand,
  SensorPage,
  SensorSearch,
  SensorView,
  ShardRetry,
  ShardRetryOutcome,
  ShardStatus,
} from './protocol.ts';
import { searchShards } from './search-shards.ts';
import { Shard } from './shard.ts';
import type { ShardContext } from './shard-context.ts';

export interface WorkerShardsEvents {
  shardChanged(status: ShardStatus): void;
  /** Notifies of an error that this thread cannot handle; the worker ends with it. */
  failed(error: unknown): void;
}

const tickMs = 250;

export class WorkerShards implements GroupListener {
  readonly #context: ShardContext;
  readonly #events: WorkerShardsEvents;
  readonly #shards: Map<string, Shard> = new Map();
  readonly #leaving: Set<Promise<void>> = new Set();
  #member: Promise<GroupMember> | undefined;
  /** The same once it has joined. */
  #joined: GroupMember | undefined;
  #timer: Timer | undefined;
  readonly #unfetched: UnfetchedShards;
  readonly #remade: RemadeTopics;
  #drained = false;

  constructor(context: ShardContext, events: WorkerShardsEvents) {
    this.#context = context;
    this.#events = events;
    const shards = (): readonly Shard[] => [...this.#shards.values()];
    this.#unfetched = new UnfetchedShards(context, shards);
    this.#remade = new RemadeTopics(context, shards);
  }

  /** Joins the consumer group; resolves once this thread is a member. */
  async join(log: EventLog, memberInfo: string): Promise<void> {
    const { topics, settings } = this.#context;
    this.#member = log.joinGroup({
      groupId: settings.groupId,
      topics: [topics.input, topics.rekeyed],
      listener: this,
      memberInfo,
    });
    this.#joined = await this.#member;
    this.#tick();
  }

  positionOf(partition: TopicPartition): number | undefined {
    return this.#shards.get(partitionKey(partition))?.position;
  }

  onGeneration(): void {
    this.#context.metrics.rebalances.inc();
  }

  onAssigned(added: readonly TopicPartition[]): void {
    this.#context.metrics.partitionMoves.inc({ direction: 'assigned' }, added.length);
    for (const partition of added) {
      const { topic, partition: number } = partition;
      const host = {
        start: (position: number) => this.#withMember((m) => m.start(partition, position)),
        setPaused: (paused: boolean) =>
          this.#withMember((m) => (paused ? m.pause(partition) : m.resume(partition))),
        heartbeatAfterNow: async () => (await this.#member)?.heartbeatAfterNow(),
        unansweredMs: () => this.#joined?.unansweredMs(partition) ?? 0,
        phaseChanged: (status: ShardStatus) => this.#events.shardChanged(status),
      };
      this.#shards.set(
        partitionKey(partition),
        new Shard(this.#context, { topic, partition: number }, host),
      );
    }
  }

  onRevoked(removed: readonly TopicPartition[]): void {
    this.#context.metrics.partitionMoves.inc({ direction: 'revoked' }, removed.length);
    for (const partition of removed) {
      const key = partitionKey(partition);
      const shard = this.#shards.get(key);
      this.#shards.delete(key);
      if (shard === undefined) continue;
      const left = shard.release().finally(() => this.#leaving.delete(left));
      this.#leaving.add(left);
    }
  }

  async onBatch(batch: FetchedBatch): Promise<void> {
    await this.#shards.get(partitionKey(batch))?.onBatch(batch);
  }

  onPartitionFailed(partition: TopicPartition, error: Error): void {
    this.#shards.get(partitionKey(partition))?.deliveryFailed(error);
  }

  onFailed(error: Error): void {
    this.#events.failed(error);
  }

  /** Since the group last confirmed this thread, ms; Infinity while it is out of the group. */
  get unconfirmedMs(): number {
    return this.#joined?.unconfirmedMs() ?? Infinity;
  }

  statuses(): readonly ShardStatus[] {
    return [...this.#shards.values()].map((shard) => shard.status());
  }

  sensor(sensorId: string): SensorView | undefined {
    for (const shard of this.#shards.values()) {
      const view = shard.inspect(sensorId);
      if (view !== undefined) return view;
    }
    return undefined;
  }

  /**
   * Runs the command on every shard that holds the sensor. Resolves once it is committed; with an
   * empty list if no shard holds the sensor. A failed shard is left out: it must not stop the
   * commands of the others.
   * @throws UnavailableError if a shard that may hold the sensor is recovering, or if the outcome
   * of a commit is unknown.
   */
  async command(command: SensorCommand): Promise<readonly CommandOutcome[]> {
    const shards = [...this.#shards.values()].filter(({ hasFailed }) => !hasFailed);
    const outcomes = await Promise.all(shards.map((shard) => shard.command(command)));
    return outcomes.filter((outcome) => outcome !== undefined);
  }

  /** Retries a failed shard; resolves with undefined if this thread does not hold it. */
  async retry({ acceptGap, ...place }: ShardRetry): Promise<ShardRetryOutcome | undefined> {
    return this.#shards.get(partitionKey(place))?.retry(acceptGap);
  }

  /** Resolves with a page of the sensors in memory, of one shard or of all. */
  sensors(search: SensorSearch): Promise<SensorPage> {
    return searchShards(this.#context.clock, [...this.#shards.values()], search);
  }

  /** Stops reading, drains every shard, leaves the group. */
  async drain(): Promise<void> {
    this.#drained = true;
    this.#timer?.cancel();
    const member = await this.#member;
    for (const { partition } of this.#shards.values()) member?.pause(partition);
    await Promise.all([...this.#shards.values()].map((shard) => shard.drain()));
    await Promise.all(this.#leaving);
    await member?.leave();
  }

  /**
   * Drops every shard as it is and writes nothing more; after a drain there is nothing left to
   * drop. Idempotent.
   */
  async abandon(): Promise<void> {
    this.#drained = true;
    this.#timer?.cancel();
    this.onRevoked([...this.#shards.values()].map(({ partition }) => partition));
    await Promise.all(this.#leaving);
  }

  #withMember(use: (member: GroupMember) => void): void {
    this.#member?.then(use).catch((error: unknown) => this.#events.failed(error));
  }

  #tick(): void {
    if (this.#drained) return;
    for (const shard of this.#shards.values()) shard.tick();
    this.#context.sources.tick([...this.#shards.values()]);
    for (const watch of [this.#unfetched, this.#remade]) {
      watch.look().catch((error: unknown) => {
        this.#context.logger.debug({ reason: String(error) }, 'a look at the log is postponed');
      });
    }
    this.#timer = this.#context.clock.after(tickMs, () => this.#tick());
  }
}
