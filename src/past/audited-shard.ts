// Refolds one shard for an audit, from a snapshot or the origin to the committed position. Reports
// every window that closes, and every stored snapshot that differs from the recomputed state.
import { createBatchFolder } from '../actors/fold-batch.ts';
import { createOutbox } from '../actors/outbox.ts';
import { JournaledFold } from '../actors/journaled-fold.ts';
import {
  foldsFromOrigin,
  journalAfter,
  originOf,
  readCommittedShard,
  restorableSnapshots,
  type CommittedShard,
  type StartingPoint,
} from '../actors/restore.ts';
import { encodeShardSnapshot, roleOf } from '../actors/shard-memory.ts';
import { ConfigError } from '../errors.ts';
import type { TopicPartition } from '../records/record.ts';
import { loadKnownSchema } from './missing-schema.ts';
import type { PastContext } from './past-context.ts';
import type { ClosedWindow } from '../sensors/shard-state.ts';

export interface AuditedShard {
  readonly shard: TopicPartition;
  /** Advanced by each `foldToCommitted`. */
  readonly start: StartingPoint;
  readonly startedFrom: 'snapshot' | 'origin';
  readonly startOffset: number;
  /** Windows ending at or before it had closed before the audit began to compare. */
  startWatermarkMs: number;
  /** Set if earlier requested windows cannot be recomputed: the reason, with both offsets. */
  readonly outOfReach: string | undefined;
}

export interface ShardStart {
  /**
   * `newest`: new windows only; `oldest`: as far back as the log goes; a number: from that time,
   * ms.
   */
  readonly reach: 'newest' | 'oldest' | number;
}

/**
 * Resolves with the shard at its start, or undefined if the group never committed.
 * @throws ConfigError
 */
export async function openAuditedShard(
  context: PastContext,
  shard: TopicPartition,
  { reach }: ShardStart,
): Promise<AuditedShard | undefined> {
  const committed = await readCommittedShard(context, shard);
  if (committed === undefined) return undefined;
  const { metadata, committedOffset } = committed;
  const { earliest } = await context.log.offsets(shard);
  const role = roleOf(context.topics, shard);
  const originIsHeld = foldsFromOrigin(metadata, earliest);
  const fromOrigin = { start: originOf(context, role, metadata), startedFrom: 'origin' as const };
  let chosen: Pick<AuditedShard, 'start' | 'startedFrom'> | undefined;
  if (reach !== 'oldest' || !originIsHeld) {
    for await (const start of restorableSnapshots(context, shard, role, metadata)) {
      const { position, state } = start.memory;
      if (position < earliest || position > committedOffset) continue;
      chosen = { start, startedFrom: 'snapshot' };
      if (reach === 'newest' || (typeof reach === 'number' && covers(state, context, reach))) break;
      if (originIsHeld) chosen = undefined;
    }
  }
  chosen ??= originIsHeld ? fromOrigin : undefined;
  const where = `${shard.topic}/${shard.partition}`;
  const lost =
    `${where} is needed from offset ${metadata.origin}, but the log begins at ${earliest}` +
    (chosen === undefined ? ' and no snapshot after it is left' : '');
  if (chosen === undefined) throw new ConfigError(lost, { needed: metadata.origin, earliest });
  const { memory } = chosen.start;
  const reached = typeof reach !== 'number' || covers(memory.state, context, reach);
  return {
    ...chosen,
    shard,
    startOffset: memory.position,
    startWatermarkMs: memory.state.watermarkMs,
    outOfReach: reached ? undefined : lost,
  };
}

/** Returns whether no window that starts at or after `fromMs` has closed in this state. */
function covers(
  state: StartingPoint['memory']['state'],
  { semantics }: PastContext,
  fromMs: number,
): boolean {
  return state.watermarkMs < fromMs + semantics.windowMs;
}

export interface FoldHandlers {
  windowClosed(window: ClosedWindow): void;
  snapshotDiffers(snapshotOffset: number): void;
  progress(records: number): void;
}

/** Folds the shard to the committed offset, exactly as the group did. */
export async function foldToCommitted(
  context: PastContext,
  audited: AuditedShard,
  committed: CommittedShard,
  handlers: FoldHandlers,
): Promise<void> {
  const { shard, start } = audited;
  const { memory } = start;
  const entries = await journalAfter(context, shard, start, committed);
  // Muted: only the closed windows of the fold are needed.
  const outbox = Object.assign(
    createOutbox({
      featureRow: () => ({ topic: '', key: null, value: null }),
      anomaly: () => undefined,
    }),
    { muted: true, windowClosed: (window: ClosedWindow) => handlers.windowClosed(window) },
  );
  const folder = createBatchFolder({ ...context, shard, outbox });
  const foldTo = async (end: number, lastSequence: number): Promise<void> => {
    const due = entries.filter(
      ({ sequence }) => sequence > memory.journalSequence && sequence <= lastSequence,
    );
    const replay = new JournaledFold({ memory, folder, closed: outbox, entries: due, end });
    replay.begin();
    if (replay.ended) return;
    for await (const batch of context.log.read({ ...shard, from: memory.position, to: end })) {
      const before = memory.position;
      while (replay.fold(batch) === 'paused') await loadKnownSchema(context, folder);
      handlers.progress(memory.position - before);
    }
  };
  for (const stored of await snapshotsBetween(context, audited, committed)) {
    await foldTo(stored.memory.position, stored.memory.journalSequence);
    const expected = encodeShardSnapshot(memory, shard, stored.journalOffset);
    const found = encodeShardSnapshot(stored.memory, shard, stored.journalOffset);
    if (Buffer.compare(expected, found) !== 0) handlers.snapshotDiffers(stored.memory.position);
  }
  await foldTo(committed.committedOffset, committed.metadata.journal.sequence);
}

/** Resolves with the stored snapshots past the current position, oldest first. */
async function snapshotsBetween(
  context: PastContext,
  { shard, start: { memory } }: AuditedShard,
  { metadata, committedOffset }: CommittedShard,
): Promise<readonly StartingPoint[]> {
  const found: StartingPoint[] = [];
  const role = roleOf(context.topics, shard);
  for await (const stored of restorableSnapshots(context, shard, role, metadata)) {
    const { position } = stored.memory;
    if (position > memory.position && position <= committedOffset) found.unshift(stored);
  }
  return found;
}
