// The fast half of decoding: records of a Kafka batch → columns of readings, in WebAssembly. It
// only ever says "read" or "not for me"; the strict decoders then decide, so that reasons are given
// in one place.
//
//   batch bytes ─copy─▶ window ─scan─▶ | offset | time of record | kind | id | timestamp | value |   a row a reading
import type { RecordSection } from '../records/record.ts';
import type { ReadingColumns } from '../sensors/reading.ts';
import { instanceOfThread, type KernelExports } from './instance.ts';
import type { KernelShape } from './shape.ts';

/** Kind of a scanned record: undecided, a reading keyed by its sensor id, or any other reading. */
export const undecidedRecord = 0;
export const keyedReading = 1;
export const otherReading = 2;

/** By row: which record of the section it is of, and the first row behind that record. */
export interface RecordRows {
  readonly indexes: Int32Array;
  readonly ends: Int32Array;
}

/** Scans records into its one set of columns: what it found is valid until its next scan. */
export interface RecordScanner {
  /** How often it has scanned: only what the last scan found is still there. */
  readonly scans: number;
  /** By row: undecidedRecord, keyedReading, otherReading. */
  readonly kinds: Uint8Array;
  /** By row: where the record begins, from the section's start. */
  readonly starts: Int32Array;
  /** By row; ids, timestamps and values of readings only. */
  readonly readings: ReadingColumns;
  /** Set if a record may have several rows; else each row is a record. */
  readonly records: RecordRows | undefined;
  /**
   * Scans the first records of `section` and returns how many rows they have; 0 where the first is
   * too long for the window or its framing does not add up. Reads nothing outside the section.
   */
  scan(section: RecordSection): number;
}

class WasmScanner implements RecordScanner {
  scans: number = 0;
  readonly kinds: Uint8Array;
  readonly starts: Int32Array;
  readonly readings: ReadingColumns;
  readonly records: RecordRows | undefined;
  private readonly exports: KernelExports;
  private readonly window: Buffer;

  constructor(exports: KernelExports, { buffer }: WebAssembly.Memory, isDeep: boolean) {
    const rows = exports.rowsMax.value;
    const int32 = ({ value }: WebAssembly.Global): Int32Array =>
      new Int32Array(buffer, value, rows);
    const float64 = ({ value }: WebAssembly.Global): Float64Array =>
      new Float64Array(buffer, value, rows);
    this.exports = exports;
    this.window = Buffer.from(buffer, exports.window.value, exports.windowBytes.value);
    this.kinds = new Uint8Array(buffer, exports.kinds.value, rows);
    this.starts = int32(exports.starts);
    this.records = isDeep
      ? { indexes: int32(exports.recordIndexes), ends: int32(exports.recordEnds) }
      : undefined;
    // Ids of several parts are put together behind the window.
    const idsEnd = isDeep ? exports.dataEnd.value : exports.window.value + this.window.length;
    this.readings = {
      idBytes: Buffer.from(buffer, exports.window.value, idsEnd - exports.window.value),
      idStarts: int32(exports.idStarts),
      idEnds: int32(exports.idEnds),
      timestampsMs: float64(exports.timestampsMs),
      values: float64(exports.values),
      recordTimesMs: float64(exports.recordTimesMs),
      offsets: float64(exports.offsets),
    };
  }

  scan(section: RecordSection): number {
    this.scans += 1;
    const { bytes, start, end } = section;
    const length = Math.min(end - start, this.window.length);
    // A copy at memory's speed: `set`, and `copy` in Node 20, go byte by byte where one of both is
    // shared.
    this.window.fill(bytes.subarray(start, start + length), 0, length);
    return this.exports.scan(
      section.records,
      length,
      end - start,
      section.baseOffset,
      section.afterOffset,
      section.lastOffset,
      section.baseTimestampMs,
      section.appendTimeMs ?? NaN,
    );
  }
}

/** Returns the scanner of an instance in `memory`. */
export function scannerOf(
  exports: KernelExports,
  memory: WebAssembly.Memory,
  shape?: KernelShape,
): RecordScanner {
  return new WasmScanner(exports, memory, shape !== undefined && 'root' in shape);
}

let ofThread: RecordScanner | undefined;

/** Returns the thread's scanner, for records that no kernel folds. */
export function recordScanner(): RecordScanner {
  if (ofThread === undefined) {
    const { exports, memory } = instanceOfThread();
    ofThread = scannerOf(exports, memory);
  }
  return ofThread;
}
