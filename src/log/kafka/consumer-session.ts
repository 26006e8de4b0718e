// One kafkajs consumer's life in a group, from joining to its end by crash or by choice: kafkajs's
// options and events in the member's words. kafkajs never restarts by itself here; the member opens
// another session when this one crashes.
import type {
  Consumer,
  ConsumerGroupJoinEvent,
  EachBatchPayload,
  PartitionAssigner,
} from 'kafkajs';
import { systemClock } from '../../clock.ts';
import { UnavailableError } from '../../errors.ts';
import type { Delivery } from '../event-log.ts';
import type { TopicPartition } from '../../records/record.ts';
import { assignSticky } from '../sticky-assignment.ts';
import { createClient, type KafkaLogOptions } from './client.ts';
import { fetchPace } from './fetch-pace.ts';
import { SeamBatch } from './fetch-seam.ts';
import { kafkajs } from './internals.ts';
import type { Standing } from './transaction-requests.ts';
import {
  decodeClaim,
  encodeClaim,
  resolveClaims,
  type Claim,
  type Claimant,
} from './member-claim.ts';

export interface SessionEvents {
  /** Partitions this member holds, published at every join. */
  claim(): Claim;
  /** Synchronous, before anything of the new generation is fetched. */
  joined(assigned: readonly TopicPartition[], standing: Standing, joinBeganMs: number): void;
  /** A heartbeat that was sent at `sentMs` has been answered well. */
  heartbeat(sentMs: number): void;
  /** `resolved` moves kafkajs's fetch position to `nextOffset`. */
  fetched(batch: SeamBatch, resolved: (nextOffset: number) => void): Promise<void>;
  /** The consumer has left the group after `error`; nothing more comes of this session. */
  crashed(error: Error): void;
}

const partitionBytesMax = 1_048_576;
const fetchBytesMax = 16_777_216;
const rebalanceTimeoutMs = 30_000;
const metadataMaxAgeMs = 60_000;
const handledAtOnce = 64;
const leaveMsMax = 5_000;
const sessionRetry = {
  initialRetryTime: 50,
  maxRetryTime: 500,
  retries: 8,
  restartOnFailure: (): Promise<boolean> => Promise.resolve(false),
};

export interface SessionOptions {
  readonly log: KafkaLogOptions;
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly delivery: Delivery;
  readonly events: SessionEvents;
}

export class ConsumerSession {
  readonly #options: SessionOptions;
  readonly #generation: GenerationBox = { group: undefined };
  readonly #consumer: Consumer;
  #ended = false;
  // kafkajs takes seeks, pauses and resumes only while it is in the group, and throws otherwise: at
  // the join the member says all of them anyway.
  #inGroup = false;
  #recordsAtMs: number = systemClock.monotonicMs();

  constructor(options: SessionOptions) {
    const { log, groupId, events, delivery } = options;
    const { bytesMin, waitMs } = fetchPace(0, delivery);
    this.#options = options;
    this.#consumer = createClient(log).consumer({
      groupId,
      partitionAssigners: [stickyAssigner(events, this.#generation)],
      sessionTimeout: log.sessionTimeoutMs,
      heartbeatInterval: log.heartbeatMs,
      rebalanceTimeout: rebalanceTimeoutMs,
      maxBytesPerPartition: partitionBytesMax,
      minBytes: bytesMin,
      maxBytes: fetchBytesMax,
      maxWaitTimeInMs: waitMs,
      metadataMaxAge: metadataMaxAgeMs,
      allowAutoTopicCreation: false,
      readUncommitted: false,
      retry: sessionRetry,
    });
  }

  /**
   * Resolves once the consumer has joined, `joined` having been called; rejects with what it
   * crashed on before.
   */
  async open(): Promise<void> {
    const { events, topics } = this.#options;
    const consumer = this.#consumer;
    let joined = false;
    let heartbeatSentMs = 0;
    const firstJoin = new Promise<void>((resolve, reject) => {
      consumer.on(consumer.events.GROUP_JOIN, (event) => {
        if (this.#ended) return;
        this.#inGroup = true;
        const generationId = this.#generation.group?.generationId ?? -1;
        const standing = { memberId: event.payload.memberId, generationId };
        events.joined(assignedOf(event), standing, event.timestamp - event.payload.duration);
        joined = true;
        resolve();
      });
      consumer.on(consumer.events.STOP, () => (this.#inGroup = false));
      consumer.on(consumer.events.CRASH, ({ payload }) => {
        const wasEnded = this.#ended;
        this.#ended = true;
        reject(payload.error);
        if (joined && !wasEnded) events.crashed(payload.error);
      });
    });
    // Awaited below, after steps that may fail before it.
    firstJoin.catch(() => undefined);
    consumer.on(consumer.events.REQUEST, ({ payload }) => {
      if (payload.apiName === 'Heartbeat') heartbeatSentMs = payload.sentAt;
      else if (payload.apiName === 'Fetch') this.#options.log.onFetch?.();
    });
    consumer.on(consumer.events.HEARTBEAT, () => {
      if (!this.#ended) events.heartbeat(heartbeatSentMs);
    });
    await consumer.connect();
    await consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: handledAtOnce,
      eachBatch: (payload) => this.#eachBatch(payload),
    });
    await firstJoin;
  }

  seek({ topic, partition }: TopicPartition, offset: number): void {
    if (this.#takesOrders()) this.#consumer.seek({ topic, partition, offset: String(offset) });
  }

  setFetching({ topic, partition }: TopicPartition, fetching: boolean): void {
    if (!this.#takesOrders()) return;
    const places = [{ topic, partitions: [partition] }];
    if (fetching) this.#consumer.resume(places);
    else this.#consumer.pause(places);
  }

  #takesOrders(): boolean {
    return this.#inGroup && !this.#ended;
  }

  async commitOffsets(
    offsets: readonly (TopicPartition & { readonly offset: string; readonly metadata: string })[],
  ): Promise<void> {
    if (offsets.length === 0) return;
    const consumer = this.#consumer;
    let committed = false;
    const forget = consumer.on(consumer.events.COMMIT_OFFSETS, () => (committed = true));
    try {
      await consumer.commitOffsets([...offsets]);
    } finally {
      forget();
    }
    // kafkajs's runner resolves, and commits nothing, once it has stopped to join again.
    if (!committed) throw new UnavailableError('The member is rejoining');
  }

  /** Leaves the group; gives up waiting for brokers that do not answer. Never throws. */
  async close(): Promise<void> {
    this.#ended = true;
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, leaveMsMax);
    });
    await Promise.race([this.#consumer.disconnect().catch(() => undefined), timeout]);
    clearTimeout(timer);
  }

  async #eachBatch({ batch, resolveOffset }: EachBatchPayload): Promise<void> {
    const seamBatch: unknown = batch;
    if (this.#ended || !(seamBatch instanceof SeamBatch)) return;
    this.#setPace(seamBatch.batches.length > 0);
    // kafkajs resolves the last offset consumed, and fetches from the one after it.
    const resolved = (nextOffset: number): void => resolveOffset(String(nextOffset - 1));
    await this.#options.events.fetched(seamBatch, resolved);
  }

  #setPace(recordsCame: boolean): void {
    const nowMs = systemClock.monotonicMs();
    if (recordsCame) this.#recordsAtMs = nowMs;
    const { group } = this.#generation;
    if (group === undefined) return;
    const { bytesMin, waitMs } = fetchPace(nowMs - this.#recordsAtMs, this.#options.delivery);
    group.minBytes = bytesMin;
    group.maxWaitTime = waitMs;
  }
}

/** The fields of kafkajs's consumer group that are read, and the two that set the fetch pace. */
interface AttachedGroup {
  readonly generationId: number | null;
  minBytes: number;
  maxWaitTime: number;
}

interface GenerationBox {
  group: AttachedGroup | undefined;
}

function assignedOf(event: ConsumerGroupJoinEvent): readonly TopicPartition[] {
  return Object.entries(event.payload.memberAssignment).flatMap(([topic, partitions]) =>
    partitions.map((partition) => ({ topic, partition })),
  );
}

const { MemberMetadata, MemberAssignment } = kafkajs.AssignerProtocol;
const assignerVersion = 0;

function stickyAssigner(events: SessionEvents, generation: GenerationBox): PartitionAssigner {
  return ({ cluster }) => {
    const assigner = {
      name: 'SensoriumSticky',
      version: assignerVersion,
      // Called by the fetch seam's consumer group.
      attach(group: AttachedGroup): void {
        generation.group = group;
      },
      protocol: ({ topics }: { topics: string[] }) => ({
        name: 'SensoriumSticky',
        metadata: MemberMetadata.encode({
          version: assignerVersion,
          topics,
          userData: encodeClaim(events.claim()),
        }),
      }),
      assign({ members }: { members: { memberId: string; memberMetadata: Buffer }[] }) {
        const claimants: Claimant[] = members.map(({ memberId, memberMetadata }) => {
          const { topics, userData } = MemberMetadata.decode(memberMetadata);
          return { memberId, topics, claim: decodeClaim(userData) };
        });
        const partitions = new Map<string, readonly number[]>();
        for (const topic of new Set(claimants.flatMap(({ topics }) => topics))) {
          const metadata = cluster.findTopicPartitionMetadata(topic);
          partitions.set(
            topic,
            metadata.map(({ partitionId }) => partitionId),
          );
        }
        const shares = [...assignSticky(resolveClaims(claimants), partitions)].map(
          ([memberId, topics]) => ({
            memberId,
            memberAssignment: MemberAssignment.encode({
              version: assignerVersion,
              assignment: Object.fromEntries(topics),
              userData: Buffer.alloc(0),
            }),
          }),
        );
        return Promise.resolve(shares);
      },
    };
    return assigner;
  };
}
