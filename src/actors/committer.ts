// The commit pipeline of one session: cuts what is pending, commits it in one transaction while the fold runs on, and
// takes snapshots at those cuts. One commit is in flight at a time.
//
//   fold ──▶ outbox ──cut──▶ commit in flight ──ok──▶ write the snapshot copied at the cut ──▶ the NEXT commit names it
//                 (records, position, snapshot copy)                                            and only then it counts
import { UnavailableError } from '../errors.ts';
import type { OutputRecord, PartitionWriter, TopicPartition } from '../log/event-log.ts';
import type { Timer } from '../clock.ts';
import { closesSoon, commitDelayMs } from './commit-policy.ts';
import { CommitWaiters } from './commit-waiters.ts';
import { countCommitted, type CommittedTotals } from './committed-counts.ts';
import type { Outbox, Outgoing } from './outbox.ts';
import {
  encodePositionMetadata,
  type NamedSnapshot,
  type PositionMetadata,
} from './position-metadata.ts';
import { shardKeyOf, type ShardContext } from './shard-context.ts';
import { encodeSnapshot, type ShardMemory } from './shard-memory.ts';
import { SnapshotRoom } from './snapshot-room.ts';
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

const snapshotRetryMs = 5_000;
/** Another shard of the thread may have stored its snapshot by then. */
const snapshotTurnMs = 200;

export class Committer {
  committedOffset: number;
  lastCommitMs: number | null = null;
  lastSnapshotMs: number | null;
  /** Declared by the session once it has checked that the source is caught up and quiet. */
  sourceIdle = false;
  lagRecords = 0;
  /** Committed since this session began. */
  readonly totals: CommittedTotals = { readings: 0, featureRows: 0, deadLetters: 0 };

  readonly #parts: CommitterParts;
  #snapshots: readonly NamedSnapshot[];
  #snapshotsNamed: readonly NamedSnapshot[];
  #journalOffset: number;
  #lastMarker = '';
  #lastCommitStartMs = -Infinity;
  #inFlight: Promise<void> | undefined;
  #snapshotInFlight: Promise<void> | undefined;
  #snapshotDueMs: number;
  /** Of the snapshot taken last, stored or not. */
  #snapshotPosition: number;
  readonly #room: SnapshotRoom;
  #timer: Timer | undefined;
  readonly #waiters = new CommitWaiters();
  #closed = false;
  #draining = false;

  constructor(parts: CommitterParts) {
    const { context, committedOffset, metadata, journalOffset } = parts;
    this.#parts = parts;
    this.committedOffset = committedOffset;
    this.#snapshots = metadata.snapshots;
    this.#snapshotsNamed = metadata.snapshots;
    this.#journalOffset = journalOffset;
    this.lastSnapshotMs = metadata.snapshots[0]?.takenMs ?? null;
    // Due by the age of the snapshot itself, not since acquire: short-lived owners must not starve it.
    const neverTaken = committedOffset > metadata.origin ? -Infinity : context.clock.nowMs();
    this.#snapshotDueMs = (this.lastSnapshotMs ?? neverTaken) + context.settings.snapshotIntervalMs;
    this.#room = new SnapshotRoom({
      clock: context.clock,
      turn: context.snapshotTurn,
      ready: () => this.poke(),
      failed: (error) => this.#fail(error),
    });
    // Recovery has just restored it.
    this.#snapshotPosition = parts.memory.position;
  }

  /** Commits now, or sets the timer for when one is due. Called whenever something may have become pending. */
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
    const untilSnapshotMs = this.#untilSnapshotMs();
    const pending = { featureRows, otherRecords, positionMoved, untilSnapshotMs };
    const delayMs = commitDelayMs(pending, timing);
    this.#timer?.cancel();
    this.#timer = undefined;
    if (delayMs === undefined) return;
    if (delayMs === 0) return void this.#commit(false);
    // Only where a commit of the position follows within seconds: a transaction must not stay open.
    if (positionMoved && closesSoon(timing)) this.#parts.writer.begin();
    this.#timer = context.clock.after(delayMs, () => this.poke());
  }

  /** Resolves once no commit is in flight: the fold waits here while the outbox is full. */
  async room(): Promise<void> {
    while (!this.#closed && !this.#draining && this.#parts.outbox.full) {
      await (this.#inFlight ?? this.#commit(false));
    }
  }

  /** Commits all, stores a last snapshot and commits its name: what a drain leaves for the next owner. */
  async drain(): Promise<void> {
    // From here on only the drain commits: the end of a commit or of a snapshot would otherwise begin another beside it.
    this.#draining = true;
    this.#timer?.cancel();
    await this.#inFlight;
    await this.#snapshotInFlight;
    if (this.#closed || this.#parts.outbox.muted) return;
    await this.#commit(true);
    await this.#snapshotInFlight;
    if (!this.#closed && this.#snapshots !== this.#snapshotsNamed) await this.#commit(false);
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
    this.#room.close();
    this.#closed = true;
    this.#timer?.cancel();
    this.#waiters.lost();
  }

  #positionMoved(): boolean {
    return (
      this.#parts.memory.position !== this.committedOffset ||
      this.#snapshots !== this.#snapshotsNamed ||
      this.#marker() !== this.#lastMarker
    );
  }

  #untilSnapshotMs(): number {
    const { context, memory } = this.#parts;
    const taken = memory.position === this.#snapshotPosition;
    if (taken || this.#snapshotInFlight !== undefined || this.#room.beingMade) return Infinity;
    const dueMs = this.#snapshotDueMs - context.clock.nowMs();
    const othersTurn = context.snapshotTurn.taken && !this.#room.holdsTurn;
    if (othersTurn) return Math.max(dueMs, snapshotTurnMs);
    return dueMs > 0 || this.#room.suffices(memory.state.snapshotBytes()) ? dueMs : Infinity;
  }

  #commit(snapshotNow: boolean): Promise<void> {
    this.#inFlight = this.#runCommit(snapshotNow).finally(() => {
      this.#inFlight = undefined;
      this.poke();
    });
    return this.#inFlight;
  }

  async #runCommit(snapshotNow: boolean): Promise<void> {
    const { context, writer, memory, outbox } = this.#parts;
    const { clock, metrics } = context;
    let snapshot: PendingSnapshot | undefined;
    try {
      // The cut: everything up to the commit is read in one go, before the next reading folds.
      const outgoing = outbox.take();
      this.#waiters.cut();
      const nextOffset = memory.position;
      const snapshots = this.#snapshots;
      const metadata = encodePositionMetadata(this.#metadata(snapshots));
      const marker = this.#marker();
      const records = this.#withMarkers(outgoing.records, marker);
      snapshot = this.#copyIfDue(snapshotNow);
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
      this.#forgetUnnamed(snapshots);
      if (snapshot !== undefined) this.#snapshotInFlight = this.#store(snapshot);
    } catch (error) {
      this.#fail(error);
    } finally {
      if (snapshot !== undefined && this.#snapshotInFlight === undefined) this.#endTurn(snapshot);
    }
  }

  #metadata(snapshots: readonly NamedSnapshot[]): PositionMetadata {
    const { context, memory, metadata } = this.#parts;
    const finite = (ms: number): number | null => (Number.isFinite(ms) ? ms : null);
    return {
      ...metadata,
      sources: context.sourcePartitions,
      watermarkMs: finite(memory.state.watermarkMs),
      sourceMaxMs: finite(memory.sourceMaxMs),
      sourceIdle: this.sourceIdle,
      journal: { ...metadata.journal, sequence: memory.journalSequence },
      snapshots,
    };
  }

  /** What this source has to say to the rekeyed shards; '' where there is nothing to say or nobody to say it to. */
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

  #copyIfDue(snapshotNow: boolean): PendingSnapshot | undefined {
    const { context, shard, memory, writer } = this.#parts;
    const takenMs = context.clock.nowMs();
    const due = snapshotNow || takenMs >= this.#snapshotDueMs;
    if (!due || this.#snapshotInFlight !== undefined) return undefined;
    const turn = this.#room.holdsTurn || !context.snapshotTurn.taken;
    // A drain waits neither for its turn nor for room.
    const waits = !snapshotNow && !(turn && this.#room.suffices(memory.state.snapshotBytes()));
    if (waits) return undefined;
    context.snapshotTurn.taken = true;
    this.#snapshotPosition = memory.position;
    const id = `${writer.epoch}-${memory.position}-${takenMs}`;
    const bytes = encodeSnapshot(memory, shard, this.#journalOffset, this.#room.take());
    return { id, takenMs, turn, bytes };
  }

  async #store(snapshot: PendingSnapshot): Promise<void> {
    const { context, shard } = this.#parts;
    const { clock, metrics, settings } = context;
    const shardKey = shardKeyOf(settings.groupId, shard);
    try {
      const reference = await context.snapshots.write(shardKey, snapshot.id, snapshot.bytes);
      const named: NamedSnapshot = { ...reference, takenMs: snapshot.takenMs };
      this.#snapshots = [named, ...this.#snapshots].slice(0, 2);
      this.lastSnapshotMs = snapshot.takenMs;
      this.#snapshotDueMs = snapshot.takenMs + settings.snapshotIntervalMs;
      metrics.snapshotSeconds.observe((clock.nowMs() - snapshot.takenMs) / 1_000);
      metrics.snapshotBytes.set(
        { topic: shard.topic, partition: String(shard.partition) },
        snapshot.bytes.length,
      );
    } catch (error) {
      // A snapshot only shortens recovery: the pipeline goes on, and the next one is tried soon.
      if (!(error instanceof UnavailableError)) return this.#fail(error);
      this.#snapshotDueMs = clock.nowMs() + snapshotRetryMs;
      this.#snapshotPosition = -1;
      context.logger.warn({ shard: shardKey, reason: error.message }, 'snapshot not stored');
    } finally {
      this.#snapshotInFlight = undefined;
      this.#endTurn(snapshot);
      this.poke();
    }
  }

  #endTurn({ turn }: PendingSnapshot): void {
    if (turn) this.#parts.context.snapshotTurn.taken = false;
  }

  /** Removes what the commit that just succeeded no longer names. */
  #forgetUnnamed(named: readonly NamedSnapshot[]): void {
    const { context, shard } = this.#parts;
    const kept = new Set(named.map(({ id }) => id));
    const forgotten = this.#snapshotsNamed.filter(({ id }) => !kept.has(id));
    this.#snapshotsNamed = named;
    for (const reference of forgotten) {
      const shardKey = shardKeyOf(context.settings.groupId, shard);
      context.snapshots.remove(shardKey, reference).catch((error: unknown) => {
        context.logger.warn({ shard: shardKey, reason: String(error) }, 'old snapshot not removed');
      });
    }
  }

  #fail(error: unknown): void {
    if (this.#closed) return;
    this.close();
    this.#parts.onFailed(error);
  }
}

interface PendingSnapshot {
  readonly id: string;
  /** It took the thread's turn, and ends it. */
  readonly turn: boolean;
  readonly takenMs: number;
  readonly bytes: Uint8Array;
}
