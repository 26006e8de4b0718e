// Carries one shard over to other semantic settings, exactly once. The switch is one commit: until
// it, nothing has changed; from it on, the shard has the new settings.
//
//   open the writer: every owner is fenced ──▶ fold to the committed position, as before
//     ──▶ the state under the new settings, stored as a snapshot ──▶ commit: its name, new settings
//
// A migration back to the settings of before folds their own snapshot on: as if never migrated.
import {
  encodePositionMetadata,
  metadataBytesMax,
  type NamedSnapshot,
  type PositionMetadata,
} from '../actors/position-metadata.ts';
import { readCommittedShard, type CommittedShard } from '../actors/restore.ts';
import { shardKeyOf } from '../actors/shard-context.ts';
import {
  decodeShardSnapshot,
  encodeShardSnapshot,
  migrateShardSnapshot,
  roleOf,
} from '../actors/shard-memory.ts';
import { unnamedMax } from '../actors/snapshot-inventory.ts';
import type { Clock } from '../clock.ts';
import { ConfigError } from '../errors.ts';
import type { EventLog, PartitionWriter } from '../log/event-log.ts';
import type { PastContext } from '../past/past-context.ts';
import { stateAt, type PastShard } from '../past/past-shard.ts';
import type { TopicPartition } from '../records/record.ts';
import { semanticsFingerprint } from '../sensors/fingerprint.ts';
import { planMigration } from '../sensors/migration-plan.ts';
import type { Semantics } from '../sensors/semantics.ts';
import { formerSettings } from './former-settings.ts';

export interface ShardMigration {
  /** Its semantics are those that the shard has; its log can write. */
  readonly context: PastContext & { readonly log: Pick<EventLog, 'openWriter'> };
  readonly shard: TopicPartition;
  readonly to: Semantics;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly signal?: AbortSignal;
  onProgress?(done: number, total: number): void;
}

export interface MigratedShard extends TopicPartition {
  /** Position of the switch. */
  readonly offset: number;
  readonly sensors: number;
  readonly openWindows: number;
  /** `back`: the former state was folded on; `over`: the present one was carried over. */
  readonly way: 'over' | 'back';
}

/**
 * Migrates the shard; returns undefined where the group has committed nothing of it.
 * @throws ConfigError where that is impossible: nothing has changed then.
 * @throws FencedError, UnavailableError where another owner came, or the log does not answer: the
 * shard is on one side or the other, and the same migration may be run again.
 */
export async function migrateShard(migration: ShardMigration): Promise<MigratedShard | undefined> {
  const { context, shard, signal } = migration;
  const { groupId } = context.settings;
  const writer = await context.log.openWriter(groupId, shard, signal);
  try {
    const committed = await readCommittedShard(context, shard);
    if (committed === undefined) return undefined;
    assertWhole(shard, committed.metadata);
    const back = await foldedBack(migration, committed);
    const past = back ?? (await foldedOver(migration, committed));
    signal?.throwIfAborted();
    await switchTo(migration, writer, { committed, past, way: back ? 'back' : 'over' });
    const { openWindowCount, sensorCount } = past.memory.state;
    return {
      ...shard,
      offset: committed.committedOffset,
      sensors: sensorCount,
      openWindows: openWindowCount,
      way: back ? 'back' : 'over',
    };
  } finally {
    await writer.close();
  }
}

/** Its next owner must fold the rest of such a commit under the settings that began it. */
function assertWhole({ topic, partition }: TopicPartition, { partial }: PositionMetadata): void {
  if (partial === undefined) return;
  throw new ConfigError(
    `a commit of ${topic}/${partition} is out in part: start the program once with the settings of before, stop ` +
      'it, and migrate then',
    { topic, partition },
  );
}

function foldedOver(
  { context, shard, onProgress }: ShardMigration,
  committed: CommittedShard,
): Promise<PastShard> {
  const progress = onProgress === undefined ? {} : { onProgress };
  return stateAt(context, shard, committed.committedOffset, { committed, ...progress });
}

/**
 * Resolves with the state that the former settings would have led to; undefined where the
 * migration does not lead back, or where that state cannot be folded any more.
 */
async function foldedBack(
  migration: ShardMigration,
  committed: CommittedShard,
): Promise<PastShard | undefined> {
  const { context, shard, to, onProgress } = migration;
  const { former, migratedAt: _, ...metadata } = committed.metadata;
  if (former === undefined || !leadsBack(migration, former.settings)) return undefined;
  const before: PositionMetadata = {
    ...metadata,
    fingerprint: semanticsFingerprint(to).text,
    snapshots: former.snapshot === undefined ? [] : [former.snapshot],
    ...(former.migratedAt === undefined ? {} : { migratedAt: former.migratedAt }),
  };
  try {
    return await stateAt({ ...context, semantics: to }, shard, committed.committedOffset, {
      committed: { ...committed, metadata: before },
      ...(onProgress === undefined ? {} : { onProgress }),
    });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    context.logger.warn(
      { ...shard, reason: error.message },
      'the state of before cannot be folded on: the present one is carried over instead',
    );
    return undefined;
  }
}

/** Settings that move event time or limit sensors decide which rows are out: no way back. */
const foldedAgain: ReadonlySet<string> = new Set([
  'ALARM_REST',
  'ANOMALY_THRESHOLD',
  'ANOMALY_WARMUP',
  'BASELINE',
  'BASELINE_HALF_LIFE',
  'FEATURES',
  'WINDOWS',
]);

function leadsBack({ context, to }: ShardMigration, former: string): boolean {
  const changes = planMigration(context.semantics, to);
  return (
    former === formerSettings(to, context.semantics) &&
    changes.every(({ setting }) => foldedAgain.has(setting))
  );
}

interface Switch {
  readonly committed: CommittedShard;
  readonly past: PastShard;
  readonly way: MigratedShard['way'];
}

async function switchTo(
  { context, shard, to, clock }: ShardMigration,
  writer: PartitionWriter,
  { committed, past, way }: Switch,
): Promise<void> {
  const { log, semantics: from, settings, snapshots } = context;
  const { committedOffset, journal, metadata } = committed;
  const shardKey = shardKeyOf(settings.groupId, shard);
  // Every entry is in the memory, and the writer keeps others from adding any.
  const { end } = await log.offsets(journal);
  const encoded = encodeShardSnapshot(past.memory, shard, end);
  const bytes = way === 'back' ? encoded : migrateShardSnapshot(encoded, { from, to });
  // A commit must name no snapshot that its owner could not restore.
  decodeShardSnapshot(bytes, shard, roleOf(context.topics, shard), to);
  const takenMs = clock.nowMs();
  const id = `${writer.epoch}-${committedOffset}-${takenMs}`;
  const reference = await snapshots.write(shardKey, id, bytes);
  const switched = switchedMetadata(metadata, {
    to,
    from,
    snapshot: { ...reference, takenMs },
    offset: committedOffset,
  });
  await writer.commit({
    nextOffset: committedOffset,
    metadata: encodePositionMetadata(switched),
    records: [],
  });
}

/** Left for later commits: a second snapshot, and those that wait to be removed. */
const roomBytes = 1_500;

function switchedMetadata(
  { former, migratedAt, snapshots, unnamed = [], ...metadata }: PositionMetadata,
  {
    from,
    to,
    snapshot,
    offset,
  }: {
    readonly from: Semantics;
    readonly to: Semantics;
    readonly snapshot: NamedSnapshot;
    readonly offset: number;
  },
): PositionMetadata {
  const [newest, ...older] = snapshots;
  const given = [
    ...unnamed,
    ...older,
    ...(former?.snapshot === undefined ? [] : [former.snapshot]),
  ];
  const switched: PositionMetadata = {
    ...metadata,
    fingerprint: semanticsFingerprint(to).text,
    snapshots: [snapshot],
    migratedAt: offset,
  };
  const now = {
    settings: formerSettings(from, to),
    ...(newest === undefined ? {} : { snapshot: newest }),
    ...(migratedAt === undefined ? {} : { migratedAt }),
  };
  const kept = { ...switched, former: now };
  const fits = Buffer.byteLength(JSON.stringify(kept)) + roomBytes <= metadataBytesMax;
  const garbage = fits || newest === undefined ? given : [...given, newest];
  return {
    ...(fits ? kept : switched),
    ...(garbage.length === 0 ? {} : { unnamed: garbage.slice(-unnamedMax) }),
  };
}
