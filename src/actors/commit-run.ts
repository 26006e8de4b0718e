// One commit of a session, phase by phase:
//
//   cut ──▶ send ──▶ named ──▶ forget
//   │       │        │         └ what was counted, waited for or removed because of it
//   │       │        └ the snapshots in its metadata are restorable now; the copy may be stored
//   │       └ outputs, position and metadata in one transaction
//   └ outputs, position, metadata and the copy of a snapshot, all of one moment
import type { OutputRecord, PartitionWriter, TopicPartition } from '../log/event-log.ts';
import type { CommitWaiters } from './commit-waiters.ts';
import { countCommitted, type CommittedTotals } from './committed-counts.ts';
import type { Outbox, Outgoing } from './outbox.ts';
import { encodePositionMetadata, type PositionMetadata } from './position-metadata.ts';
import type { ShardContext } from './shard-context.ts';
import type { ShardMemory } from './shard-memory.ts';
import type { SnapshotCopy, SnapshotSchedule } from './snapshot-schedule.ts';
import type { SourceMarker } from './source-marker.ts';

export interface CommitRunParts {
  readonly context: ShardContext;
  readonly writer: PartitionWriter;
  readonly memory: ShardMemory;
  readonly outbox: Outbox;
  readonly snapshots: SnapshotSchedule;
  readonly marker: SourceMarker;
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
  readonly marker: string;
  readonly metadata: PositionMetadata;
  /** The snapshots that the metadata names. */
  readonly named: SnapshotSchedule['toName'];
  readonly copy: SnapshotCopy | undefined;
}

export class CommitRun {
  committedOffset: number;
  /** Wall clock of the last commit of this session, ms. */
  lastMs: number | null = null;
  /** Monotonic clock when the last commit began. */
  startedMs: number = -Infinity;
  /** Committed since this session began. */
  readonly totals: CommittedTotals = { readings: 0, featureRows: 0, deadLetters: 0 };
  readonly #parts: CommitRunParts;
  #journalOffset: number;
  #closed = false;

  constructor(parts: CommitRunParts) {
    this.#parts = parts;
    this.committedOffset = parts.committedOffset;
    this.#journalOffset = parts.journalOffset;
  }

  /** Whether the position, or what its metadata says, moved since the last commit. */
  get positionMoved(): boolean {
    const { marker, memory, snapshots } = this.#parts;
    return memory.position !== this.committedOffset || snapshots.unnamed || marker.changed;
  }

  /** Commits everything that is pending. @throws what the writer throws: the session is over. */
  async run(wish: SnapshotWish): Promise<void> {
    const { snapshots } = this.#parts;
    const cut = this.#cut(wish);
    try {
      await this.#send(cut);
      if (this.#closed) return;
      this.#named(cut);
      this.#forget(cut);
    } finally {
      if (cut.copy !== undefined && snapshots.storing === undefined) snapshots.drop(cut.copy);
    }
  }

  /** The session is over: what is under way is not heard of any more. */
  close(): void {
    this.#closed = true;
  }

  #cut(wish: SnapshotWish): Cut {
    const { marker, memory, outbox, snapshots, waiters } = this.#parts;
    const outgoing = outbox.take();
    waiters.cut();
    // The metadata says of the snapshots what holds after the copy.
    const copy = snapshots.copy(wish, this.#journalOffset);
    return {
      outgoing,
      nextOffset: memory.position,
      marker: marker.text(),
      metadata: this.#metadata(),
      named: snapshots.toName,
      copy,
    };
  }

  async #send(cut: Cut): Promise<void> {
    const { context, writer } = this.#parts;
    const { marker, nextOffset, outgoing } = cut;
    const metadata = encodePositionMetadata(cut.metadata);
    const records = followedBy(outgoing.records, this.#parts.marker.records(marker));
    this.startedMs = context.clock.monotonicMs();
    const ends = await writer.commit({ nextOffset, metadata, records });
    if (this.#closed) return;
    this.committedOffset = nextOffset;
    this.#noteJournalEnd(outgoing, ends);
  }

  #named({ copy, named }: Cut): void {
    const { snapshots } = this.#parts;
    snapshots.committed(named);
    if (copy !== undefined) snapshots.store(copy);
  }

  #forget({ marker, outgoing }: Cut): void {
    const { context, waiters } = this.#parts;
    const { clock, metrics } = context;
    this.lastMs = clock.nowMs();
    this.#parts.marker.committed(marker);
    waiters.committed();
    metrics.commitSeconds.observe((clock.monotonicMs() - this.startedMs) / 1_000);
    countCommitted(outgoing, this.totals, metrics);
  }

  #metadata(): PositionMetadata {
    const { context, marker, memory, metadata, snapshots } = this.#parts;
    const finite = (ms: number): number | null => (Number.isFinite(ms) ? ms : null);
    return {
      ...metadata,
      sources: context.sourcePartitions,
      watermarkMs: finite(memory.state.watermarkMs),
      sourceMaxMs: finite(memory.sourceMaxMs),
      sourceIdle: marker.sourceIdle,
      journal: { ...metadata.journal, sequence: memory.journalSequence },
      ...snapshots.metadata,
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
}

/** Returns the records, then the markers: before the forwards, markers would make them late. */
function followedBy(
  records: Iterable<OutputRecord>,
  markers: readonly OutputRecord[],
): Iterable<OutputRecord> {
  if (markers.length === 0) return records;
  return {
    *[Symbol.iterator]() {
      yield* records;
      yield* markers;
    },
  };
}
