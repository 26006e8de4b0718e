// The parts of kafkajs's consumer group that are replaced, so that a broker that dies or hands over
// a role costs its partitions a wait for the successor and nobody a rebalance. kafkajs alone ends
// the fetches from all brokers while one refuses connections, and makes the whole group rejoin
// where a leader or the coordinator moved.
//
//   fetch fails      ─▶ metadata is read again, that broker's partitions wait, the others go on
//   leader moved     ─▶ metadata is read again, the partition is fetched from its new leader
//   heartbeat fails  ─▶ the coordinator is looked up again; members survive its move
import { partitionKey } from '../../records/partition-key.ts';
import { failureKind, type FailureKind } from './failures.ts';
import type { Broker } from './internals.ts';
import { clientNowMs } from './monotonic-date.ts';

interface ConsumerGroupOptions {
  readonly assigners: readonly { attach?(group: object): void }[];
}

/** One partition's part of an answered fetch. */
interface AnsweredBatch {
  readonly topic: string;
  readonly partition: number;
  readonly failure: Error | undefined;
}

interface ConsumerGroup {
  readonly cluster: {
    refreshMetadata(): Promise<void>;
    findGroupCoordinator(of: { readonly groupId: string }): Promise<Broker>;
  };
  readonly groupId: string;
  readonly memberId: string | null;
  coordinator: Broker | null;
  readonly offsetManager: { coordinator: Broker } | null;
  generationId: number | null;
  joinAndSync(): Promise<void>;
  fetch(nodeId: number): Promise<readonly AnsweredBatch[]>;
  recoverFromFetch(error: Error): Promise<void>;
  heartbeat(options: HeartbeatOptions): Promise<void>;
}

export type ConsumerGroupClass = new (options: ConsumerGroupOptions) => ConsumerGroup;

const noGeneration = -1;
const retryMs = 200;
/** A broker that has just started answers for a moment as if it did not know its partitions. */
const movedMsMax = 10_000;
/** Longer than a cluster needs to notice that a broker died (broker.session.timeout.ms, 9 s). */
const joinMsMax = 20_000;

/** Refusals of one partition that its next leader does not repeat. */
const moved: ReadonlySet<FailureKind> = new Set(['leader', 'coordinator', 'busy']);
/** Failures of a request that another attempt cures, perhaps at another broker. */
const passing: ReadonlySet<FailureKind> = new Set([...moved, 'unsent', 'indefinite']);
/** Reported by kafkajs's own look at metadata, and cured by a join. */
const joinCures: ReadonlySet<string> = new Set(['KafkaJSStaleTopicMetadataAssignment']);

type Sleep = (delayMs: number) => Promise<void>;

/** Returns kafkajs's class with what is replaced. */
export function steadyConsumerGroup(
  ConsumerGroup: ConsumerGroupClass,
  sleep: Sleep,
): ConsumerGroupClass {
  return class extends ConsumerGroup {
    readonly #leaders = new MovedLeaders();
    readonly #heartbeats = new Heartbeats(this, sleep, (options) => super.heartbeat(options));

    constructor(options: ConsumerGroupOptions) {
      super(options);
      // kafkajs tells an assigner nothing of the generation; ours needs it to weigh claims of
      // ownership against each other.
      for (const assigner of options.assigners) assigner.attach?.(this);
    }

    override async joinAndSync(): Promise<void> {
      const untilMs = clientNowMs() + joinMsMax;
      for (;;) {
        try {
          await super.joinAndSync();
          this.#heartbeats.joined();
          return;
        } catch (error) {
          // kafkajs takes the generation from JoinGroup, the partitions from SyncGroup: when only
          // the second was lost it went on with the partitions of before in the generation of now,
          // every heartbeat succeeded, and two members held a partition until the next rebalance.
          // In no generation, its next heartbeat is refused and it joins again.
          this.generationId = noGeneration;
          if (!passing.has(failureKind(error)) || clientNowMs() > untilMs) throw error;
        }
        await sleep(retryMs);
      }
    }

    override async fetch(nodeId: number): Promise<readonly AnsweredBatch[]> {
      const batches = await super.fetch(nodeId);
      const waiting = this.#leaders.waitingOf(batches);
      if (waiting.size === 0) return batches;
      await this.#readMetadata();
      return batches.filter((batch) => !waiting.has(batch));
    }

    override async recoverFromFetch(error: Error): Promise<void> {
      const isPassing = passing.has(failureKind(error)) && !joinCures.has(error.name);
      if (!isPassing) return super.recoverFromFetch(error);
      if (this.#leaders.isGone(error)) throw error;
      await this.#readMetadata();
    }

    async #readMetadata(): Promise<void> {
      await sleep(retryMs);
      // The next fetch reads it again if no broker answers now.
      await this.cluster.refreshMetadata().catch(() => undefined);
    }

    override heartbeat(options: HeartbeatOptions): Promise<void> {
      return this.#heartbeats.send(options);
    }
  };
}

/** The partitions of a member whose leader is elsewhere, and since when. */
class MovedLeaders {
  readonly #sinceMs: Map<string, number> = new Map();
  /** When metadata began to lack a leader; undefined since a fetch was answered. */
  #lackingSinceMs: number | undefined;

  /** Returns the answers of brokers that no longer lead the partition, or not yet. */
  waitingOf(batches: readonly AnsweredBatch[]): ReadonlySet<AnsweredBatch> {
    if (batches.length > 0) this.#lackingSinceMs = undefined;
    return new Set(batches.filter((batch) => this.#waits(batch)));
  }

  #waits({ topic, partition, failure }: AnsweredBatch): boolean {
    const key = partitionKey({ topic, partition });
    if (failure === undefined || !moved.has(failureKind(failure))) {
      this.#sinceMs.delete(key);
      return false;
    }
    const sinceMs = this.#sinceMs.get(key) ?? clientNowMs();
    this.#sinceMs.set(key, sinceMs);
    return clientNowMs() - sinceMs < movedMsMax;
  }

  /** Returns whether metadata has lacked a topic for so long that it is gone, not moved. */
  isGone(error: Error): boolean {
    this.#lackingSinceMs ??= clientNowMs();
    return failureKind(error) === 'leader' && clientNowMs() - this.#lackingSinceMs > movedMsMax;
  }
}

interface HeartbeatOptions {
  readonly interval: number;
}

/** Heartbeats that do not hold up fetches and follow the group's coordinator. */
class Heartbeats {
  readonly #group: ConsumerGroup;
  readonly #sleep: Sleep;
  readonly #beat: (options: HeartbeatOptions) => Promise<void>;
  #beating: Promise<void> | undefined;
  #refused: Error | undefined;

  /** `beat` sends one if one is due. */
  constructor(
    group: ConsumerGroup,
    sleep: Sleep,
    beat: (options: HeartbeatOptions) => Promise<void>,
  ) {
    this.#group = group;
    this.#sleep = sleep;
    this.#beat = beat;
  }

  /**
   * Sends a heartbeat when one is due and does not wait for its answer: a coordinator that is
   * silent must not hold up the fetches from other brokers.
   * @throws what the coordinator refused the last one for
   */
  send(options: HeartbeatOptions): Promise<void> {
    const refused = this.#refused;
    this.#refused = undefined;
    if (refused !== undefined) return Promise.reject(refused);
    this.#beating ??= this.#sendOne(options).finally(() => (this.#beating = undefined));
    return Promise.resolve();
  }

  /** The join has cured what was refused while it lasted. */
  joined(): void {
    this.#refused = undefined;
  }

  async #sendOne(options: HeartbeatOptions): Promise<void> {
    const { generationId, memberId } = this.#group;
    try {
      await this.#beat(options);
    } catch (error) {
      // An answer to a member that has joined again since.
      if (generationId !== this.#group.generationId || memberId !== this.#group.memberId) return;
      const isRebalance = error instanceof Error && Reflect.get(error, 'type') === rebalancing;
      if (isRebalance || !passing.has(failureKind(error))) {
        this.#refused = error instanceof Error ? error : new Error(String(error));
        return;
      }
      await this.#sleep(retryMs);
      await this.#followCoordinator().catch(() => undefined);
    }
  }

  /** The group's log holds its members: the new coordinator knows this one. */
  async #followCoordinator(): Promise<void> {
    const group = this.#group;
    const { groupId, generationId } = group;
    const coordinator = await group.cluster.findGroupCoordinator({ groupId });
    if (generationId !== group.generationId) return;
    group.coordinator = coordinator;
    if (group.offsetManager !== null) group.offsetManager.coordinator = coordinator;
  }
}

const rebalancing = 'REBALANCE_IN_PROGRESS';
