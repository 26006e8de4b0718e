// The state of a shard at a past offset: restored from the best snapshot before it and folded from
// there by the code that owners recover with. Read-only: it opens no writer, joins no group and
// does not disturb a running owner.
import type { BatchFolder } from '../actors/batch-folder.ts';
import { createBatchFolder } from '../actors/fold-batch.ts';
import { createOutbox, type Outbox } from '../actors/outbox.ts';
import type { Outgoing } from '../actors/outgoing.ts';
import { foldFailedReason } from '../actors/fold-failure.ts';
import { JournaledFold } from '../actors/journaled-fold.ts';
import {
  foldsFromOrigin,
  journalAfter,
  observeCommittedShard,
  originOf,
  restorableSnapshots,
  type CommittedShard,
  type StartingPoint,
} from '../actors/restore.ts';
import { roleOf, type ShardMemory } from '../actors/shard-memory.ts';
import { noteSchema } from '../actors/unknown-schemas.ts';
import { assert, ConfigError } from '../errors.ts';
import type { OutputRecord, TopicPartition } from '../records/record.ts';
import type { DeadLetterReason } from '../sensors/reading.ts';
import { loadKnownSchema, loadSchema } from './missing-schema.ts';
import type { PastContext } from './past-context.ts';

export interface PastShard extends TopicPartition {
  /**
   * Records below `offset` are folded and journal entries at it applied; the record at it is not
   * folded.
   */
  readonly offset: number;
  readonly memory: ShardMemory;
  /** Why the record at `offset` must not be folded, if the journal says so. */
  readonly skipped?: DeadLetterReason;
  /** Start of the replay: an offset, and the snapshot or origin it began from. */
  readonly startOffset: number;
  readonly startedFrom: 'snapshot' | 'origin';
  /**
   * Past this offset the state is a forecast: the program may still journal a decision before it.
   */
  readonly committedOffset: number;
  readonly folder: BatchFolder;
  /** Muted: the outputs up to here were committed long ago. */
  readonly outbox: Outbox;
}

export interface PastOptions {
  /** Offsets folded so far and in total, gaps included. */
  onProgress?(done: number, total: number): void;
}

/**
 * Returns the shard's state at `offset`.
 * @throws ConfigError, naming the offsets, when the group never folded there or the log no longer
 * holds the records.
 */
export async function shardAt(
  context: PastContext,
  shard: TopicPartition,
  offset: number,
  { onProgress }: PastOptions = {},
): Promise<PastShard> {
  return stateAt(context, shard, offset, {
    committed: await committedShard(context, shard),
    ...(onProgress === undefined ? {} : { onProgress }),
  });
}

/** Like `shardAt`, of a shard whose position the caller has read. */
export async function stateAt(
  context: PastContext,
  shard: TopicPartition,
  offset: number,
  { committed, onProgress }: PastOptions & { readonly committed: CommittedShard },
): Promise<PastShard> {
  const { earliest, end } = await context.log.offsets(shard);
  assertWithin(context, shard, { offset, end, origin: committed.metadata.origin });
  const { start, startedFrom } = await bestStart(context, shard, { offset, earliest, committed });
  const entries = await journalAfter(context, shard, start, committed);
  const { memory } = start;
  const startOffset = memory.position;
  const outbox = createOutbox({ featureRow: () => notWritten, anomaly: () => undefined });
  outbox.muted = true;
  const folder = createBatchFolder({ ...context, shard, outbox });
  const replay = new JournaledFold({ memory, folder, closed: outbox, entries, end: offset });
  replay.begin();
  if (startOffset < offset) {
    for await (const batch of context.log.read({ ...shard, from: startOffset, to: offset })) {
      while (replay.fold(batch) === 'paused') await loadKnownSchema(context, folder);
      onProgress?.(memory.position - startOffset, offset - startOffset);
    }
  }
  assert(replay.ended, 'a replay ends at its offset', { offset, position: memory.position });
  const { committedOffset } = committed;
  const skip = entries.find((entry) => entry.kind === 'skip' && entry.offset === offset);
  return {
    ...shard,
    offset,
    memory,
    ...(skip?.kind === 'skip' ? { skipped: foldFailedReason(skip) } : {}),
    startOffset,
    startedFrom,
    committedOffset,
    folder,
    outbox,
  };
}

/**
 * Moves the state on by one offset. Returns the outcome of the record there, or undefined if there
 * is no record.
 */
export async function foldNext(
  context: PastContext,
  past: PastShard,
): Promise<Outgoing | undefined> {
  const { topic, partition, offset: from, outbox, folder, memory } = past;
  let outgoing: Outgoing | undefined;
  for await (const batch of context.log.read({ topic, partition, from, to: from + 1 })) {
    const records = batch.records();
    if (records.next()) {
      outbox.muted = false;
      for (;;) {
        folder.fold(memory, records, from + 1);
        if (folder.missingSchema === undefined) break;
        // The journal may say so later: until then this is a forecast.
        const found = await loadSchema(context, folder.missingSchema);
        if (!found) noteSchema(memory, folder.missingSchema, false);
      }
      outgoing = outbox.take();
    }
    memory.position = Math.max(memory.position, batch.nextOffset);
  }
  return outgoing;
}

/** @throws ConfigError when the group has committed no offset there. */
export async function committedShard(
  context: PastContext,
  shard: TopicPartition,
): Promise<CommittedShard> {
  const committed = await observeCommittedShard(context, shard);
  if (committed !== undefined) return committed;
  const { groupId } = context.settings;
  throw new ConfigError(
    `group ${groupId} has committed nothing for ${shard.topic}/${shard.partition}: no reading was processed there ` +
      'yet, or GROUP_ID is wrong',
    { ...shard, groupId },
  );
}

/** Placeholder for closed windows: the replay is muted, and an explanation shows no rows. */
const notWritten: OutputRecord = { topic: '', key: null, value: null };

function assertWithin(
  context: PastContext,
  { topic, partition }: TopicPartition,
  { offset, end, origin }: { offset: number; end: number; origin: number },
): void {
  const where = `${topic}/${partition}`;
  if (offset > end) {
    throw new ConfigError(`offset ${offset} is past the end of ${where}, offset ${end}`, {
      offset,
      end,
    });
  }
  if (offset >= origin) return;
  throw new ConfigError(
    `offset ${offset} of ${where} lies before offset ${origin}, where group ${context.settings.groupId} started`,
    { offset, origin },
  );
}

async function bestStart(
  context: PastContext,
  shard: TopicPartition,
  at: { readonly offset: number; readonly earliest: number; readonly committed: CommittedShard },
): Promise<{ readonly start: StartingPoint; readonly startedFrom: 'snapshot' | 'origin' }> {
  const { offset, earliest, committed } = at;
  const { metadata } = committed;
  const role = roleOf(context.topics, shard);
  let later: number | undefined;
  for await (const start of restorableSnapshots(context, shard, role, metadata)) {
    const { position } = start.memory;
    if (position <= offset && position >= earliest) return { start, startedFrom: 'snapshot' };
    if (position > offset) later = position;
  }
  if (foldsFromOrigin(metadata, earliest)) {
    return { start: originOf(context, role, metadata), startedFrom: 'origin' };
  }
  const where = `${shard.topic}/${shard.partition}`;
  throw new ConfigError(
    `the state at offset ${offset} of ${where} needs the log from offset ${metadata.origin}, but it starts at ` +
      `${earliest} and no snapshot in between is left` +
      (later === undefined ? '' : `; states from offset ${later} on are available`),
    { offset, needed: metadata.origin, earliest },
  );
}
