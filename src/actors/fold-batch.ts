// decode → route to sensor → fold, for the records of one batch. A record keyed by its sensor id is
// folded where it is; one with another key or none is forwarded to the rekeyed topic, keyed by its
// sensor id; what cannot be read becomes a dead letter. Deterministic: the same memory and records
// give the same memory and outputs, whatever the batch cuts.
import { decodeReading } from '../codecs/reading-decoder.ts';
import { keyedReading, undecidedRecord } from '../kernel/record-scanner.ts';
import { deadLetterRecord } from '../codecs/dead-letter.ts';
import { forwardRecord, type ForwardTarget } from '../codecs/forward.ts';
import { emptyReading, type DeadLetterReason, type Reading } from '../sensors/reading.ts';
import { aheadReason, batchTooLargeReason } from '../sensors/refusals.ts';
import { scanRecords, type RecordScan } from '../codecs/record-scan.ts';
import type { RecordCursor, TopicPartition } from '../records/record.ts';
import type { TopicNames } from '../log/topics.ts';
import type { Semantics } from '../sensors/shard-state.ts';
import { isHeld, leadMaxMs } from '../sensors/watermark.ts';
import { declaredFolder, type DeclaredFolder } from './fold-declared.ts';
import type { FoldSlice } from './fold-slice.ts';
import { hearClock, hearReading } from './heard-time.ts';
import type { Outbox } from './outbox.ts';
import { keyIsSensorId } from './record-key.ts';
import type { ShardMemory } from './shard-memory.ts';
import {
  badSourceHeader,
  isMarker,
  keyMismatch,
  otherGroup,
  readSourceClock,
} from './source-clocks.ts';

export type Forwarding = Pick<ForwardTarget, 'clock' | 'partitions'>;

export interface FoldContext {
  readonly shard: TopicPartition;
  readonly topics: TopicNames;
  readonly semantics: Semantics;
  /** Left out, nothing is forwarded. */
  readonly forwarding?: Forwarding;
  readonly outbox: Outbox;
  /** Left out where no other group can have forwarded anything. */
  readonly settings?: { readonly groupId: string };
  /** Left out, a fold never pauses. */
  readonly slice?: Pick<FoldSlice, 'over' | 'records'>;
}

export interface BatchFolder {
  /** Records seen that are not source markers: what keeps a shard from being idle. */
  readonly recordsSeen: number;
  /** Set where the last fold ended because its slice was over: it goes on from the same cursor. */
  readonly paused: boolean;
  /** After a fold that threw: the sensor at fault, where one record may hold several. */
  readonly foldingSensor: string | undefined;
  /**
   * Folds the record the cursor stands on and those after it, from the memory's position up to
   * offset `until` (exclusive), or until the slice is over. Returns whether the cursor stands on a
   * record not yet folded.
   */
  fold(memory: ShardMemory, records: RecordCursor, until: number): boolean;
  /**
   * The sensor into which the record is folded here; undefined where into none, or where even
   * decoding it throws.
   */
  sensorOf(memory: ShardMemory, record: RecordCursor): string | undefined;
  /** Makes the record the cursor stands on a dead letter, unread. */
  refuse(record: RecordCursor, reason: DeadLetterReason): void;
}

const waitMax = 64;
/** Weight of a record folded in JavaScript; a row folded by the kernel weighs 1. */
const recordWeight = 64;
/** Weight until the next look without a slice; a small integer, so counting allocates nothing. */
const longAway = 2 ** 30 - 1;

/** Returns the folder of one shard; nothing in it but a reused reading slot outlives a call. */
export function createBatchFolder(context: FoldContext): BatchFolder {
  return new ShardFolder(context);
}

// A class: functions made for each shard would each be another call target, and V8 would throw away
// the compiled loop whenever a thread turns from one shard to another.
class ShardFolder implements BatchFolder {
  recordsSeen: number = 0;
  private readonly context: FoldContext;
  private readonly reading: Reading = emptyReading();
  /** Set where the records have a declared shape. */
  private readonly declared: DeclaredFolder | undefined;
  private readonly rekeyAll: boolean;
  private readonly leadMaxMs: number;
  paused: boolean = false;
  /** Readings folded by the current call. */
  private folded: number = 0;
  private readonly weightPerLook: number;
  /** Counts down to where the slice is asked whether it is over. */
  private untilLook: number = 0;

  constructor(context: FoldContext) {
    this.context = context;
    this.weightPerLook =
      context.slice === undefined ? longAway : context.slice.records * recordWeight;
    this.declared = declaredFolder(context);
    this.rekeyAll = context.semantics.inputKeying === 'rekey';
    this.leadMaxMs = leadMaxMs(context.semantics);
  }

  get foldingSensor(): string | undefined {
    return this.declared?.foldingSensor;
  }

  fold(memory: ShardMemory, records: RecordCursor, until: number): boolean {
    this.folded = 0;
    this.paused = false;
    this.untilLook = this.weightPerLook;
    let stopped = false;
    do {
      if (this.untilLook <= 0 && this.pauses()) {
        stopped = true;
        break;
      }
      // The thread's scanner reads the default shape only.
      const scans = this.declared === undefined || memory.scanner !== undefined;
      const scan = scans ? scanRecords(records, memory.scanner) : undefined;
      if (scan === undefined) stopped = this.foldRecord(memory, records, until);
      else stopped = this.foldScan(memory, records, scan, until);
    } while (!stopped && records.next());
    this.context.outbox.countReadings(this.folded);
    return stopped;
  }

  // hot path
  private foldScan(
    memory: ShardMemory,
    record: RecordCursor,
    scan: RecordScan,
    until: number,
  ): boolean {
    const { count, kinds, readings } = scan;
    const { offsets } = readings;
    const foldsKeyed = memory.role === 'source' && !this.rekeyAll;
    let row = 0;
    let ask = 0;
    let wait = 1;
    try {
      for (; row < count; row += 1) {
        if ((offsets[row] as number) < memory.position) continue;
        if (this.untilLook <= 0 && this.pauses()) return true;
        if (foldsKeyed && row >= ask) {
          const next = this.foldRows(memory, scan, row, until);
          // The kernel skips sensors seen once per window, so back off before asking again.
          wait = next > row ? 1 : Math.min(2 * wait, waitMax);
          row = next;
          ask = next + wait;
          if (row === count) return false;
        }
        const offset = offsets[row] as number;
        if (offset >= until) return true;
        if (foldsKeyed && kinds[row] === keyedReading) this.foldRow(memory, record, scan, row);
        else this.foldScanned(memory, record, scan, row);
        this.recordsSeen += 1;
        this.untilLook -= recordWeight;
        memory.position = offset + 1;
      }
      return false;
    } finally {
      // The record at which it stopped or threw; else the last one.
      scan.moveTo(Math.min(row, count - 1));
    }
  }

  /** Folds plain rows, which give no output, from `row` on; returns the first other row. */
  private foldRows(memory: ShardMemory, scan: RecordScan, row: number, until: number): number {
    const next = memory.state.foldRows(scan, row, until);
    if (next === row) return row;
    this.folded += next - row;
    this.recordsSeen += next - row;
    this.untilLook -= next - row;
    memory.position = (scan.readings.offsets[next - 1] as number) + 1;
    hearReading(memory, memory.state.maxEventTimeMs);
    return next;
  }

  // hot path
  private foldRow(memory: ShardMemory, record: RecordCursor, scan: RecordScan, row: number): void {
    const { readings } = scan;
    const reason = memory.state.foldRow(readings, row, this.context.outbox);
    hearReading(memory, memory.state.maxEventTimeMs);
    if (reason === null) {
      this.folded += 1;
      return;
    }
    scan.moveTo(row);
    this.sendDeadLetter(record, reason);
  }

  private foldScanned(
    memory: ShardMemory,
    record: RecordCursor,
    scan: RecordScan,
    row: number,
  ): void {
    const { kinds, readings } = scan;
    scan.moveTo(row);
    if (kinds[row] === undecidedRecord || this.declared !== undefined) {
      this.decodeAndFold(memory, record);
      return;
    }
    const { reading } = this;
    reading.idBytes = readings.idBytes;
    reading.idStart = readings.idStarts[row] as number;
    reading.idEnd = readings.idEnds[row] as number;
    reading.timestampMs = readings.timestampsMs[row] as number;
    reading.value = readings.values[row] as number;
    this.foldDecoded(memory, record, null);
  }

  private foldRecord(memory: ShardMemory, record: RecordCursor, until: number): boolean {
    const { offset } = record;
    if (offset < memory.position) return false;
    if (offset >= until) return true;
    this.decodeAndFold(memory, record);
    this.recordsSeen += 1;
    this.untilLook -= recordWeight;
    memory.position = offset + 1;
    return false;
  }

  /** Returns whether the fold must stop here; at least one record has been folded by then. */
  private pauses(): boolean {
    this.untilLook = this.weightPerLook;
    this.paused = this.context.slice?.over() ?? false;
    return this.paused;
  }

  /** Checks the slice before the next record if the last output filled the outbox. */
  private lookWhereFull(): void {
    if (this.context.outbox.full) this.untilLook = 0;
  }

  private decodeAndFold(memory: ShardMemory, record: RecordCursor): void {
    if (record.unreadable !== undefined) return this.sendDeadLetter(record, batchTooLargeReason);
    if (this.declared !== undefined) {
      const readings = this.declared.foldRecord(memory, record);
      if (readings === undefined) this.recordsSeen -= 1;
      else this.folded += readings;
      return this.lookWhereFull();
    }
    const { bytes, valueStart, valueEnd } = record;
    const reason = decodeReading(bytes, valueStart, valueEnd, this.reading);
    this.foldDecoded(memory, record, reason);
  }

  /** Folds `this.reading`, or refuses the record that is none. */
  private foldDecoded(
    memory: ShardMemory,
    record: RecordCursor,
    refused: DeadLetterReason | null,
  ): void {
    if (memory.role === 'source') this.foldSource(memory, record, refused);
    else this.foldRekeyed(memory, record, refused);
  }

  private foldSource(
    memory: ShardMemory,
    record: RecordCursor,
    refused: DeadLetterReason | null,
  ): void {
    const { reading } = this;
    let reason = refused;
    if (reason === null && !this.rekeyAll && keyIsSensorId(record, reading)) {
      const { outbox } = this.context;
      reason = memory.state.fold(reading, record.timestampMs, record.offset, outbox);
      if (reason === null) this.folded += 1;
      hearReading(memory, memory.state.maxEventTimeMs);
    } else if (reason === null) {
      reason = this.forwardReading(memory, record);
    }
    if (reason !== null) this.sendDeadLetter(record, reason);
  }

  private forwardReading(memory: ShardMemory, record: RecordCursor): DeadLetterReason | null {
    const { context, reading } = this;
    const { timestampMs } = reading;
    if (timestampMs - record.timestampMs > context.semantics.maxAheadMs) {
      return aheadReason(timestampMs, record.timestampMs, context.semantics.maxAheadMs);
    }
    const held = isHeld(timestampMs, record.timestampMs, this.leadMaxMs);
    // A fast clock is named by the rekeyed shard that folds the reading.
    hearReading(memory, held ? record.timestampMs : timestampMs);
    this.sendForward(record);
    return null;
  }

  private foldRekeyed(
    memory: ShardMemory,
    record: RecordCursor,
    refused: DeadLetterReason | null,
  ): void {
    const { context, reading } = this;
    const clock = readSourceClock(record, context.settings?.groupId);
    if (clock === otherGroup || isMarker(record, clock)) {
      this.recordsSeen -= 1;
    } else {
      let reason = refused;
      if (reason === null && clock === undefined) reason = badSourceHeader;
      if (reason === null && !keyIsSensorId(record, reading)) reason = keyMismatch;
      reason ??= memory.state.fold(reading, record.timestampMs, record.offset, context.outbox);
      if (reason === null) this.folded += 1;
      else this.sendDeadLetter(record, reason);
    }
    if (clock !== undefined && clock !== otherGroup)
      hearClock(memory, clock, context.semantics, context.outbox);
  }

  private sendDeadLetter(record: RecordCursor, reason: DeadLetterReason): void {
    const { outbox, shard, topics } = this.context;
    if (outbox.muted) return;
    const fields = this.declared && 'all';
    const letter = deadLetterRecord(record, reason, shard, topics.deadLetters, fields);
    outbox.deadLetter(reason.code, letter);
    this.lookWhereFull();
  }

  private sendForward(record: RecordCursor): void {
    const { forwarding, outbox, shard, topics } = this.context;
    if (forwarding === undefined || outbox.muted) return;
    const { partitions, clock } = forwarding;
    const { idBytes, idStart, idEnd } = this.reading;
    const key = idBytes.subarray(idStart, idEnd);
    const groupId = this.context.settings?.groupId;
    const target = { topic: topics.rekeyed, partitions, clock, key, groupId };
    outbox.forward(forwardRecord(record, shard, target));
    this.lookWhereFull();
  }

  sensorOf(memory: ShardMemory, record: RecordCursor): string | undefined {
    const { reading } = this;
    // The fold itself said which of several sensors it was at.
    if (this.declared !== undefined) return undefined;
    try {
      const reason = decodeReading(record.bytes, record.valueStart, record.valueEnd, reading);
      const isFoldedHere = memory.role === 'rekeyed' || !this.rekeyAll;
      if (reason !== null || !isFoldedHere || !keyIsSensorId(record, reading)) return undefined;
    } catch {
      return undefined;
    }
    return Buffer.from(reading.idBytes.subarray(reading.idStart, reading.idEnd)).toString();
  }

  refuse(record: RecordCursor, reason: DeadLetterReason): void {
    this.sendDeadLetter(record, reason);
  }
}
