// The snapshots of one session, from due to forgotten. Each is copied at a commit's cut, stored
// after that commit, and named by the next; it counts only once named. One snapshot of the thread
// is copied or stored at a time.
//
//   due ──room, turn──▶ copied at a cut ──committed──▶ stored ──▶ named by the next commit ──▶ forgotten by a later one
import { UnavailableError } from '../errors.ts';
import type { TopicPartition } from '../records/record.ts';
import type { StoredSnapshot } from '../stores/snapshot-store.ts';
import type { NamedSnapshot, PositionMetadata } from './position-metadata.ts';
import { shardKeyOf, type ShardContext } from './shard-context.ts';
import { encodeShardSnapshot, type ShardMemory } from './shard-memory.ts';
import { untilSnapshotDueMs } from './snapshot-due.ts';
import { isOfEarlierOwner, SnapshotInventory } from './snapshot-inventory.ts';
import { smallCopyBytes, SnapshotRoom } from './snapshot-room.ts';

export interface SnapshotScheduleParts {
  readonly context: ShardContext;
  readonly shard: TopicPartition;
  /** Just recovered: a state that needs no snapshot yet. */
  readonly memory: ShardMemory;
  /** Of the writer; part of each snapshot's id. */
  readonly epoch: string;
  /** As it was committed last. */
  readonly metadata: Pick<PositionMetadata, 'snapshots' | 'unnamed' | 'former'>;
  /** Whether anything was committed since the origin. */
  readonly progressed: boolean;
  /** A snapshot may be due now, or is stored and wants to be named. */
  changed(): void;
  failed(error: unknown): void;
}

/** The memory as of a commit's cut, to be stored once that commit has succeeded. */
export interface SnapshotCopy {
  readonly id: string;
  /** It took the thread's turn, and ends it. */
  readonly turn: boolean;
  /** Wall clock at the cut, ms; for display. */
  readonly takenMs: number;
  /** The same moment by the clock that is never set: what the next one is due by. */
  readonly cutMs: number;
  readonly bytes: Uint8Array;
}

const snapshotRetryMs = 5_000;
/** Another shard of the thread may have stored its snapshot by then. */
const snapshotTurnMs = 200;
/**
 * How long a shard that drains waits for its turn: half of the time that its thread has to drain.
 */
const drainTurnMs = 3_000;
const drainPollMs = 20;

export class SnapshotSchedule {
  /** Wall clock of the newest snapshot that is stored, ms. */
  lastMs: number | null;

  readonly #parts: SnapshotScheduleParts;
  readonly #shardKey: string;
  readonly #room: SnapshotRoom;
  #toName: readonly NamedSnapshot[];
  #named: readonly NamedSnapshot[];
  readonly #inventory: SnapshotInventory;
  #writing: SnapshotCopy | undefined;
  #storing: Promise<void> | undefined;
  /** By the clock that is never set: a wall clock set back would put snapshots off for as long. */
  #cutMs: number;
  /** Input folded since then. */
  #inputBytes = 0;
  /** Set while the last one could not be stored: when the next is tried, whatever is folded. */
  #retryMs: number | undefined;
  /** Of the snapshot taken last, stored or not. */
  #position: number;
  /** Holds the thread's turn for the copy of a drain. */
  #reserved = false;
  #collected = false;
  #told = false;
  #closed = false;

  constructor(parts: SnapshotScheduleParts) {
    const { context, metadata } = parts;
    const named = metadata.snapshots;
    this.#parts = parts;
    this.#shardKey = shardKeyOf(context.settings.groupId, parts.shard);
    this.#toName = named;
    this.#named = named;
    this.#inventory = new SnapshotInventory(metadata);
    this.lastMs = named[0]?.takenMs ?? null;
    // Due by the age of the snapshot itself, not since acquire: short-lived owners must not starve
    // it.
    const neverTaken = parts.progressed ? Infinity : 0;
    const ageMs = this.lastMs === null ? neverTaken : context.clock.nowMs() - this.lastMs;
    // One from the future was taken by a clock that has been set since: its age is unknown, and no
    // more than 0 is safe.
    this.#cutMs = context.clock.monotonicMs() - Math.max(0, ageMs);
    this.#room = new SnapshotRoom({
      clock: context.clock,
      turn: context.snapshotTurn,
      ready: () => parts.changed(),
      failed: (error) => parts.failed(error),
    });
    // Recovery has just restored it.
    this.#position = parts.memory.position;
  }

  /** The snapshots that the next commit names, newest first. */
  get toName(): readonly NamedSnapshot[] {
    return this.#toName;
  }

  /** Whether a snapshot is stored that no commit names yet. */
  get unnamed(): boolean {
    return this.#toName !== this.#named;
  }

  /** Snapshot metadata for the commit of the same cut; read it after `copy`. */
  get metadata(): Pick<PositionMetadata, 'snapshots' | 'unnamed'> {
    const unnamed = this.#inventory.unnamed(this.#toName);
    return { snapshots: this.#toName, unnamed: unnamed.length === 0 ? undefined : unnamed };
  }

  /** Set while a snapshot is being stored. */
  get storing(): Promise<void> | undefined {
    return this.#storing;
  }

  /** Input of `bytes` was folded, in a replay too: it would have to be folded again. */
  folded(bytes: number): void {
    this.#inputBytes += bytes;
  }

  /** Returns the time until a commit should cut a snapshot, ms; Infinity where none is wanted. */
  untilDueMs(): number {
    const { context, memory } = this.#parts;
    const taken = memory.position === this.#position;
    if (taken || this.#storing !== undefined || this.#room.beingMade) return Infinity;
    const dueMs = this.#untilDueMs(context.clock.monotonicMs());
    const othersTurn = context.snapshotTurn.taken && !this.#room.holdsTurn;
    if (othersTurn) return Math.max(dueMs, snapshotTurnMs);
    return dueMs > 0 || this.#room.suffices(memory.state.snapshotBytes()) ? dueMs : Infinity;
  }

  /** Whether a copy would be the thread's only one, or is small. */
  get hasTurn(): boolean {
    const { context, memory } = this.#parts;
    const isFree = !context.snapshotTurn.taken || this.#room.holdsTurn || this.#reserved;
    return isFree || memory.state.snapshotBytes() <= smallCopyBytes;
  }

  /** Resolves to whether this shard, which drains, got the thread's turn in time. */
  async reserveTurn(): Promise<boolean> {
    const { clock, logger, snapshotTurn } = this.#parts.context;
    const untilMs = clock.monotonicMs() + drainTurnMs;
    while (!this.hasTurn) {
      if (this.#closed) return false;
      if (clock.monotonicMs() >= untilMs) {
        logger.info(
          { shard: this.#shardKey },
          'left without a last snapshot: others took the time',
        );
        return false;
      }
      await clock.sleep(drainPollMs);
    }
    if (this.#closed || snapshotTurn.taken) return !this.#closed;
    snapshotTurn.taken = true;
    this.#reserved = true;
    return true;
  }

  /** Copies the memory at a commit's cut where a snapshot is due, or where the shard is leaving. */
  copy(when: 'if due' | 'now' | 'never', journalOffset: number): SnapshotCopy | undefined {
    const { context, shard, memory, epoch } = this.#parts;
    const [takenMs, cutMs] = [context.clock.nowMs(), context.clock.monotonicMs()];
    const due = when === 'now' || (when === 'if due' && this.#untilDueMs(cutMs) <= 0);
    if (!due || this.#storing !== undefined) return undefined;
    const turn = this.#reserved || this.#room.holdsTurn || !context.snapshotTurn.taken;
    // A drain does not wait for room.
    const waits = when === 'if due' && !(turn && this.#room.suffices(memory.state.snapshotBytes()));
    if (waits) return undefined;
    context.snapshotTurn.taken = true;
    this.#reserved = false;
    this.#position = memory.position;
    const id = `${epoch}-${memory.position}-${takenMs}`;
    const bytes = encodeShardSnapshot(memory, shard, journalOffset, this.#room.take());
    this.#inputBytes = 0;
    this.#inventory.add({ id, length: bytes.length });
    this.#writing = { id, takenMs, cutMs, turn, bytes };
    return this.#writing;
  }

  /** The commit at whose cut `copy` was made has succeeded: stores it in the background. */
  store(copy: SnapshotCopy): void {
    this.#storing = this.#store(copy);
  }

  /** The commit at whose cut `copy` was made has failed. */
  drop(copy: SnapshotCopy): void {
    this.#endTurn(copy);
  }

  /** A commit that names `named` has succeeded: removes what can be named no more. */
  committed(named: readonly NamedSnapshot[]): void {
    this.#named = named;
    const { logger } = this.#parts.context;
    const writing = this.#writing === undefined ? [] : [this.#writing];
    const garbage = this.#inventory.takeGarbage([...named, ...this.#toName, ...writing]);
    for (const snapshot of garbage) this.#remove(snapshot);
    if (this.#collected) return;
    this.#collected = true;
    this.#collect().catch((error: unknown) => {
      logger.warn({ shard: this.#shardKey, reason: String(error) }, 'old snapshots not looked for');
    });
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    if (this.#reserved) this.#parts.context.snapshotTurn.taken = false;
    this.#reserved = false;
    this.#room.close();
  }

  /**
   * Removes snapshots of earlier owners that no metadata lists: those of versions that list none.
   */
  async #collect(): Promise<void> {
    const { context, epoch, metadata } = this.#parts;
    const listed = (await context.snapshots.list?.(this.#shardKey)) ?? [];
    const { former, snapshots } = metadata;
    const kept = new Set([former?.snapshot, ...snapshots].map((snapshot) => snapshot?.id));
    for (const id of listed) {
      if (!kept.has(id) && isOfEarlierOwner(id, epoch)) this.#remove({ id, length: 0 });
    }
  }

  #remove(snapshot: StoredSnapshot): void {
    const { logger, snapshots } = this.#parts.context;
    snapshots.remove(this.#shardKey, snapshot).then(
      () => this.#inventory.removed(snapshot),
      (error: unknown) => {
        const fields = { shard: this.#shardKey, reason: String(error) };
        logger.warn(fields, 'old snapshot not removed');
      },
    );
  }

  async #store(copy: SnapshotCopy): Promise<void> {
    const { context, shard } = this.#parts;
    const { clock, metrics } = context;
    try {
      const reference = await context.snapshots.write(this.#shardKey, copy.id, copy.bytes);
      // Nobody will ever name it.
      if (this.#closed) return this.#remove(reference);
      const stored: NamedSnapshot = { ...reference, takenMs: copy.takenMs };
      this.#inventory.add(reference);
      this.#toName = [stored, ...this.#toName].slice(0, 2);
      this.lastMs = copy.takenMs;
      this.#cutMs = copy.cutMs;
      this.#retryMs = undefined;
      metrics.snapshotSeconds.observe((clock.monotonicMs() - copy.cutMs) / 1_000);
      metrics.snapshotBytes.set(
        { topic: shard.topic, partition: String(shard.partition) },
        copy.bytes.length,
      );
      this.#tell(copy);
    } catch (error) {
      // A snapshot only shortens recovery: the pipeline goes on, and the next one is tried soon.
      if (!(error instanceof UnavailableError)) return this.#parts.failed(error);
      this.#retryMs = clock.monotonicMs() + snapshotRetryMs;
      this.#position = -1;
      context.logger.warn({ shard: this.#shardKey, reason: error.message }, 'snapshot not stored');
    } finally {
      this.#storing = undefined;
      this.#writing = undefined;
      this.#endTurn(copy);
      this.#parts.changed();
    }
  }

  /** Says in the log that the session's first snapshot is stored; later ones say so at debug. */
  #tell({ id, bytes, cutMs }: SnapshotCopy): void {
    const { context, shard } = this.#parts;
    const tookMs = Math.round(context.clock.monotonicMs() - cutMs);
    const level = this.#told ? 'debug' : 'info';
    this.#told = true;
    context.logger[level]({ ...shard, id, bytes: bytes.length, tookMs }, 'snapshot stored');
  }

  #untilDueMs(nowMs: number): number {
    if (this.#retryMs !== undefined) return this.#retryMs - nowMs;
    const since = {
      ageMs: nowMs - this.#cutMs,
      inputBytes: this.#inputBytes,
      snapshotBytes: this.#toName[0]?.length ?? 0,
    };
    return untilSnapshotDueMs(since, this.#parts.context.settings.snapshotIntervalMs);
  }

  #endTurn({ turn }: SnapshotCopy): void {
    if (turn) this.#parts.context.snapshotTurn.taken = false;
  }
}
