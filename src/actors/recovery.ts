// Acquire → restore: from nothing to a shard that can fold. The order is the protocol: the writer is opened first,
// which fences every earlier owner, and only then is the committed offset read; nothing can move it any more.
//
//   origin ──────── S (newest usable snapshot named by C's metadata) ──── replay, outputs muted ──── C (committed) ── live
import { ConfigError, CorruptSnapshotError } from '../errors.ts';
import { partitionForKey } from '../log/partitioning.ts';
import type { PartitionWriter, TopicPartition } from '../log/event-log.ts';
import { semanticsFingerprint } from '../sensors/fingerprint.ts';
import { journalHasEntries, readJournal, type JournalEntry } from './journal.ts';
import {
  decodePositionMetadata,
  encodePositionMetadata,
  type NamedSnapshot,
  type PositionMetadata,
} from './position-metadata.ts';
import { shardKeyOf, type ShardContext } from './shard-context.ts';
import { decodeSnapshot, emptyMemory, type ShardMemory, type ShardRole } from './shard-memory.ts';

export interface Recovered {
  readonly memory: ShardMemory;
  /** C: outputs of records below it are committed already. */
  readonly committedOffset: number;
  readonly metadata: PositionMetadata;
  /** Journal entries after the memory's lie at or above this offset of the journal partition. */
  readonly journalOffset: number;
  /** Marks to obey while replaying S..C, in order. */
  readonly journalEntries: readonly JournalEntry[];
}

/** Returns the journal partition that holds the shard's entries. */
export function journalPartitionOf(context: ShardContext, shard: TopicPartition): TopicPartition {
  const key = Buffer.from(shardKeyOf(context.settings.groupId, shard));
  const partition = partitionForKey(key, context.journalPartitions);
  return { topic: context.topics.journal, partition };
}

/**
 * Returns the shard's memory at its newest usable snapshot, and what is needed to replay from there to the committed
 * offset. `writer` must be open: earlier owners are fenced.
 * @throws ConfigError when going on would compute something else: other semantics, input or journal no longer held.
 * @throws UnavailableError when a peer does not answer: recover again.
 */
export async function recoverShard(
  context: ShardContext,
  shard: TopicPartition,
  role: ShardRole,
  writer: PartitionWriter,
): Promise<Recovered> {
  const { log, semantics, settings } = context;
  const committed = await log.committed(settings.groupId, shard);
  if (committed === undefined) return firstAcquire(context, shard, role, writer);

  const where = `${shard.topic}/${shard.partition} in group ${settings.groupId}`;
  const metadata = decodePositionMetadata(committed.metadata, where);
  assertSameSemantics(context, metadata, where);
  assertSameSources(context, metadata);
  const restored = await restoreSnapshot(
    context,
    shard,
    role,
    metadata.snapshots,
    committed.nextOffset,
  );
  const memory = restored?.memory ?? emptyMemory(role, semantics, metadata.origin);
  await assertLogHolds(context, shard, memory.position, committed.nextOffset);
  const journalOffset = restored?.journalOffset ?? metadata.journal.originOffset;
  const journalEntries = await readJournal(log, {
    journal: journalPartitionOf(context, shard),
    shardKey: shardKeyOf(settings.groupId, shard),
    fromOffset: journalOffset,
    afterSequence: memory.journalSequence,
    lastSequence: metadata.journal.sequence,
  });
  const committedOffset = committed.nextOffset;
  return { memory, committedOffset, metadata, journalOffset, journalEntries };
}

/** The first acquire ever commits where the log began for us; STARTING_OFFSETS applies here and nowhere else. */
async function firstAcquire(
  context: ShardContext,
  shard: TopicPartition,
  role: ShardRole,
  writer: PartitionWriter,
): Promise<Recovered> {
  const { log, semantics, settings } = context;
  const journal = journalPartitionOf(context, shard);
  const shardKey = shardKeyOf(settings.groupId, shard);
  if (await journalHasEntries(log, journal, shardKey)) {
    throw new ConfigError(
      `the journal ${journal.topic}/${journal.partition} has entries of ${shardKey}, but the group has no committed ` +
        'offset there (expired or deleted): results already written would be doubled. Start with a new GROUP_ID ' +
        'and OUTPUT_TOPIC',
      { shard: shardKey },
    );
  }
  const { earliest, end } = await log.offsets(shard);
  const latest = role === 'source' && settings.startingOffsets === 'latest';
  const origin = latest ? end : earliest;
  const journalEnd = (await log.offsets(journal)).end;
  const metadata: PositionMetadata = {
    version: 1,
    origin,
    fingerprint: semanticsFingerprint(semantics).text,
    sources: context.sourcePartitions,
    watermarkMs: null,
    sourceMaxMs: null,
    sourceIdle: false,
    journal: { sequence: 0, originOffset: journalEnd },
    snapshots: [],
  };
  await writer.commit({
    nextOffset: origin,
    metadata: encodePositionMetadata(metadata),
    records: [],
  });
  const memory = emptyMemory(role, semantics, origin);
  const journalOffset = journalEnd;
  return { memory, committedOffset: origin, metadata, journalOffset, journalEntries: [] };
}

async function restoreSnapshot(
  context: ShardContext,
  shard: TopicPartition,
  role: ShardRole,
  snapshots: readonly NamedSnapshot[],
  committedOffset: number,
): Promise<{ memory: ShardMemory; journalOffset: number } | undefined> {
  const shardKey = shardKeyOf(context.settings.groupId, shard);
  for (const reference of snapshots) {
    try {
      const bytes = await context.snapshots.read(shardKey, reference);
      const restored = decodeSnapshot(bytes, shard, role, context.semantics);
      if (restored.memory.position > committedOffset) {
        throw new CorruptSnapshotError(
          `snapshot ${reference.id} is at offset ${restored.memory.position}, past the committed ${committedOffset}`,
        );
      }
      return restored;
    } catch (error) {
      if (!(error instanceof CorruptSnapshotError)) throw error;
      context.logger.warn(
        { shard: shardKey, snapshot: reference.id, reason: error.message },
        'snapshot not usable; trying an older one or replaying from the origin',
      );
    }
  }
  return undefined;
}

function assertSameSemantics(
  context: ShardContext,
  metadata: PositionMetadata,
  where: string,
): void {
  const now = semanticsFingerprint(context.semantics).text;
  if (metadata.fingerprint === now) return;
  throw new ConfigError(
    `settings that change results differ from those that computed ${where}: committed {${metadata.fingerprint}}, ` +
      `configured {${now}}. Set them back, or start with a new GROUP_ID and OUTPUT_TOPIC`,
    { committed: metadata.fingerprint, configured: now },
  );
}

/** Under keyed input, more partitions mean moved keys: a sensor would have two owners and two baselines. */
function assertSameSources(context: ShardContext, metadata: PositionMetadata): void {
  const { sourcePartitions, topics, semantics } = context;
  if (metadata.sources === sourcePartitions || semantics.inputKeying === 'rekey') return;
  throw new ConfigError(
    `${topics.input} has ${sourcePartitions} partitions but had ${metadata.sources} when this group started: keys have ` +
      'moved and a sensor would have two owners. Start with a new GROUP_ID and OUTPUT_TOPIC and INPUT_KEYING=rekey',
    { partitions: sourcePartitions, partitionsBefore: metadata.sources },
  );
}

async function assertLogHolds(
  context: ShardContext,
  shard: TopicPartition,
  restoredOffset: number,
  committedOffset: number,
): Promise<void> {
  const { earliest, end } = await context.log.offsets(shard);
  const where = `${shard.topic}/${shard.partition}`;
  if (restoredOffset < earliest) {
    throw new ConfigError(
      `${where} begins at offset ${earliest}, but this group needs it from offset ${restoredOffset} ` +
        `(committed ${committedOffset}): records were deleted before they were read. Lengthen the topic's retention; ` +
        'to go on without them start with a new GROUP_ID and OUTPUT_TOPIC',
      { earliest, needed: restoredOffset },
    );
  }
  if (committedOffset > end) {
    throw new ConfigError(
      `${where} ends at offset ${end}, but this group committed ${committedOffset}: the topic was deleted and made ` +
        'again, or lost data. Start with a new GROUP_ID and OUTPUT_TOPIC',
      { end, committed: committedOffset },
    );
  }
}
