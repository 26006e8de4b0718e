// decode → route to sensor → fold, for the records of one batch, in three ways:
//
//   keyed rows    scanned, keyed by their device        here: the kernel folds many in one call
//   other rows    another key, or read by no scan       fold-others.ts: folded here, or forwarded
//   rekeyed rows  of the rekeyed topic                  fold-rekeyed.ts: folded, then event time
//
// Records of a declared shape go to fold-declared.ts, whatever their key. What cannot be folded
// becomes a dead letter. Deterministic: the same memory and records give the same memory and
// outputs, whatever the batch cuts.
import { scanRecords, type RecordScan } from '../codecs/record-scan.ts';
import { keyedReading, undecidedRecord, type RecordRows } from '../kernel/record-scanner.ts';
import type { RecordCursor } from '../records/record.ts';
import { emptyReading, type DeadLetterReason, type Reading } from '../sensors/reading.ts';
import { batchTooLargeReason } from '../sensors/refusals.ts';
import type { BatchFolder } from './batch-folder.ts';
import { sendDeadLetter, type FoldContext } from './fold-context.ts';
import { declaredFolder, type DeclaredFolder, type RefusedRow } from './fold-declared.ts';
import { OtherRecords } from './fold-others.ts';
import { RekeyedRecords } from './fold-rekeyed.ts';
import { hearReading } from './heard-time.ts';
import { keyIsSensorId } from './record-key.ts';
import { decodeRecord, firstRow, readRow, recordsAmong, sensorOfRow } from './scanned-rows.ts';
import type { ShardMemory } from './shard-memory.ts';

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
  paused: boolean = false;
  missingSchema: number | undefined;
  private readonly context: FoldContext;
  private readonly others: OtherRecords;
  private readonly rekeyed: RekeyedRecords;
  private readonly declared: DeclaredFolder | undefined;
  private readonly rekeyAll: boolean;
  private readonly reading: Reading = emptyReading();
  private folded: number = 0;
  private readonly weightPerLook: number;
  /** The row that is being folded, where a record may have several; below 0 for none. */
  private rowAtFault: number = -1;
  private faultySensor: string | undefined;
  /** Counts down to where the slice is asked whether it is over. */
  private untilLook: number = 0;

  constructor(context: FoldContext) {
    this.context = context;
    this.others = new OtherRecords(context);
    this.rekeyed = new RekeyedRecords(context);
    this.declared = declaredFolder(context);
    this.rekeyAll = context.semantics.inputKeying === 'rekey';
    this.weightPerLook =
      context.slice === undefined ? longAway : context.slice.records * recordWeight;
  }

  get foldingSensor(): string | undefined {
    return this.faultySensor ?? this.declared?.foldingSensor;
  }

  fold(memory: ShardMemory, record: RecordCursor, until: number): boolean {
    this.folded = 0;
    this.paused = false;
    this.missingSchema = undefined;
    this.rowAtFault = -1;
    this.faultySensor = undefined;
    this.untilLook = this.weightPerLook;
    let stopped = false;
    do {
      if (this.untilLook <= 0 && this.pauses()) {
        stopped = true;
        break;
      }
      // The thread's scanner reads the default shape only.
      const scans = this.declared === undefined || memory.scanner !== undefined;
      const scan = scans ? scanRecords(record, memory.scanner) : undefined;
      if (scan === undefined) stopped = this.foldUnscanned(memory, record, until);
      else if (scan.records === undefined) stopped = this.foldScan(memory, record, scan, until);
      else stopped = this.foldDeepScan(memory, record, scan, scan.records, until);
    } while (!stopped && record.next());
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
          const next = this.foldKeyedRows(memory, scan, row, until);
          // The kernel skips sensors seen once per window, so back off before asking again.
          wait = next > row ? 1 : Math.min(2 * wait, waitMax);
          row = next;
          ask = next + wait;
          if (row === count) return false;
        }
        const offset = offsets[row] as number;
        if (offset >= until) return true;
        if (foldsKeyed && kinds[row] === keyedReading) this.foldKeyedRow(memory, record, scan, row);
        else this.foldOtherRow(memory, record, scan, row);
        this.untilLook -= recordWeight;
        memory.position = offset + 1;
      }
      return false;
    } finally {
      this.leave(scan, row);
    }
  }

  // hot path
  /** As `foldScan` where a record may have several rows; ends and pauses between records only. */
  private foldDeepScan(
    memory: ShardMemory,
    record: RecordCursor,
    scan: RecordScan,
    { indexes, ends }: RecordRows,
    until: number,
  ): boolean {
    const { count, kinds, readings } = scan;
    const { offsets } = readings;
    const foldsKeyed = memory.role === 'source' && !this.rekeyAll;
    let row = 0;
    let ask = 0;
    let wait = 1;
    try {
      while (row < count) {
        if ((offsets[row] as number) < memory.position) {
          row = ends[row] as number;
          continue;
        }
        if (this.untilLook <= 0 && this.pauses()) return true;
        let next = row;
        if (foldsKeyed && row >= ask) {
          next = this.foldKeyedRows(memory, scan, row, until);
          wait = next > row ? 1 : Math.min(2 * wait, waitMax);
          ask = next + wait;
          if (next > row) this.recordsSeen -= next - row - recordsAmong(indexes, row, next);
          row = next === count || next === row ? next : firstRow(indexes, next);
          if (row === count) return false;
        }
        const offset = offsets[row] as number;
        if (offset >= until) return true;
        if (foldsKeyed && kinds[row] === keyedReading) {
          this.foldKeyedRecord(memory, record, scan, row, Math.max(row, next));
        } else {
          scan.moveTo(row);
          this.foldRecord(memory, record, undefined);
        }
        this.untilLook -= recordWeight;
        memory.position = offset + 1;
        row = ends[row] as number;
      }
      return false;
    } finally {
      this.leave(scan, row);
    }
  }

  /** Leaves the cursor at the record at which the fold stopped or threw, else at the last one. */
  private leave(scan: RecordScan, row: number): void {
    scan.moveTo(Math.min(row, scan.count - 1));
    const isDeclared = this.declared !== undefined;
    if (isDeclared && this.rowAtFault >= 0) this.faultySensor = sensorOfRow(scan, this.rowAtFault);
  }

  /** Folds keyed rows that give no output, from `row` on; returns the first row left. */
  private foldKeyedRows(memory: ShardMemory, scan: RecordScan, row: number, until: number): number {
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
  private foldKeyedRow(
    memory: ShardMemory,
    record: RecordCursor,
    scan: RecordScan,
    row: number,
  ): void {
    this.rowAtFault = row;
    const reason = memory.state.foldRow(scan.readings, row, this.context.outbox);
    this.rowAtFault = -1;
    hearReading(memory, memory.state.maxEventTimeMs);
    this.recordsSeen += 1;
    if (reason === null) {
      this.folded += 1;
      return;
    }
    scan.moveTo(row);
    this.refuse(record, reason);
  }

  /** Folds the rows of the record that begins at `row`, from `next` on: the kernel left them. */
  private foldKeyedRecord(
    memory: ShardMemory,
    record: RecordCursor,
    scan: RecordScan,
    row: number,
    next: number,
  ): void {
    const { outbox } = this.context;
    const end = scan.records?.ends[row] ?? row + 1;
    let refused: RefusedRow[] | undefined;
    for (let at = next; at < end; at += 1) {
      this.rowAtFault = at;
      const reason = memory.state.foldRow(scan.readings, at, outbox);
      if (reason === null) this.folded += 1;
      else (refused ??= []).push({ measurement: at - row, reason });
    }
    this.rowAtFault = -1;
    hearReading(memory, memory.state.maxEventTimeMs);
    this.recordsSeen += 1;
    if (refused === undefined) return;
    scan.moveTo(row);
    this.declared?.refuseRows(record, refused, end - row - refused.length);
    this.lookIfFull();
  }

  private foldOtherRow(
    memory: ShardMemory,
    record: RecordCursor,
    scan: RecordScan,
    row: number,
  ): void {
    scan.moveTo(row);
    const isRead = scan.kinds[row] !== undecidedRecord && this.declared === undefined;
    this.foldRecord(memory, record, isRead ? readRow(scan, row, this.reading) : undefined);
  }

  private foldUnscanned(memory: ShardMemory, record: RecordCursor, until: number): boolean {
    const { offset } = record;
    if (offset < memory.position) return false;
    if (offset >= until) return true;
    this.missingSchema = this.declared?.missingSchema(memory, record);
    if (this.missingSchema !== undefined) return (this.paused = true);
    this.foldRecord(memory, record, undefined);
    this.untilLook -= recordWeight;
    memory.position = offset + 1;
    return false;
  }

  /** Folds the record the cursor stands on, of which `scanned` is the reading if a scan read it. */
  private foldRecord(
    memory: ShardMemory,
    record: RecordCursor,
    scanned: Reading | undefined,
  ): void {
    const folded = this.foldReadings(memory, record, scanned);
    if (folded !== undefined) {
      this.folded += folded;
      this.recordsSeen += 1;
    }
    this.lookIfFull();
  }

  /** Returns the number of readings folded; undefined for a marker, which holds none. */
  private foldReadings(
    memory: ShardMemory,
    record: RecordCursor,
    scanned: Reading | undefined,
  ): number | undefined {
    if (record.unreadable !== undefined) {
      sendDeadLetter(this.context, record, batchTooLargeReason);
      return 0;
    }
    if (this.declared !== undefined) return this.declared.foldRecord(memory, record);
    const reading = scanned ?? this.reading;
    const refused = scanned === undefined ? decodeRecord(record, reading) : null;
    const folder = memory.role === 'source' ? this.others : this.rekeyed;
    return folder.fold(memory, record, reading, refused);
  }

  /** Returns whether the fold must stop here; at least one record has been folded by then. */
  private pauses(): boolean {
    this.untilLook = this.weightPerLook;
    this.paused = this.context.slice?.over() ?? false;
    return this.paused;
  }

  /** Asks the slice before the next record if the outbox is full. */
  private lookIfFull(): void {
    if (this.context.outbox.full) this.untilLook = 0;
  }

  refuse(record: RecordCursor, reason: DeadLetterReason): void {
    sendDeadLetter(this.context, record, reason);
    this.lookIfFull();
  }

  sensorOf(memory: ShardMemory, record: RecordCursor): string | undefined {
    const { reading } = this;
    // The fold itself named the one of several sensors that was at fault.
    if (this.declared !== undefined) return undefined;
    try {
      if (decodeRecord(record, reading) !== null) return undefined;
    } catch {
      return undefined;
    }
    const isFoldedHere =
      memory.role === 'source'
        ? this.others.isKeyed(record, reading)
        : keyIsSensorId(record, reading);
    if (!isFoldedHere) return undefined;
    return Buffer.from(reading.idBytes.subarray(reading.idStart, reading.idEnd)).toString();
  }
}
