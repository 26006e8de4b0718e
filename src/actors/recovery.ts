// Acquire → restore: prepares a shard for folding. The order is the protocol: first the writer is
// opened, which fences every earlier owner; only then is the committed offset read, which nothing
// can move any more.
//
//   origin ──────── S (newest usable snapshot named by C's metadata) ──── replay, outputs muted ──── C (committed) ── live
import type { PartitionWriter } from '../log/event-log.ts';
import type { TopicPartition } from '../records/record.ts';
import { semanticsFingerprint } from '../sensors/fingerprint.ts';
import { acceptGap, gapRefusal, neededOffset } from './gap.ts';
import { journalRecord, openingEntry, type JournalEntry } from './journal.ts';
import { encodePositionMetadata, type PositionMetadata } from './position-metadata.ts';
import { madeAgain, migratedStateLost, offsetsVanished, partitionsGrew } from './refusals.ts';
import {
  journalAfter,
  journalPartitionOf,
  originOf,
  readCommittedShard,
  restorableSnapshots,
  type CommittedShard,
  type StartingPoint,
} from './restore.ts';
import { shardKeyOf, type ShardContext } from './shard-context.ts';
import { emptyMemory, type ShardMemory, type ShardRole } from './shard-memory.ts';
import { withTopicIds } from './topic-refusal.ts';

export interface Recovered {
  readonly memory: ShardMemory;
  /** C: outputs of records below it are committed already. */
  readonly committedOffset: number;
  readonly metadata: PositionMetadata;
  /** The partition that holds the shard's journal. */
  readonly journal: TopicPartition;
  /** Journal entries after the memory's lie at or above this offset of the journal partition. */
  readonly journalOffset: number;
  /** Journal entries to apply while replaying S..C, in order. */
  readonly journalEntries: readonly JournalEntry[];
  /** The partition's high watermark as recovery found it. */
  readonly end: number;
}

/**
 * Returns the shard's memory at its newest usable snapshot, and what is needed to replay from there
 * to the committed offset. `writer` must be open: earlier owners are fenced.
 * @throws ConfigError when going on would compute something else: other semantics, input or journal
 * no longer held.
 * @throws UnavailableError when a peer does not answer: recover again.
 */
export async function recoverShard(
  context: ShardContext,
  shard: TopicPartition,
  role: ShardRole,
  writer: PartitionWriter,
): Promise<Recovered> {
  const found = await readCommittedShard(context, shard);
  if (found === undefined) return firstAcquire(context, shard, role, writer);
  context.heldPositions.assertReached(shard, found.committedOffset);

  const committed = await withOpenedJournal(context, shard, writer, found);
  const { committedOffset } = committed;
  const start = await newestUsable(context, shard, role, committed);
  const entries = await journalAfter(context, shard, start, committed);
  const { earliest, end } = await context.log.offsets(shard);
  const folded = committed.metadata.partial?.offset ?? committedOffset;
  if (folded > end) throw madeAgain(shard, folded, end);
  const needed = neededOffset(start.memory.position, entries);
  if (needed >= earliest) return { ...start, ...committed, journalEntries: entries, end };
  const missing = { needed, earliest };
  if (!context.settings.acceptGap) throw gapRefusal(shard, committed, missing);
  return {
    ...start,
    end,
    ...(await acceptGap(context, shard, writer, { committed, entries, missing })),
  };
}

/**
 * The first acquire ever commits where the log began for us; STARTING_OFFSETS applies here and
 * nowhere else.
 */
async function firstAcquire(
  context: ShardContext,
  shard: TopicPartition,
  role: ShardRole,
  writer: PartitionWriter,
): Promise<Recovered> {
  const { createBaseline, log, semantics, settings } = context;
  assertKnownSource(context, shard, role);
  const shardKey = shardKeyOf(settings.groupId, shard);
  const { formerJournalPartitions, journalPartitions } = context;
  const journal = journalPartitionOf(context, shard, journalPartitions);
  const former = formerJournalPartitions.map((count) => journalPartitionOf(context, shard, count));
  for (const place of [journal, ...former]) {
    if (await context.journalShards.has(place, shardKey)) throw offsetsVanished(place, shardKey);
  }
  const { earliest, end } = await log.offsets(shard);
  const latest = role === 'source' && settings.startingOffsets === 'latest';
  const origin = latest ? end : earliest;
  const journalOffset = (await log.offsets(journal)).end;
  const ids = await context.topicIds.now();
  const metadata = firstMetadata(context, { origin, journalOffset });
  const committed = await openJournal(context, shard, writer, {
    committedOffset: origin,
    journal,
    metadata: withTopicIds(metadata, shard, { ids, journal: journal.topic }),
  });
  const memory = emptyMemory(role, semantics, origin, createBaseline);
  const journalEntries = [openingEntry(origin)];
  return { memory, ...committed, journalOffset, journalEntries, end };
}

function firstMetadata(
  { journalPartitions, rekeyedPartitions, semantics, sourcePartitions }: ShardContext,
  { origin, journalOffset }: { readonly origin: number; readonly journalOffset: number },
): PositionMetadata {
  return {
    version: 1,
    origin,
    fingerprint: semanticsFingerprint(semantics).text,
    sources: sourcePartitions,
    watermarkMs: null,
    sourceMaxMs: null,
    sourceIdle: false,
    journal: { sequence: 0, originOffset: journalOffset, partitions: journalPartitions },
    rekeyedPartitions,
    snapshots: [],
  };
}

/**
 * Gives the shard's journal its first entry where an earlier version has committed the shard
 * without one.
 */
async function withOpenedJournal(
  context: ShardContext,
  shard: TopicPartition,
  writer: PartitionWriter,
  committed: CommittedShard,
): Promise<CommittedShard> {
  if (committed.metadata.journal.sequence > 0) return committed;
  return openJournal(context, shard, writer, committed);
}

/**
 * Commits the position with the first entry of the shard's journal; returns what is committed then.
 */
async function openJournal(
  context: ShardContext,
  shard: TopicPartition,
  writer: PartitionWriter,
  { committedOffset, journal, metadata }: CommittedShard,
): Promise<CommittedShard> {
  const entry = openingEntry(committedOffset);
  const opened = { ...metadata, journal: { ...metadata.journal, sequence: entry.sequence } };
  const shardKey = shardKeyOf(context.settings.groupId, shard);
  await writer.commit({
    nextOffset: committedOffset,
    metadata: encodePositionMetadata(opened),
    records: [journalRecord(entry, shardKey, journal)],
  });
  return { committedOffset, journal, metadata: opened };
}

/**
 * Partitions that are added while the program runs move keys: whoever is assigned one finds out.
 */
function assertKnownSource(context: ShardContext, shard: TopicPartition, role: ShardRole): void {
  const { semantics, sourcePartitions } = context;
  if (role !== 'source' || shard.partition < sourcePartitions) return;
  if (semantics.inputKeying !== 'rekey')
    throw partitionsGrew(shard.topic, shard.partition + 1, sourcePartitions);
}

/** Resolves with the newest readable snapshot up to the committed offset, else with the origin. */
async function newestUsable(
  context: ShardContext,
  shard: TopicPartition,
  role: ShardRole,
  { committedOffset, metadata }: CommittedShard,
): Promise<StartingPoint> {
  for await (const restored of restorableSnapshots(context, shard, role, metadata)) {
    const { position } = restored.memory;
    if (position <= committedOffset) return restored;
    context.logger.warn(
      { shard: shardKeyOf(context.settings.groupId, shard), position, committedOffset },
      'snapshot is past the committed offset; trying an older one or replaying from the origin',
    );
  }
  if (metadata.migratedAt !== undefined) throw migratedStateLost(shard, metadata.migratedAt);
  return originOf(context, role, metadata);
}
