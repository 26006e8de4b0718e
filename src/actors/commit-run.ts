// One commit of a session, phase by phase:
//
//   cut ──▶ send ──▶ named ──▶ forget
//   │       │        │         └ what was waited for, counted or removed because of it
//   │       │        └ the snapshot copied at the cut may be stored, to be named by a later commit
//   │       └ a transaction, or several where one would take too long (commit-parts.ts)
//   └ outputs, position, metadata and the copy of a snapshot, all of one moment
//
// Between two parts the committed position stays where it was. Its metadata says how many outputs
// after it are visible: a later owner folds from there again and leaves those out.
import type { CommitResult } from '../log/event-log.ts';
import type { TraceSpan } from '../tracing/tracer.ts';
import type { TopicPartition } from '../records/record.ts';
import { commitParts, type CommitPart } from './commit-parts.ts';
import type { CommitWaiters } from './commit-waiters.ts';
import { countCommitted, type CommittedTotals } from './committed-counts.ts';
import { DeadLetterNotice } from './dead-letter-notice.ts';
import type { Outbox } from './outbox.ts';
import { noOutputs, sumOf, type Outgoing, type OutputCounts } from './outgoing.ts';
import {
  encodePositionMetadata,
  type PartialCommit,
  type PositionMetadata,
} from './position-metadata.ts';
import type { ShardContext } from './shard-context.ts';
import type { ShardMemory } from './shard-memory.ts';
import type { ShardTraces } from './shard-traces.ts';
import type { SnapshotCopy, SnapshotSchedule } from './snapshot-schedule.ts';
import type { WatchedWriter } from './watched-writer.ts';

export interface CommitRunParts {
  readonly context: ShardContext;
  readonly shard: TopicPartition;
  readonly writer: WatchedWriter;
  readonly memory: ShardMemory;
  readonly outbox: Outbox;
  /** Left out where traces are off. */
  readonly traces?: ShardTraces | undefined;
  readonly snapshots: SnapshotSchedule;
  readonly waiters: CommitWaiters;
  /** As it was committed last. */
  readonly metadata: PositionMetadata;
  readonly committedOffset: number;
  readonly journalOffset: number;
}

export type SnapshotWish = 'if due' | 'now' | 'never';

/** Everything up to the cut, read before the next reading folds. */
interface Cut {
  readonly outgoing: Outgoing;
  readonly nextOffset: number;
  /** Of the position at the cut; its snapshots are those of when it is sent. */
  readonly metadata: PositionMetadata;
  readonly copy: SnapshotCopy | undefined;
}

export class CommitRun {
  committedOffset: number;
  /** Wall clock of the last commit of this session, ms. */
  lastMs: number | null = null;
  /** Monotonic clock when the last commit began. */
  startedMs: number = -Infinity;
  /** Committed since this session began. */
  readonly totals: CommittedTotals = {
    readings: 0,
    featureRows: 0,
    anomalies: 0,
    deadLetters: 0,
    sensorsForgotten: 0,
  };
  /** Set once the session has checked that the source is caught up and quiet. */
  sourceIdle: boolean;
  /** Says in the log that there are dead letters. */
  readonly notice: DeadLetterNotice;
  readonly #parts: CommitRunParts;
  #committedIdle: boolean;
  #journalOffset: number;
  /** Of the committed position, its commit taken for whole. */
  #committed: PositionMetadata;
  /** Outputs after the committed position that are visible already. */
  #out: OutputCounts;
  /** A commit is out in part: until its last part, no position says what is visible. */
  #isPartial: boolean;
  /** Monotonic clock: from then on, no further part of a commit is sent. */
  #partsUntilMs = Infinity;
  #cutShort = false;
  #closed = false;

  constructor(parts: CommitRunParts) {
    this.#parts = parts;
    this.notice = new DeadLetterNotice(parts.context, parts.shard);
    this.committedOffset = parts.committedOffset;
    this.#journalOffset = parts.journalOffset;
    const { partial, ...whole } = parts.metadata;
    this.#committed = { ...whole, version: 1 };
    this.#out = partial ?? noOutputs;
    this.#isPartial = partial !== undefined;
    this.sourceIdle = this.#committedIdle = parts.metadata.sourceIdle;
  }

  /** Whether the position, or what its metadata says, moved since the last commit. */
  get positionMoved(): boolean {
    const { memory, snapshots } = this.#parts;
    const moved = memory.position !== this.committedOffset || this.#isPartial;
    return moved || snapshots.unnamed || this.sourceIdle !== this.#committedIdle;
  }

  /** Commits everything that is pending. @throws what the writer throws: the session is over. */
  async run(wish: SnapshotWish): Promise<void> {
    const { snapshots, traces } = this.#parts;
    const cut = this.#cut(wish);
    const span = traces?.begin(cut.nextOffset);
    try {
      await this.#send(cut, span);
      const { readings, rowCount } = cut.outgoing;
      span?.end({ 'sensorium.readings': readings, 'sensorium.rows': rowCount });
      if (this.#closed || this.#cutShort) return;
      this.#named(cut);
      this.#forget(cut);
    } catch (error) {
      span?.fail(error);
      throw error;
    } finally {
      if (cut.copy !== undefined && snapshots.storing === undefined) snapshots.drop(cut.copy);
    }
  }

  /**
   * A commit that takes until `monotonicMs` ends with the part under way; the next owner has the
   * rest.
   */
  leaveAt(monotonicMs: number): void {
    this.#partsUntilMs = monotonicMs;
  }

  /** Set once a commit has ended before its last part: nothing may be committed after it. */
  get cutShort(): boolean {
    return this.#cutShort;
  }

  /** The session is over: what is under way is not heard of any more. */
  close(): void {
    this.#closed = true;
    this.notice.close();
  }

  #cut(wish: SnapshotWish): Cut {
    const { memory, outbox, snapshots, waiters } = this.#parts;
    const outgoing = outbox.take();
    waiters.cut();
    const copy = snapshots.copy(wish, this.#journalOffset);
    return {
      outgoing,
      nextOffset: memory.position,
      metadata: this.#metadata(),
      copy,
    };
  }

  async #send(cut: Cut, span: TraceSpan | undefined): Promise<void> {
    for (const part of commitParts(cut.outgoing, this.#parts.writer.size)) {
      await this.#sendPart(cut, part, span);
      if (this.#closed || part.isLast) return;
      this.#cutShort = this.#parts.context.clock.monotonicMs() >= this.#partsUntilMs;
      if (this.#cutShort) return;
    }
  }

  async #sendPart(cut: Cut, part: CommitPart, span: TraceSpan | undefined): Promise<void> {
    const { context, snapshots, writer } = this.#parts;
    const { clock, metrics } = context;
    const whole = part.isLast ? cut.metadata : this.#partialMetadata(cut, part);
    const named = snapshots.toName;
    this.startedMs = clock.monotonicMs();
    const commit = {
      nextOffset: part.isLast ? cut.nextOffset : this.committedOffset,
      metadata: encodePositionMetadata({ ...whole, ...snapshots.metadata }),
      records: part.records,
    };
    const ends = await writer.commit(commit, span?.logFields);
    if (this.#closed) return;
    this.lastMs = clock.nowMs();
    metrics.commitSeconds.observe((clock.monotonicMs() - this.startedMs) / 1_000);
    countCommitted(part.counts, this.totals, metrics);
    this.notice.committed(part.counts.deadLetters);
    if (part.isLast) this.#noteAges(cut.outgoing);
    if (part.isFirst) this.#noteJournalEnd(cut.outgoing, ends);
    snapshots.committed(named);
    this.#isPartial = !part.isLast;
  }

  #named({ copy, metadata, nextOffset }: Cut): void {
    this.committedOffset = nextOffset;
    this.#committed = metadata;
    this.#out = noOutputs;
    if (copy !== undefined) this.#parts.snapshots.store(copy);
  }

  #forget({ metadata }: Cut): void {
    this.#committedIdle = metadata.sourceIdle;
    this.#parts.waiters.committed();
  }

  #partialMetadata({ metadata, nextOffset }: Cut, { out }: CommitPart): PositionMetadata {
    const { journal, sourceMaxMs, watermarkMs } = metadata;
    const partial: PartialCommit = {
      offset: nextOffset,
      sequence: journal.sequence,
      ...sumOf(this.#out, out),
      watermarkMs,
      sourceMaxMs,
    };
    return { ...this.#committed, version: 2, partial };
  }

  #metadata(): PositionMetadata {
    const { context, memory } = this.#parts;
    const committed = this.#committed;
    const finite = (ms: number): number | null => (Number.isFinite(ms) ? ms : null);
    return {
      ...committed,
      sources: context.sourcePartitions,
      rekeyedPartitions: context.rekeyedPartitions,
      watermarkMs: finite(memory.state.watermarkMs),
      sourceMaxMs: finite(memory.sourceMaxMs),
      sourceIdle: this.sourceIdle,
      journal: { ...committed.journal, sequence: memory.journalSequence },
    };
  }

  #noteAges({ windowEndsMs }: Outgoing): void {
    const { clock, metrics } = this.#parts.context;
    const nowMs = clock.nowMs();
    for (const endMs of windowEndsMs) metrics.committedAgeSeconds.observe((nowMs - endMs) / 1_000);
  }

  #noteJournalEnd({ journal }: Outgoing, ends: CommitResult): void {
    if (journal.length === 0) return;
    const { topics } = this.#parts.context;
    const end = ends.find(({ topic }) => topic === topics.journal);
    if (end !== undefined) this.#journalOffset = end.endOffset;
  }
}
