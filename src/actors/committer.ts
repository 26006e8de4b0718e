// When a session commits: as the commit policy says, once the fold needs room, when it drains, and
// when its last snapshot wants a name. One commit is in flight at a time while the fold runs on;
// what a commit does is in commit-run.ts, what becomes of snapshots in snapshot-schedule.ts.
//
//   fold ──▶ outbox ──▶ due? ──▶ CommitRun (cut → send → named → forget) ──▶ due?
import type { Timer } from '../clock.ts';
import { UnavailableError } from '../errors.ts';
import type { TopicPartition } from '../records/record.ts';
import { closesSoon, commitDelayMs } from './commit-policy.ts';
import { CommitRun, type SnapshotWish } from './commit-run.ts';
import { CommitWaiters } from './commit-waiters.ts';
import type { CommittedTotals } from './committed-counts.ts';
import type { Outbox } from './outbox.ts';
import type { PositionMetadata } from './position-metadata.ts';
import type { ShardContext } from './shard-context.ts';
import type { ShardMemory } from './shard-memory.ts';
import type { ShardTraces } from './shard-traces.ts';
import { SnapshotSchedule } from './snapshot-schedule.ts';
import type { WatchedWriter } from './watched-writer.ts';

export interface CommitterParts {
  readonly context: ShardContext;
  readonly shard: TopicPartition;
  readonly writer: WatchedWriter;
  readonly memory: ShardMemory;
  readonly outbox: Outbox;
  /** Left out where traces are off. */
  readonly traces?: ShardTraces | undefined;
  readonly metadata: PositionMetadata;
  readonly committedOffset: number;
  readonly journalOffset: number;
  /** The session is over: memory may hold what was never committed. */
  onFailed(error: unknown): void;
}

/** How long a drain lets a commit go on: half of the time that its thread has to drain. */
const drainPartsMs = 3_000;

export class Committer {
  lagRecords = 0;

  readonly #parts: CommitterParts;
  readonly #snapshots: SnapshotSchedule;
  readonly #run: CommitRun;
  readonly #waiters = new CommitWaiters();
  #inFlight: Promise<void> | undefined;
  #timer: Timer | undefined;
  #closed = false;
  #draining = false;

  constructor(parts: CommitterParts) {
    const { context, committedOffset, metadata } = parts;
    this.#parts = parts;
    this.#snapshots = new SnapshotSchedule({
      context,
      shard: parts.shard,
      memory: parts.memory,
      epoch: parts.writer.epoch,
      metadata,
      progressed: committedOffset > metadata.origin,
      changed: () => this.poke(),
      failed: (error) => this.#fail(error),
    });
    this.#run = new CommitRun({ ...parts, snapshots: this.#snapshots, waiters: this.#waiters });
  }

  get committedOffset(): number {
    return this.#run.committedOffset;
  }

  /** Wall clock of the last commit of this session, ms. */
  get lastCommitMs(): number | null {
    return this.#run.lastMs;
  }

  /** Committed since this session began. */
  get totals(): Readonly<CommittedTotals> {
    return this.#run.totals;
  }

  /** Wall clock of the newest snapshot that is stored, ms. */
  get lastSnapshotMs(): number | null {
    return this.#snapshots.lastMs;
  }

  /** Set by the session once it has checked that the source is caught up and quiet. */
  get sourceIdle(): boolean {
    return this.#run.sourceIdle;
  }

  set sourceIdle(idle: boolean) {
    this.#run.sourceIdle = idle;
  }

  /** Input of `bytes`, as the log holds it, was folded. */
  folded(bytes: number): void {
    this.#snapshots.folded(bytes);
  }

  /**
   * Commits now, or sets the timer for when one is due. Called whenever something may have become
   * pending.
   */
  poke(): void {
    this.#run.notice.look();
    const busy = this.#draining || this.#inFlight !== undefined;
    if (this.#closed || busy || !this.#parts.outbox.committable) return;
    const { context, memory, outbox, writer } = this.#parts;
    const { state } = memory;
    const { positionMoved } = this.#run;
    const timing = {
      lagRecords: this.lagRecords,
      sinceLastCommitMs: context.clock.monotonicMs() - this.#run.startedMs,
      commitIntervalMs: context.settings.commitIntervalMs,
      untilCloseMs: state.earliestWindowEndMs - state.watermarkMs,
    };
    const { featureRows, otherRecords } = outbox;
    const untilSnapshotMs = this.#snapshots.untilDueMs();
    const pending = { featureRows, otherRecords, positionMoved, untilSnapshotMs };
    const delayMs = commitDelayMs(pending, timing);
    this.#timer?.cancel();
    this.#timer = undefined;
    if (delayMs === undefined) return;
    if (delayMs === 0) return void this.#commit('if due');
    // Only if a commit of the position follows within seconds: a transaction must not stay open.
    if (positionMoved && closesSoon(timing)) writer.begin();
    this.#timer = context.clock.after(delayMs, () => this.poke());
  }

  /** Resolves once the outbox has room again: a full one makes the fold wait here. */
  async room(): Promise<void> {
    while (!this.#closed && !this.#draining && this.#parts.outbox.full) {
      await (this.#inFlight ?? this.#commit('if due'));
    }
  }

  /**
   * Commits everything, stores a last snapshot and commits its name: the next owner starts there. A
   * commit of many parts is left to that owner where it would take too long.
   */
  async drain(): Promise<void> {
    const { clock, logger } = this.#parts.context;
    this.#run.leaveAt(clock.monotonicMs() + drainPartsMs);
    await this.#drain();
    if (!this.#run.cutShort) return;
    const fields = { ...this.#parts.shard, position: this.committedOffset };
    logger.info(fields, 'left with a commit out in part: the next owner completes it');
  }

  /**
   * Resolves once everything that is pending now is committed.
   * @throws UnavailableError when the session ends first: whether it is committed is then unknown.
   */
  async committed(): Promise<void> {
    const { outbox } = this.#parts;
    const pending = outbox.featureRows + outbox.otherRecords > 0;
    const waiting = pending && !this.#closed ? this.#waiters.wait() : this.#inFlight;
    this.poke();
    if ((await waiting) === true || !this.#closed) return;
    throw new UnavailableError('the shard was lost before the commit was certain: ask again');
  }

  close(): void {
    this.#snapshots.close();
    this.#closed = true;
    this.#run.close();
    this.#timer?.cancel();
    this.#waiters.lost();
  }

  async #drain(): Promise<void> {
    // From here on only the drain commits: the end of a commit or of a snapshot would otherwise
    // begin another beside it.
    this.#draining = true;
    this.#timer?.cancel();
    await this.#inFlight;
    await this.#snapshots.storing;
    if (this.#isOver || !this.#parts.outbox.committable) return;
    if (!this.#snapshots.hasTurn) {
      // The outputs do not wait for the snapshots of other shards.
      await this.#commit('never');
      if (this.#isOver || !(await this.#snapshots.reserveTurn())) return;
    }
    if (this.#isOver) return;
    await this.#commit('now');
    await this.#snapshots.storing;
    if (!this.#isOver && this.#snapshots.unnamed) await this.#commit('never');
  }

  get #isOver(): boolean {
    return this.#closed || this.#run.cutShort;
  }

  #commit(wish: SnapshotWish): Promise<void> {
    this.#inFlight = this.#run
      .run(wish)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#inFlight = undefined;
        this.poke();
      });
    return this.#inFlight;
  }

  #fail(error: unknown): void {
    if (this.#closed) return;
    this.close();
    this.#parts.onFailed(error);
  }
}
