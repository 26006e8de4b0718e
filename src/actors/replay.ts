// Replay: the fold of one shard from a recovered memory on, the journal's entries applied at their recorded offsets. One
// piece for all who need the state at an offset: an owner that recovers and then folds on, `replay` and `audit`.
import type { FetchedBatch } from '../log/event-log.ts';
import type { ClosedWindows } from '../sensors/shard-state.ts';
import type { BatchFolder } from './fold-batch.ts';
import type { JournalEntry } from './journal.ts';
import type { ShardMemory } from './shard-memory.ts';

export interface ReplayParts {
  readonly memory: ShardMemory;
  readonly folder: BatchFolder;
  /** Where windows that an entry closes go. */
  readonly closed: ClosedWindows;
  /** In order, none of them in the memory yet; those past `end` are not applied. */
  readonly entries: readonly JournalEntry[];
  /** Exclusive: entries at it are applied, the record at it is not folded before `onEnd` was called. */
  readonly end: number;
  onEnd?(): void;
}

export class Replay {
  readonly memory: ShardMemory;
  readonly #folder: BatchFolder;
  readonly #closed: ClosedWindows;
  readonly #onEnd: () => void;
  readonly #entries: readonly JournalEntry[];
  #applied = 0;
  readonly #end: number;
  #ended = false;

  constructor(parts: ReplayParts) {
    this.memory = parts.memory;
    this.#folder = parts.folder;
    this.#closed = parts.closed;
    this.#entries = parts.entries;
    this.#end = parts.end;
    this.#onEnd = () => parts.onEnd?.();
  }

  /** The memory is the state at `end`; what is folded from here on goes past it. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Applies entries that lie at the position already, and ends where there is nothing to fold. */
  begin(): void {
    while (this.#nextStop() <= this.memory.position) this.#passStop(this.#nextStop());
  }

  /** Folds the records of `batch` from the memory's position on. */
  fold(batch: FetchedBatch): void {
    const { memory } = this;
    const records = batch.records();
    let standing = records.next();
    while (standing) {
      standing = this.#folder.fold(memory, records, this.#nextStop());
      if (standing) this.#passStop(this.#nextStop());
    }
    memory.position = Math.max(memory.position, batch.nextOffset);
    this.begin();
  }

  /** The next offset at which something is to be done before folding on; Infinity past the end. */
  #nextStop(): number {
    if (this.#ended) return Infinity;
    return Math.min(this.#entries[this.#applied]?.offset ?? Infinity, this.#end);
  }

  #passStop(stop: number): void {
    for (;;) {
      const entry = this.#entries[this.#applied];
      if (entry === undefined || entry.offset > stop) break;
      this.#applied += 1;
      applyJournalEntry(this.memory, entry, this.#closed);
    }
    if (stop < this.#end) return;
    this.#ended = true;
    this.#onEnd();
  }
}

/** Makes the memory what it was after the decision that `entry` records. */
export function applyJournalEntry(
  memory: ShardMemory,
  entry: JournalEntry,
  closed: ClosedWindows,
): void {
  memory.journalSequence = entry.sequence;
  memory.state.advanceWatermark(entry.watermark_ms, closed);
}
