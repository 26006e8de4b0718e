// A scan of encoded records: rows of readings instead of one record at a time, much cheaper. The
// log hands out a section of bytes and knows nothing of how it is read; the scanner fills its one
// set of columns, so a scan is gone with the next one, and a look at it then throws.
import { assert } from '../errors.ts';
import { recordScanner, type RecordRows, type RecordScanner } from '../kernel/record-scanner.ts';
import type { RecordCursor, RecordSection } from '../records/record.ts';
import type { ReadingColumns } from '../sensors/reading.ts';
import type { ScannedRows } from '../sensors/row-kernel.ts';

/** Consecutive records of one batch, as rows. Valid until the scanner's next scan. */
export interface RecordScan extends ScannedRows {
  /** At least 1. */
  readonly count: number;
  /** By row: undecidedRecord, keyedReading or otherReading (kernel/record-scanner.ts). */
  readonly kinds: Uint8Array;
  /** By row; ids, timestamps and values of readings only. */
  readonly readings: ReadingColumns;
  /** Set if a record may have several rows, which follow each other. */
  readonly records: RecordRows | undefined;
  /**
   * Moves the cursor to the record of `row`.
   * @throws InvariantError if something else was scanned since.
   */
  moveTo(row: number): void;
}

/**
 * Scans the cursor's current record and those after it, as far as one step goes, with `scanner` or
 * that of the thread. Returns undefined where the current record must be read by itself.
 */
export function scanRecords(
  cursor: RecordCursor,
  scanner: RecordScanner = recordScanner(),
): RecordScan | undefined {
  const section = cursor.section?.();
  if (section === undefined) return undefined;
  const count = scanner.scan(section);
  return count === 0 ? undefined : new SectionScan(cursor, section, scanner, count);
}

class SectionScan implements RecordScan {
  readonly count: number;
  readonly kinds: Uint8Array;
  readonly readings: ReadingColumns;
  readonly records: RecordRows | undefined;
  private readonly cursor: RecordCursor;
  private readonly section: RecordSection;
  private readonly scanner: RecordScanner;
  private readonly scanNumber: number;

  constructor(cursor: RecordCursor, section: RecordSection, scanner: RecordScanner, count: number) {
    this.cursor = cursor;
    this.section = section;
    this.scanner = scanner;
    this.scanNumber = scanner.scans;
    this.count = count;
    this.kinds = scanner.kinds;
    this.readings = scanner.readings;
    this.records = scanner.records;
  }

  get isCurrent(): boolean {
    return this.scanner.scans === this.scanNumber;
  }

  moveTo(row: number): void {
    assert(this.isCurrent, 'a scan is used after the next one took its place');
    const { cursor, readings, records, scanner, section } = this;
    const start = scanner.starts[row] ?? 0;
    let first = row;
    while (first > 0 && scanner.starts[first - 1] === start) first -= 1;
    const afterOffset = first === 0 ? section.afterOffset : (readings.offsets[first - 1] ?? 0);
    const index = records?.indexes[row] ?? row;
    cursor.moveWithin?.(section, { index, start, afterOffset });
  }
}
