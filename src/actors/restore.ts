// Reads the state of a shard from the snapshots named by its committed metadata, and the journal
// entries after them. Read-only, so that `replay` and `audit` share this code with a recovering
// owner.
import { CorruptSnapshotError } from '../errors.ts';
import type { CommittedPosition } from '../log/event-log.ts';
import type { TopicPartition } from '../records/record.ts';
import { partitionForKey } from '../records/partitioning.ts';
import type { TopicNames } from '../log/topics.ts';
import { semanticsFingerprint } from '../sensors/fingerprint.ts';
import { readJournal, type JournalEntry } from './journal.ts';
import {
  decodePositionMetadata,
  journaledEntries,
  type PositionMetadata,
} from './position-metadata.ts';
import { partitionsGrew, semanticsDiffer } from './refusals.ts';
import { shardKeyOf, type ShardContext, type ShardSettings } from './shard-context.ts';
import {
  decodeShardSnapshot,
  emptyMemory,
  type ShardMemory,
  type ShardRole,
} from './shard-memory.ts';
import { topicRefusal, withTopicIds } from './topic-refusal.ts';

/** The context for reading a shard's past; read-only. */
export interface RestoreContext extends Pick<
  ShardContext,
  | 'log'
  | 'snapshots'
  | 'semantics'
  | 'topics'
  | 'logger'
  | 'sourcePartitions'
  | 'journalPartitions'
  | 'topicIds'
  | 'createBaseline'
  | 'schemas'
> {
  readonly settings: Pick<ShardSettings, 'groupId'>;
}

export interface CommittedShard {
  /** C: outputs of records below it are committed; of later ones, those that `metadata` counts. */
  readonly committedOffset: number;
  readonly metadata: PositionMetadata;
  /** The partition that holds the shard's journal. */
  readonly journal: TopicPartition;
}

export interface StartingPoint {
  readonly memory: ShardMemory;
  /** Journal entries after the memory's lie at or above this offset of the journal partition. */
  readonly journalOffset: number;
}

/** Returns the journal partition that holds the shard's entries, by the count it began with. */
export function journalPartitionOf(
  context: {
    readonly settings: Pick<ShardSettings, 'groupId'>;
    readonly topics: Pick<TopicNames, 'journal'>;
  },
  shard: TopicPartition,
  journalPartitions: number,
): TopicPartition {
  const key = Buffer.from(shardKeyOf(context.settings.groupId, shard));
  const partition = partitionForKey(key, journalPartitions);
  return { topic: context.topics.journal, partition };
}

/**
 * Returns what the group has committed for the shard; undefined where it never did.
 * @throws ConfigError when it was computed under other semantics, over other partitions of the
 * input, or over a topic that was made again since.
 */
export async function readCommittedShard(
  context: RestoreContext,
  shard: TopicPartition,
): Promise<CommittedShard | undefined> {
  const committed = await context.log.committed(context.settings.groupId, shard);
  return committed && committedShard(context, shard, committed);
}

/**
 * Like `readCommittedShard`, for a reader that owns nothing: an open transaction, such as that of a
 * killed owner, is not waited for, so the position is the one before it.
 */
export async function observeCommittedShard(
  context: RestoreContext,
  shard: TopicPartition,
): Promise<CommittedShard | undefined> {
  const [observed] = await context.log.observedPositions(context.settings.groupId, [shard]);
  return observed?.committed && committedShard(context, shard, observed.committed);
}

async function committedShard(
  context: RestoreContext,
  shard: TopicPartition,
  committed: CommittedPosition,
): Promise<CommittedShard> {
  const { groupId } = context.settings;
  const where = `${shard.topic}/${shard.partition} in group ${groupId}`;
  const found = decodePositionMetadata(committed.metadata, where);
  assertSameSemantics(context, found, where);
  assertSameSources(context, found);
  const { partitions = context.journalPartitions } = found.journal;
  const journal = journalPartitionOf(context, shard, partitions);
  const topics = { ids: await context.topicIds.now(), journal: journal.topic };
  const refusal = topicRefusal(found, shard, topics);
  if (refusal !== undefined) throw refusal;
  const counted = { ...found, journal: { ...found.journal, partitions } };
  const metadata = withTopicIds(counted, shard, topics);
  return { committedOffset: committed.nextOffset, metadata, journal };
}

/**
 * Yields the memories that named snapshots hold, newest first; one that cannot be used is warned of
 * and left out.
 */
export async function* restorableSnapshots(
  context: RestoreContext,
  shard: TopicPartition,
  role: ShardRole,
  { snapshots }: PositionMetadata,
): AsyncGenerator<StartingPoint, void, undefined> {
  const shardKey = shardKeyOf(context.settings.groupId, shard);
  for (const reference of snapshots) {
    let restored: StartingPoint;
    try {
      const bytes = await context.snapshots.read(shardKey, reference);
      restored = decodeShardSnapshot(bytes, shard, role, context.semantics, context.createBaseline);
    } catch (error) {
      if (!(error instanceof CorruptSnapshotError)) throw error;
      context.logger.warn(
        { shard: shardKey, snapshot: reference.id, reason: error.message },
        'snapshot not usable; trying an older one or replaying from the origin',
      );
      continue;
    }
    yield restored;
  }
}

/** Returns whether folding the log from `earliest` on leads to the state, without any snapshot. */
export function foldsFromOrigin(
  { migratedAt, origin }: Pick<PositionMetadata, 'migratedAt' | 'origin'>,
  earliest: number,
): boolean {
  return migratedAt === undefined && origin >= earliest;
}

/** Returns an empty memory at the group's first offset. */
export function originOf(
  { semantics, createBaseline }: RestoreContext,
  role: ShardRole,
  { origin, journal }: PositionMetadata,
): StartingPoint {
  const memory = emptyMemory(role, semantics, origin, createBaseline);
  return { memory, journalOffset: journal.originOffset };
}

/**
 * Returns the journal's entries that the memory of `start` does not hold yet, up to the last that
 * `metadata` counts.
 * @throws ConfigError when the journal no longer holds them.
 */
export function journalAfter(
  context: RestoreContext,
  shard: TopicPartition,
  { memory, journalOffset }: StartingPoint,
  { journal, metadata }: Pick<CommittedShard, 'journal' | 'metadata'>,
): Promise<readonly JournalEntry[]> {
  return readJournal(context.log, {
    journal,
    shardKey: shardKeyOf(context.settings.groupId, shard),
    fromOffset: journalOffset,
    afterSequence: memory.journalSequence,
    lastSequence: journaledEntries(metadata),
  });
}

function assertSameSemantics(
  context: RestoreContext,
  metadata: PositionMetadata,
  where: string,
): void {
  const now = semanticsFingerprint(context.semantics).text;
  if (metadata.fingerprint !== now) throw semanticsDiffer(where, metadata.fingerprint, now);
}

/**
 * Under keyed input, more partitions mean moved keys: a sensor would have two owners and two
 * baselines.
 */
function assertSameSources(context: RestoreContext, metadata: PositionMetadata): void {
  const { sourcePartitions, topics, semantics } = context;
  if (metadata.sources === sourcePartitions || semantics.inputKeying === 'rekey') return;
  throw partitionsGrew(topics.input, sourcePartitions, metadata.sources);
}
