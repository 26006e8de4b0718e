// The port of the event log: partitioned, ordered, durable, transactional. Kafka and the embedded
// log implement it under one contract suite. Types only; offsets are safe integers, asserted by the
// adapters.
import type { RecordScanner } from '../kernel/record-scanner.ts';
import type { ReadingColumns } from '../sensors/reading.ts';

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface RecordHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

/**
 * A cursor over the records of one batch. `next()` moves to the next record and returns false after
 * the last; the fields then describe that record and are valid until the following `next()`. Key
 * and value are ranges [start, end) of `bytes`; a start of -1 means null. No object is made per
 * record (hot path).
 */
export interface RecordCursor {
  next(): boolean;
  readonly offset: number;
  /** The record's Kafka timestamp, ms since epoch (the append time under LogAppendTime). */
  readonly timestampMs: number;
  readonly bytes: Uint8Array;
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly valueStart: number;
  readonly valueEnd: number;
  readonly headerCount: number;
  /** The headers of the current record, parsed on demand. */
  headers(): readonly RecordHeader[];
  /**
   * Scans the current record and those after it, as far as one step goes: much cheaper than one by
   * one; with `scanner`, or that of the thread. Returns undefined where the current record must be
   * read by itself; left out where records do not lie in the bytes of a batch.
   */
  scan?(scanner?: RecordScanner): RecordScan | undefined;
}

/** Consecutive records of one batch, a row each. Valid until the scanner's next scan. */
export interface RecordScan {
  /** At least 1. */
  readonly count: number;
  /** By row: undecidedRecord, keyedReading or otherReading (kernel/record-scanner.ts). */
  readonly kinds: Uint8Array;
  /** By row; ids, timestamps and values of readings only. */
  readonly readings: ReadingColumns;
  /** Moves the cursor to the record of `row`. */
  moveTo(row: number): void;
}

/**
 * Records of one partition, committed ones only; control records and aborted ones are already left
 * out.
 */
export interface FetchedBatch extends TopicPartition {
  /**
   * The offset this fetch asked for. The shard folds the batch only where fetchOffset <= its
   * position: a batch that was fetched before the last `start` moved the position back can thus
   * never leave a gap.
   */
  readonly fetchOffset: number;
  /**
   * Offset after everything in the batch, control and compacted records included: where to go on.
   */
  readonly nextOffset: number;
  /** The partition's high watermark when this was fetched. */
  readonly highWatermark: number;
  /** Bytes that were fetched for it: records as the log holds them, compressed or not. */
  readonly bytes: number;
  /** A fresh cursor before the first record. */
  records(): RecordCursor;
  /**
   * Says that nobody refers to the records' bytes any more; they may then be written over. Without
   * it they stay as they are as long as somebody refers to them.
   */
  release?(): void;
}

export interface OutputRecord {
  readonly topic: string;
  /**
   * Explicit partition; left out, murmur2(key) over the topic's partitions, as Kafka's default
   * partitioner.
   */
  readonly partition?: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers?: readonly RecordHeader[];
  /** The record's timestamp; left out, the time of the append. */
  readonly timestampMs?: number;
  /**
   * How the log may cut the record where its topic takes none so long (codecs/cut-record.ts); left
   * out, not at all.
   */
  readonly cutAs?: CutAs;
}

export type CutAs = 'deadLetter' | 'forward';

/** Outputs and the input position, in one transaction: all of it becomes visible or none. */
export interface Commit {
  readonly nextOffset: number;
  /** At most 4,000 bytes of text, stored with the offset. */
  readonly metadata: string;
  /**
   * Read while the commit runs, and perhaps made then: a writer need not hold a large one at once.
   */
  readonly records: Iterable<OutputRecord>;
}

export interface CommittedPosition {
  readonly nextOffset: number;
  readonly metadata: string;
}

/**
 * What a group has committed for a partition, as a reader sees it that does not own the partition.
 */
export interface ObservedPosition {
  /** undefined where the group never committed. */
  readonly committed: CommittedPosition | undefined;
  /** Whether a transaction that has not ended yet may replace it. */
  readonly pending: boolean;
}

/** What a partition holds: its earliest retained offset and its high watermark (end, exclusive). */
export interface PartitionExtent {
  readonly earliest: number;
  readonly end: number;
}

/** The last offset + 1 that this commit wrote, for each output partition it wrote to. */
export type CommitResult = readonly (TopicPartition & { readonly endOffset: number })[];

/** The one transactional writer of one input partition. Opening it fences every earlier one. */
export interface PartitionWriter {
  /** Grows with every opening of this partition's writer; part of snapshot ids. */
  readonly epoch: string;
  /**
   * Commits offset and records in one transaction. One call at a time.
   * @throws FencedError when another writer of the partition was opened since; nothing of this
   * commit is visible.
   * @throws UnavailableError when the outcome is unknown: the writer is then dead, close it and
   * recover.
   */
  commit(commit: Commit): Promise<CommitResult>;
  /**
   * Begins the next transaction ahead of its commit, where that makes the commit faster; a failure
   * is the commit's. The commit must follow soon: the log ends a transaction that stays open, and
   * with it this writer.
   */
  begin(): void;
  /** Idempotent. Aborts an opening or commit still under way; never throws. */
  close(): Promise<void>;
}

/** A member of a group as others see it. */
export interface GroupMemberView {
  /** What it said of itself: `memberInfo`. */
  readonly info: string;
  readonly partitions: readonly TopicPartition[];
}

export interface GroupListener {
  /**
   * The fold position of a partition this member holds already; undefined = not held (starts
   * paused).
   */
  positionOf(partition: TopicPartition): number | undefined;
  /**
   * Synchronous, before any fetch of the new generation: these are new, and paused until `start`.
   */
  onAssigned(added: readonly TopicPartition[]): void;
  /** Synchronous: these now belong to others; write nothing more for them. */
  onRevoked(removed: readonly TopicPartition[]): void;
  /** One batch; the partition's next one waits until this resolves. Must not reject. */
  onBatch(batch: FetchedBatch): Promise<void>;
  /**
   * Delivery of this one partition has ended, until the next `start`; that of the others goes on.
   * An UnavailableError where its offset is one that the log does not hold (any more): the owner
   * finds out what it misses.
   */
  onPartitionFailed(partition: TopicPartition, error: Error): void;
  /** Membership is lost and could not be regained. */
  onFailed(error: Error): void;
}

export interface GroupMember {
  /** Begins (or moves) delivery of an assigned partition at offset `from`. */
  start(partition: TopicPartition, from: number): void;
  pause(partition: TopicPartition): void;
  resume(partition: TopicPartition): void;
  /**
   * Resolves once a heartbeat sent after this call has succeeded; rejects with UnavailableError on
   * leave.
   */
  heartbeatAfterNow(): Promise<void>;
  /** Stops fetching, waits for running `onBatch` calls, leaves the group. Idempotent. */
  leave(): Promise<void>;
}

export interface TopicSpec {
  readonly topic: string;
  readonly partitions: number;
  /**
   * Kafka topic configuration entries, e.g. {'cleanup.policy': 'compact'}; the embedded log ignores
   * them.
   */
  readonly config?: Readonly<Record<string, string>>;
}

export interface TopicDescription {
  readonly topic: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  /** Empty where the settings may not be read. */
  readonly config: Readonly<Record<string, string>>;
  /** Why the settings are unknown, with the cure; left out where they are known. */
  readonly configUnknown?: string;
}

/**
 * `gathered` (default): while records flow, some are waited for, because an answer for each is
 * dear. `prompt`: each is delivered at once; for a log that is written in bursts, as rows are.
 */
export type Delivery = 'gathered' | 'prompt';

export interface EventLog {
  /**
   * Creates the topics that are missing and returns those it created; existing ones stay as they
   * are.
   */
  ensureTopics(specs: readonly TopicSpec[]): Promise<readonly string[]>;
  /** The topic, or undefined where it does not exist. */
  describeTopic(topic: string): Promise<TopicDescription | undefined>;
  /** Earliest retained offset and high watermark (end, exclusive). */
  offsets(partition: TopicPartition): Promise<PartitionExtent>;
  /**
   * `offsets` of many partitions, in their order, for two requests a broker however many there are.
   */
  offsetsAll(partitions: readonly TopicPartition[]): Promise<readonly PartitionExtent[]>;
  /** First offset whose record timestamp is >= timeMs; the end where there is none. */
  offsetAtTime(partition: TopicPartition, timeMs: number): Promise<number>;
  /**
   * What `groupId` committed for the partition; undefined where it never did. Waits for a
   * transaction that is open there to end: for the partition's owner, whose writer has ended every
   * earlier one.
   */
  committed(groupId: string, partition: TopicPartition): Promise<CommittedPosition | undefined>;
  /**
   * What `groupId` has committed so far for many partitions, in their order, for at most two
   * requests however many there are. Waits for no transaction: a killed owner's stays open until
   * the next owner, or the transaction timeout, ends it.
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
   * Read-committed batches from `from` up to the end as it was at the call (or `to`, exclusive),
   * without a group. Waits for an open transaction that holds records back; with `settledOnly` the
   * read ends before it.
   */
  read(
    partition: TopicPartition & {
      readonly from: number;
      readonly to?: number;
      readonly settledOnly?: boolean;
    },
  ): AsyncIterable<FetchedBatch>;
  /** Appends outside any transaction; resolves when durable, in order per partition. */
  append(records: readonly OutputRecord[]): Promise<CommitResult>;
  joinGroup(options: {
    readonly groupId: string;
    readonly topics: readonly string[];
    readonly listener: GroupListener;
    /** Free text other members can see (the advertised HTTP address). */
    readonly memberInfo?: string;
    readonly delivery?: Delivery;
  }): Promise<GroupMember>;
  /**
   * The members of a group that reads `topic`, and what they hold; none where the log serves one
   * process alone.
   */
  groupMembers(groupId: string, topic: string): Promise<readonly GroupMemberView[]>;
  /**
   * Opens the partition's transactional writer. When this resolves, every earlier writer of the
   * group and partition is fenced: only now may the committed position be read. Where this log has
   * joined the group, the writer commits as its member, and is fenced where another owned the
   * partition meanwhile.
   */
  openWriter(
    groupId: string,
    partition: TopicPartition,
    signal?: AbortSignal,
  ): Promise<PartitionWriter>;
  close(): Promise<void>;
}
