// The commit pipeline of one session: cuts what is pending and commits it in one transaction while
// the fold runs on. One commit is in flight at a time. Snapshots are copied at its cuts and named
// by it: snapshot-schedule.ts.
//
//   fold ──▶ outbox ──cut──▶ commit in flight ──ok──▶ committed ──▶ store the snapshot copied at the cut
//                 (records, position, snapshot copy)                           └──▶ the NEXT commit names it
import { UnavailableError } from '../errors.ts';
import type { OutputRecord, PartitionWriter, TopicPartition } from '../log/event-log.ts';
import type { Timer } from '../clock.ts';
import { closesSoon, commitDelayMs } from './commit-policy.ts';
import { CommitWaiters } from './commit-waiters.ts';
import { countCommitted, type CommittedTotals } from './committed-counts.ts';
import type { Outbox, Outgoing } from './outbox.ts';
import { encodePositionMetadata, type PositionMetadata } from './position-metadata.ts';
import type { ShardContext } from './shard-context.ts';
import type { ShardMemory } from './shard-memory.ts';
import { SnapshotSchedule, type SnapshotCopy } from './snapshot-schedule.ts';
import { encodeSourceClock, sourceHeader } from './source-clocks.ts';

export interface CommitterParts {
  readonly context: ShardContext;
  readonly shard: TopicPartition;
  readonly writer: PartitionWriter;
  readonly memory: ShardMemory;
  readonly outbox: Outbox;
  readonly metadata: PositionMetadata;
  readonly committedOffset: number;
  readonly journalOffset: number;
  /** The session is over: memory may hold what was never committed. */
  onFailed(error: unknown): void;
}

export class Committer {
  committedOffset: number;
  lastCommitMs: number | null = null;
  /** Declared by the session once it has checked that the source is caught up and quiet. */
  sourceIdle = false;
  lagRecords = 0;
  /** Committed since this session began. */
  readonly totals: CommittedTotals = { readings: 0, featureRows: 0, deadLetters: 0 };

  readonly #parts: CommitterParts;
  readonly #snapshots: SnapshotSchedule;
  #journalOffset: number;
  #lastMarker = '';
  #lastCommitStartMs = -Infinity;
  #inFlight: Promise<void> | undefined;
  #timer: Timer | undefined;
  readonly #waiters = new CommitWaiters();
  #closed = false;
  #draining = false;

  constructor(parts: CommitterParts) {
    const { context, committedOffset, metadata, journalOffset } = parts;
    this.#parts = parts;
    this.committedOffset = committedOffset;
    this.#journalOffset = journalOffset;
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
  }

  /** Input of `bytes`, as the log holds it, was folded. */
  folded(bytes: number): void {
    this.#snapshots.folded(bytes);
  }

  /** Wall clock of the newest snapshot that is stored, ms. */
  get lastSnapshotMs(): number | null {
    return this.#snapshots.lastMs;
  }

  /**
   * Commits now, or sets the timer for when one is due. Called whenever something may have become
   * pending.
   */
  poke(): void {
    const busy = this.#draining || this.#inFlight !== undefined;
    if (this.#closed || busy || this.#parts.outbox.muted) return;
    const { context, memory, outbox } = this.#parts;
    const { state } = memory;
    const positionMoved = this.#positionMoved();
    const timing = {
      lagRecords: this.lagRecords,
      sinceLastCommitMs: context.clock.monotonicMs() - this.#lastCommitStartMs,
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
    // Only where a commit of the position follows within seconds: a transaction must not stay open.
    if (positionMoved && closesSoon(timing)) this.#parts.writer.begin();
    this.#timer = context.clock.after(delayMs, () => this.poke());
  }

  /** Resolves once no commit is in flight: the fold waits here while the outbox is full. */
  async room(): Promise<void> {
    while (!this.#closed && !this.#draining && this.#parts.outbox.full) {
      await (this.#inFlight ?? this.#commit('if due'));
    }
  }

  /**
   * Commits all, stores a last snapshot and commits its name: what a drain leaves for the next
   * owner.
   */
  async drain(): Promise<void> {
    // From here on only the drain commits: the end of a commit or of a snapshot would otherwise
    // begin another beside it.
    this.#draining = true;
    this.#timer?.cancel();
    await this.#inFlight;
    await this.#snapshots.storing;
    if (this.#closed || this.#parts.outbox.muted) return;
    if (!this.#snapshots.hasTurn) {
      // The outputs do not wait for the snapshots of other shards.
      await this.#commit('never');
      if (!(await this.#snapshots.reserveTurn())) return;
    }
    if (this.#closed) return;
    await this.#commit('now');
    await this.#snapshots.storing;
    if (!this.#closed && this.#snapshots.unnamed) await this.#commit('never');
  }

  /**
   * Resolves once all that is pending now is committed.
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
    this.#timer?.cancel();
    this.#waiters.lost();
  }

  #positionMoved(): boolean {
    return (
      this.#parts.memory.position !== this.committedOffset ||
      this.#snapshots.unnamed ||
      this.#marker() !== this.#lastMarker
    );
  }

  #commit(snapshot: 'if due' | 'now' | 'never'): Promise<void> {
    this.#inFlight = this.#runCommit(snapshot).finally(() => {
      this.#inFlight = undefined;
      this.poke();
    });
    return this.#inFlight;
  }

  async #runCommit(snapshot: 'if due' | 'now' | 'never'): Promise<void> {
    const { context, writer, memory, outbox } = this.#parts;
    const { clock, metrics } = context;
    let copy: SnapshotCopy | undefined;
    try {
      // The cut: everything up to the commit is read in one go, before the next reading folds.
      const outgoing = outbox.take();
      this.#waiters.cut();
      const nextOffset = memory.position;
      copy = this.#snapshots.copy(snapshot, this.#journalOffset);
      const named = this.#snapshots.toName;
      const metadata = encodePositionMetadata(this.#metadata());
      const marker = this.#marker();
      const records = this.#withMarkers(outgoing.records, marker);

      this.#lastCommitStartMs = clock.monotonicMs();
      const ends = await writer.commit({ nextOffset, metadata, records });
      if (this.#closed) return;

      this.committedOffset = nextOffset;
      this.#lastMarker = marker;
      this.lastCommitMs = clock.nowMs();
      this.#noteJournalEnd(outgoing, ends);
      this.#waiters.committed();
      metrics.commitSeconds.observe((clock.monotonicMs() - this.#lastCommitStartMs) / 1_000);
      countCommitted(outgoing, this.totals, metrics);

      this.#snapshots.committed(named);
      if (copy !== undefined) this.#snapshots.store(copy);
    } catch (error) {
      this.#fail(error);
    } finally {
      if (copy !== undefined && this.#snapshots.storing === undefined) this.#snapshots.drop(copy);
    }
  }

  #metadata(): PositionMetadata {
    const { context, memory, metadata } = this.#parts;
    const finite = (ms: number): number | null => (Number.isFinite(ms) ? ms : null);
    return {
      ...metadata,
      sources: context.sourcePartitions,
      watermarkMs: finite(memory.state.watermarkMs),
      sourceMaxMs: finite(memory.sourceMaxMs),
      sourceIdle: this.sourceIdle,
      journal: { ...metadata.journal, sequence: memory.journalSequence },
      ...this.#snapshots.metadata,
    };
  }

  /**
   * What this source has to say to the rekeyed shards; '' where there is nothing to say or nobody
   * to say it to.
   */
  #marker(): string {
    const { context, shard, memory } = this.#parts;
    if (memory.role !== 'source' || !context.rekeying.active) return '';
    const silent = memory.sourceMaxMs === -Infinity;
    if (silent && !this.sourceIdle) return this.#lastMarker;
    const time = this.sourceIdle ? 'idle' : memory.sourceMaxMs;
    return encodeSourceClock({ source: shard.partition, sources: context.sourcePartitions, time });
  }

  #withMarkers(records: Iterable<OutputRecord>, marker: string): Iterable<OutputRecord> {
    if (marker === this.#lastMarker) return records;
    const { context } = this.#parts;
    const headers = [{ key: sourceHeader, value: Buffer.from(marker) }];
    const markers = Array.from({ length: context.rekeyedPartitions }, (_, partition) => ({
      topic: context.topics.rekeyed,
      partition,
      key: null,
      value: null,
      headers,
    }));
    return {
      *[Symbol.iterator]() {
        yield* records;
        // After the forwards, which they would make late.
        yield* markers;
      },
    };
  }

  #noteJournalEnd(
    outgoing: Outgoing,
    ends: readonly (TopicPartition & { readonly endOffset: number })[],
  ): void {
    if (outgoing.journalEntries.size === 0) return;
    const { journal } = this.#parts.context.topics;
    const end = ends.find(({ topic }) => topic === journal);
    if (end !== undefined) this.#journalOffset = end.endOffset;
  }

  #fail(error: unknown): void {
    if (this.#closed) return;
    this.close();
    this.#parts.onFailed(error);
  }
}
