// The port of the event log: partitioned, ordered, durable, transactional. Kafka and the embedded
// log implement it under one contract suite. Types only; offsets are safe integers, asserted by the
// adapters.
import type { TopicPartition, RecordCursor, OutputRecord } from '../records/record.ts';

/**
 * Committed records of one partition, without control records and records of aborted transactions.
 */
export interface FetchedBatch extends TopicPartition {
  /**
   * The requested offset. A shard folds the batch only if fetchOffset <= its position, so a batch
   * fetched before `start` moved the position back never leaves a gap.
   */
  readonly fetchOffset: number;
  /** Offset after the whole batch, including control and compacted records: the next to fetch. */
  readonly nextOffset: number;
  /** The partition's high watermark when this was fetched. */
  readonly highWatermark: number;
  /**
   * Set where a transaction before it is still open: a later read may find records there that this
   * one left out.
   */
  readonly pastOpen?: true;
  /** Fetched bytes: the records as stored, compressed or not. */
  readonly bytes: number;
  /** Returns a new cursor before the first record. */
  records(): RecordCursor;
  /**
   * Allows the buffer of the records to be reused. Call it only once nothing refers to their bytes;
   * without it the bytes stay valid.
   */
  release?(): void;
}

/** Outputs and the input position in one transaction: either all becomes visible or nothing. */
export interface Commit {
  readonly nextOffset: number;
  /** At most 4,000 bytes of text, stored with the offset. */
  readonly metadata: string;
  /** Iterated while the commit runs; may be generated lazily to bound memory. */
  readonly records: Iterable<OutputRecord>;
}

export interface CommittedPosition {
  readonly nextOffset: number;
  readonly metadata: string;
}

/** The committed position of a partition, as seen by a reader that does not own it. */
export interface ObservedPosition {
  /** Undefined if the group never committed. */
  readonly committed: CommittedPosition | undefined;
  /** True while an open transaction may replace it. */
  readonly pending: boolean;
}

/** The earliest retained offset of a partition and its high watermark (end, exclusive). */
export interface PartitionExtent {
  readonly earliest: number;
  readonly end: number;
}

/** The end offset after this commit, for each output partition it wrote to. */
export type CommitResult = readonly (TopicPartition & { readonly endOffset: number })[];

/** The one transactional writer of one input partition. Opening it fences every earlier one. */
export interface PartitionWriter {
  /** Grows with every opening of this partition's writer; part of snapshot ids. */
  readonly epoch: string;
  /**
   * Commits offset and records in one transaction. One call at a time.
   * @throws FencedError if another writer of the partition was opened since; nothing of this commit
   * becomes visible.
   * @throws UnavailableError if the outcome is unknown: close this writer and recover.
   */
  commit(commit: Commit): Promise<CommitResult>;
  /**
   * Starts the next transaction ahead of its commit, if that makes the commit faster. The commit
   * reports any failure and must follow soon: the log aborts a transaction that stays open, which
   * ends this writer.
   */
  begin(): void;
  /** Aborts a running open or commit. Idempotent; never throws. */
  close(): Promise<void>;
}

/** A member of a group as other members see it. */
export interface GroupMemberView {
  /** Its `memberInfo`. */
  readonly info: string;
  readonly partitions: readonly TopicPartition[];
}

export interface GroupListener {
  /** Returns the position of a partition already held; undefined for others, which start paused. */
  positionOf(partition: TopicPartition): number | undefined;
  /** Called for each generation of the group that this member has joined: after each rebalance. */
  onGeneration?(): void;
  /**
   * Called synchronously before any fetch of the new generation; `added` are paused until `start`.
   */
  onAssigned(added: readonly TopicPartition[]): void;
  /** Called synchronously: `removed` belong to others now; write nothing more for them. */
  onRevoked(removed: readonly TopicPartition[]): void;
  /** Receives a batch; the partition's next one waits until this resolves. Must not reject. */
  onBatch(batch: FetchedBatch): Promise<void>;
  /**
   * Called when the delivery of one partition has ended until its next `start`; others continue.
   * The error is UnavailableError if the log does not hold the offset: the owner decides what
   * follows.
   */
  onPartitionFailed(partition: TopicPartition, error: Error): void;
  /** Called when the membership is lost and could not be regained. */
  onFailed(error: Error): void;
}

export interface GroupMember {
  /** Starts (or moves) the delivery of an assigned partition at offset `from`. */
  start(partition: TopicPartition, from: number): void;
  pause(partition: TopicPartition): void;
  resume(partition: TopicPartition): void;
  /** Resolves once a heartbeat sent after this call succeeds. @throws UnavailableError on leave */
  heartbeatAfterNow(): Promise<void>;
  /**
   * Returns how long ago the group last confirmed this member, ms: by its join or by a heartbeat
   * that was answered. Infinity while it is out of the group and joins again.
   */
  unconfirmedMs(): number;
  /**
   * Returns how long the fetches of this partition have gone unanswered, ms. An answer without
   * records is one. 0 while nothing is fetched: before `start`, while paused, or while batches that
   * were delivered wait for their turn.
   */
  unansweredMs(partition: TopicPartition): number;
  /** Stops fetching, waits for running `onBatch` calls, leaves the group. Idempotent. */
  leave(): Promise<void>;
}

export interface TopicSpec {
  readonly topic: string;
  readonly partitions: number;
  /** Kafka topic settings, e.g. {'cleanup.policy': 'compact'}; the embedded log ignores most. */
  readonly config?: Readonly<Record<string, string>>;
}

export interface TopicDescription {
  readonly topic: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  /** Empty if the right to read the settings is missing. */
  readonly config: Readonly<Record<string, string>>;
  /** Why the settings are unknown, with the cure; absent if they are known. */
  readonly configUnknown?: string;
}

/**
 * `gathered` (default) waits for more records while they flow, because each fetch is expensive.
 * `prompt` delivers at once, for topics written in bursts, as feature rows are.
 */
export type Delivery = 'gathered' | 'prompt';

export interface EventLog {
  /** Creates missing topics and resolves with their names; existing ones stay as they are. */
  ensureTopics(specs: readonly TopicSpec[]): Promise<readonly string[]>;
  /** Resolves with the topic, or undefined if it does not exist. */
  describeTopic(topic: string): Promise<TopicDescription | undefined>;
  /**
   * Resolves with the id of each of these topics that exists and has one. A topic that is deleted
   * and made again gets another id.
   */
  topicIds(topics: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Resolves with the earliest retained offset and the high watermark (end, exclusive). */
  offsets(partition: TopicPartition): Promise<PartitionExtent>;
  /** Like `offsets` for many partitions, in order; two requests per broker in total. */
  offsetsAll(partitions: readonly TopicPartition[]): Promise<readonly PartitionExtent[]>;
  /** Resolves with the first offset whose timestamp is >= timeMs; the end if there is none. */
  offsetAtTime(partition: TopicPartition, timeMs: number): Promise<number>;
  /**
   * Resolves with the committed position; undefined if `groupId` never committed. Waits for an open
   * transaction to end, so it is meant for the owner, whose writer has ended all earlier ones.
   */
  committed(groupId: string, partition: TopicPartition): Promise<CommittedPosition | undefined>;
  /**
   * Resolves with the committed positions of many partitions, in order, with at most two requests.
   * Waits for no transaction: that of a killed owner stays open until the next owner or the
   * transaction timeout ends it.
   */
  observedPositions(
    groupId: string,
    partitions: readonly TopicPartition[],
  ): Promise<readonly ObservedPosition[]>;
  /** Commits positions for a group outside any transaction (projections). */
  commitOffsets(
    groupId: string,
    positions: readonly (TopicPartition & CommittedPosition)[],
  ): Promise<void>;
  /**
   * Yields committed batches from `from` to the end at the time of the call (or `to`, exclusive),
   * without a group. Waits for an open transaction; with `settledOnly` it leaves out the records of
   * open ones and goes on past them (`pastOpen`).
   */
  read(
    partition: TopicPartition & {
      readonly from: number;
      readonly to?: number;
      readonly settledOnly?: boolean;
    },
  ): AsyncIterable<FetchedBatch>;
  /** Appends without a transaction, in order per partition; resolves once durable. */
  append(records: readonly OutputRecord[]): Promise<CommitResult>;
  joinGroup(options: {
    readonly groupId: string;
    readonly topics: readonly string[];
    readonly listener: GroupListener;
    /** Text visible to other members: the advertised URL. */
    readonly memberInfo?: string;
    readonly delivery?: Delivery;
  }): Promise<GroupMember>;
  /** Resolves with the members of the group and their partitions; empty on the embedded log. */
  groupMembers(groupId: string, topic: string): Promise<readonly GroupMemberView[]>;
  /**
   * Opens the partition's transactional writer. Once this resolves, every earlier writer of the
   * group and partition is fenced; only then may the committed position be read. If this log has
   * joined the group, the writer commits as its member, and is fenced if another owned the
   * partition meanwhile.
   */
  openWriter(
    groupId: string,
    partition: TopicPartition,
    signal?: AbortSignal,
  ): Promise<PartitionWriter>;
  close(): Promise<void>;
}
