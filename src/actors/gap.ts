// Records that retention deleted before this group was done with them. A shard refuses to start
// over such a gap, unless the operator accepts it: then the journal says so, and every later replay
// passes it in the same way.
//
//   from_offset          to_offset          offset = C
//        │ lost, not folded   │ folded again      │ watermark of C: no row of below it is made twice ── live
//
// Where the log begins past C, what lies between was never read at all, and folding goes on at
// to_offset. Where a commit after C is out in part, its cut takes the place of C: without the
// records, its other outputs cannot be told from those that are visible, and are lost with them.
import { ConfigError } from '../errors.ts';
import type { PartitionWriter } from '../log/event-log.ts';
import type { TopicPartition } from '../records/record.ts';
import type { Decision, JournalEntry } from './journal.ts';
import { journalRecord } from './journal.ts';
import { encodePositionMetadata, wholeMetadata } from './position-metadata.ts';
import type { CommittedShard } from './restore.ts';
import { shardKeyOf, type ShardContext } from './shard-context.ts';

export type Gap = Extract<Decision, { readonly kind: 'gap' }>;

/**
 * Returns the offset of the first record that a replay from `position` needs, past the gaps that
 * were accepted there.
 */
export function neededOffset(position: number, entries: readonly JournalEntry[]): number {
  return entries.reduce(
    (needed, entry) =>
      entry.kind === 'gap' && entry.from_offset === needed ? entry.to_offset : needed,
    position,
  );
}

export interface Missing {
  /** The first record that is needed, and the first that the log holds: later. */
  readonly needed: number;
  readonly earliest: number;
}

/** Returns why the shard cannot start, with both offsets and the cure. */
export function gapRefusal(
  shard: TopicPartition,
  { committedOffset }: Pick<CommittedShard, 'committedOffset'>,
  { needed, earliest }: Missing,
): ConfigError {
  return new ConfigError(
    `${shard.topic}/${shard.partition} begins at offset ${earliest}, but this group needs it from offset ${needed} ` +
      `(committed ${committedOffset}): records were deleted before they were read. Lengthen the topic's retention; to ` +
      `go on without them POST /shards/${shard.topic}/${shard.partition}/retry?accept_gap=true, or start once with ` +
      '--accept-gap (ACCEPT_GAP=true); or start with a new GROUP_ID and OUTPUT_TOPIC',
    { earliest, needed, committed: committedOffset },
  );
}

/**
 * Journals that the shard goes on without the missing records, and commits it. Returns what is
 * committed now, and the entries of before with the new one.
 */
export async function acceptGap(
  context: ShardContext,
  shard: TopicPartition,
  writer: PartitionWriter,
  { committed, entries, missing }: Accepted,
): Promise<CommittedShard & { readonly journalEntries: readonly JournalEntry[] }> {
  const { journal } = committed;
  const { needed, earliest } = missing;
  const { partial } = committed.metadata;
  const before = wholeMetadata(committed.metadata);
  const committedOffset = partial?.offset ?? committed.committedOffset;
  const sequence = before.journal.sequence + 1;
  const entry: JournalEntry = {
    version: 1,
    sequence,
    offset: committedOffset,
    kind: 'gap',
    from_offset: needed,
    to_offset: earliest,
    watermark_ms: before.watermarkMs,
    source_max_ms: before.sourceMaxMs,
  };
  const shardKey = shardKeyOf(context.settings.groupId, shard);
  const metadata = { ...before, journal: { ...before.journal, sequence } };
  const nextOffset = Math.max(committedOffset, earliest);
  await writer.commit({
    nextOffset,
    metadata: encodePositionMetadata(metadata),
    records: [journalRecord(entry, shardKey, journal)],
  });
  // Of a commit that is out in part, the records count too: some of their outputs are lost.
  const unread = nextOffset - committed.committedOffset;
  context.metrics.decisions.inc({ kind: 'gap' });
  context.metrics.gapRecords.inc(unread);
  context.logger.error(
    { ...shard, needed, earliest, committedOffset, unread, partial },
    'gap accepted: records were deleted before they were read, and the shard goes on without them',
  );
  return { committedOffset: nextOffset, metadata, journal, journalEntries: [...entries, entry] };
}

interface Accepted {
  readonly committed: CommittedShard;
  readonly entries: readonly JournalEntry[];
  readonly missing: Missing;
}
