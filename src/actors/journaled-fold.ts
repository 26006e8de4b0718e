// Folds one shard's records from a recovered memory on and applies the journal's entries at their
// recorded offsets. Used wherever the state at an offset is needed: by an owner that recovers and
// then folds on, by `replay` and by `audit`.
import { ConfigError } from '../errors.ts';
import type { FetchedBatch } from '../log/event-log.ts';
import type { RecordCursor } from '../records/record.ts';
import type { ClosedWindows } from '../sensors/shard-state.ts';
import { noteFailure } from './failures.ts';
import type { BatchFolder } from './batch-folder.ts';
import type { Gap } from './gap.ts';
import { foldFailedReason } from './fold-failure.ts';
import type { Decision, JournalEntry } from './journal.ts';
import type { ShardMemory } from './shard-memory.ts';
import { alarmCommandIn } from './sensor-command.ts';
import { noteSchema } from './unknown-schemas.ts';

type Skip = Extract<Decision, { readonly kind: 'skip' }>;

export interface JournaledFoldParts {
  readonly memory: ShardMemory;
  readonly folder: BatchFolder;
  /** Where windows that an entry closes go. */
  readonly closed: ClosedWindows;
  /** In order, none of them in the memory yet; those past `end` are not applied. */
  readonly entries: readonly JournalEntry[];
  /**
   * Exclusive: entries at it are applied, the record at it is not folded before `onEnd` was called.
   */
  readonly end: number;
  onEnd?(): void;
  /** The committed position, where a commit after it is out in part and `end` is that one's cut. */
  readonly committed?: {
    readonly offset: number;
    /** Journal entries that come before it. */
    readonly sequence: number;
    onReached(): void;
  };
  /** A record past `end` to be decided on before it is folded. */
  readonly suspect?: {
    readonly offset: number;
    /**
     * The cursor stands on the suspect, or on a later record where the log no longer holds it.
     * Returns whether something was decided: the rest of the batch is then left unfolded, so that
     * nothing it does can undo the decision.
     */
    decide(record: RecordCursor): boolean;
  };
}

export class JournaledFold {
  readonly memory: ShardMemory;
  readonly #folder: BatchFolder;
  readonly #closed: ClosedWindows;
  readonly #onEnd: () => void;
  readonly #entries: readonly JournalEntry[];
  #applied = 0;
  /** Gaps up to this entry were passed. */
  #passedSequence = 0;
  readonly #end: number;
  /** Until it is reached. */
  #committed: JournaledFoldParts['committed'];
  /** Past the committed position, outputs count: that of a skipped record too. */
  #outputsCount = false;
  #ended = false;
  #suspect: JournaledFoldParts['suspect'];
  /** Of the batch that is being folded, or whose fold threw. */
  #records: RecordCursor | undefined;
  #paused: { readonly batch: FetchedBatch; readonly records: RecordCursor } | undefined;

  constructor(parts: JournaledFoldParts) {
    this.memory = parts.memory;
    this.#folder = parts.folder;
    this.#closed = parts.closed;
    this.#entries = parts.entries;
    this.#end = parts.end;
    this.#committed = parts.committed;
    this.#suspect = parts.suspect;
    this.#onEnd = () => parts.onEnd?.();
  }

  /** The memory is the state at `end`; what is folded from here on goes past it. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Returns the offset of the record whose fold threw: past the position where offsets of no record
   * lie between.
   */
  get faultOffset(): number {
    return Math.max(this.memory.position, this.#records?.offset ?? 0);
  }

  /** Applies entries that lie at the position already, and ends where there is nothing to fold. */
  begin(): void {
    this.#passLost();
    while (this.#nextStop() <= this.memory.position && this.#passStop(this.#nextStop())) {
      this.#passLost();
    }
  }

  /**
   * Folds the records of `batch` from the memory's position on; returns whether all, or up to a
   * decision. After 'paused', which a folder gives between slices and before a record whose schema
   * it lacks, it goes on where it paused when called again with the same batch.
   */
  fold(batch: FetchedBatch): 'folded' | 'decided' | 'paused' {
    const { memory } = this;
    const paused = this.#paused?.batch === batch ? this.#paused.records : undefined;
    const records = (this.#records = paused ?? batch.records());
    this.#paused = undefined;
    let standing = paused !== undefined || records.next();
    while (standing) {
      const suspectOffset = this.#suspect?.offset ?? Infinity;
      const stop = Math.min(this.#nextStop(), suspectOffset);
      standing = this.#folder.fold(memory, records, stop);
      if (!standing) break;
      if (this.#folder.paused) {
        this.#paused = { batch, records };
        return 'paused';
      }
      // Offsets below the stop that no record has are passed too: a decision gets the offset of its
      // own record.
      memory.position = Math.max(memory.position, Math.min(stop, records.offset));
      if (this.#nextStop() <= records.offset) this.#passStop(this.#nextStop());
      else if (this.#passSuspect(records)) return 'decided';
    }
    this.#records = undefined;
    memory.position = Math.max(memory.position, batch.nextOffset);
    this.begin();
    return 'folded';
  }

  #passSuspect(record: RecordCursor): boolean {
    const suspect = this.#suspect;
    this.#suspect = undefined;
    return suspect?.decide(record) ?? false;
  }

  /** The next offset at which something is to be done before folding on; Infinity past the end. */
  #nextStop(): number {
    if (this.#ended) return Infinity;
    const committed = this.#committed?.offset ?? Infinity;
    return Math.min(this.#entries[this.#applied]?.offset ?? Infinity, committed, this.#end);
  }

  /**
   * Records that a gap names are not there to be folded: the position passes them, as it did when
   * it was accepted.
   */
  #passLost(): void {
    for (const entry of this.#ended ? [] : this.#entries.slice(this.#applied)) {
      const { memory } = this;
      if (entry.kind !== 'gap' || entry.from_offset !== memory.position) continue;
      if (entry.offset > this.#end) return;
      memory.position = Math.min(entry.offset, entry.to_offset);
      this.#passedSequence = entry.sequence;
    }
  }

  /** Returns whether it is passed: where a record must be seen first, it is not. */
  #passStop(stop: number): boolean {
    for (;;) {
      const entry = this.#entries[this.#applied];
      const due = entry !== undefined && entry.offset <= stop ? entry : undefined;
      if (this.#passesCommitted(stop, due)) continue;
      if (due === undefined) break;
      if (due.kind === 'skip' && !this.#refusesSkipped(due)) return false;
      this.#applied += 1;
      if (due.kind === 'gap') this.#assertPassed(due);
      applyJournalEntry(this.memory, due, this.#closed);
    }
    if (stop < this.#end) return true;
    this.#ended = true;
    this.#onEnd();
    return true;
  }

  /** Entries up to the committed sequence come before the committed position, others after it. */
  #passesCommitted(stop: number, due: JournalEntry | undefined): boolean {
    const committed = this.#committed;
    if (committed === undefined || committed.offset > stop) return false;
    if (due !== undefined && due.sequence <= committed.sequence) return false;
    this.#committed = undefined;
    this.#outputsCount = true;
    committed.onReached();
    return true;
  }

  /**
   * A record that was skipped became a dead letter, which is made again where outputs count.
   * Returns false where that takes the record and it is not there yet.
   */
  #refusesSkipped({ offset, message }: JournalEntry & Skip): boolean {
    if (!this.#outputsCount) return true;
    const record = this.#records;
    if (record === undefined) return false;
    if (record.offset === offset) this.#folder.refuse(record, foldFailedReason({ message }));
    return true;
  }

  /** A memory that folded what the owner's had to do without is another state. */
  #assertPassed({ sequence, from_offset: from, to_offset: to }: JournalEntry & Gap): void {
    if (sequence <= this.#passedSequence || from === this.memory.position) return;
    throw new ConfigError(
      `records from offset ${from} to ${to} were lost to the group and accepted as a gap: a state from before them ` +
        'does not lead to its own; start again, from a snapshot after the gap',
      { from, to },
    );
  }
}

/**
 * Makes the memory what it was after the decision that `entry` records; windows that it closes go
 * to `closed`.
 */
export function applyJournalEntry(
  memory: ShardMemory,
  entry: JournalEntry,
  closed: ClosedWindows,
): void {
  const { state } = memory;
  memory.journalSequence = entry.sequence;
  switch (entry.kind) {
    case 'idle':
      return state.advanceWatermark(entry.watermark_ms, closed);
    case 'quarantine': {
      const { sensor_id: sensorId, cause, message, offset, decided_ms: decidedMs } = entry;
      if (cause === 'fold_failed') noteFailure(memory, decidedMs);
      const isSetAside = state.quarantine(sensorId);
      if (isSetAside) memory.quarantines.set(sensorId, { cause, message, offset, decidedMs });
      return;
    }
    case 'release':
      state.release(entry.sensor_id);
      memory.quarantines.delete(entry.sensor_id);
      return;
    case 'reset':
      state.reset(entry.sensor_id);
      return;
    case 'acknowledge':
    case 'mute':
    case 'tune':
      state.commandAlarms(entry.sensor_id, alarmCommandIn(entry), closed);
      return;
    case 'skip':
      noteFailure(memory, entry.decided_ms);
      memory.position = Math.max(memory.position, entry.offset + 1);
      return;
    case 'gap':
      // Rows up to there are committed; only a muted replay gets here with windows that are still
      // open.
      state.advanceWatermark(entry.watermark_ms ?? -Infinity, closed);
      memory.sourceMaxMs = Math.max(memory.sourceMaxMs, entry.source_max_ms ?? -Infinity);
      memory.position = Math.max(memory.position, entry.to_offset);
      return;
    case 'schema':
      return noteSchema(memory, entry.schema_id, entry.known);
    default:
      return entry satisfies never;
  }
}
