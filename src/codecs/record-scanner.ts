// The fast half of decoding: records of a Kafka batch → columns of readings, in WebAssembly (assembly/, whose compiled form
// lies beside this file). It only ever says "read" or "not for me"; the strict decoders then decide, so that reasons are
// given in one place.
//
//   batch bytes ─copy─▶ window ─scan─▶ | offset | time of record | kind | id | timestamp | value |   a row a record
import { readFileSync } from 'node:fs';
import type { ReadingColumns } from '../sensors/reading.ts';
import { powerMax, powerMin, powersOfFive } from './powers-of-five.ts';

/** What a scanned record is: to be looked at, or a reading whose key is its sensor id, or another or none. */
export const undecidedRecord = 0;
export const keyedReading = 1;
export const otherReading = 2;

/** The rest of one batch: where its next record begins, and what its header says of all of them. */
export interface BatchSection {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly records: number;
  readonly baseOffset: number;
  /** Offsets of the records lie behind this one … */
  readonly afterOffset: number;
  /** … and up to this one. */
  readonly lastOffset: number;
  readonly baseTimestampMs: number;
  /** The timestamp of every record; undefined where each has its own. */
  readonly appendTimeMs: number | undefined;
}

/** Scans records into its one set of columns: what it found is valid until its next scan. */
export interface RecordScanner {
  /** By row: undecidedRecord, keyedReading, otherReading. */
  readonly kinds: Uint8Array;
  /** By row: where the record begins, from the section's start. */
  readonly starts: Int32Array;
  /** By row; ids, timestamps and values of readings only. */
  readonly readings: ReadingColumns;
  /**
   * Scans the first records of `section` and returns how many; 0 where the first is too long for the window or its framing
   * does not add up. Reads nothing outside the section.
   */
  scan(section: BatchSection): number;
}

interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly window: WebAssembly.Global;
  readonly windowBytes: WebAssembly.Global;
  readonly rowsMax: WebAssembly.Global;
  readonly powersOfFive: WebAssembly.Global;
  readonly starts: WebAssembly.Global;
  readonly kinds: WebAssembly.Global;
  readonly offsets: WebAssembly.Global;
  readonly recordTimesMs: WebAssembly.Global;
  readonly idStarts: WebAssembly.Global;
  readonly idEnds: WebAssembly.Global;
  readonly timestampsMs: WebAssembly.Global;
  readonly values: WebAssembly.Global;
  scan(
    records: number,
    bytes: number,
    sectionBytes: number,
    baseOffset: number,
    afterOffset: number,
    lastOffset: number,
    baseTimestampMs: number,
    appendTimeMs: number,
  ): number;
}

class WasmScanner implements RecordScanner {
  readonly kinds: Uint8Array;
  readonly starts: Int32Array;
  readonly readings: ReadingColumns;
  private readonly exports: Exports;
  private readonly window: Uint8Array;

  constructor(module: WebAssembly.Module) {
    const exports = new WebAssembly.Instance(module).exports as Exports;
    const { buffer } = exports.memory; // which never grows
    const rows = exports.rowsMax.value;
    const int32 = ({ value }: WebAssembly.Global): Int32Array =>
      new Int32Array(buffer, value, rows);
    const float64 = ({ value }: WebAssembly.Global): Float64Array =>
      new Float64Array(buffer, value, rows);
    this.exports = exports;
    this.window = new Uint8Array(buffer, exports.window.value, exports.windowBytes.value);
    this.kinds = new Uint8Array(buffer, exports.kinds.value, rows);
    this.starts = int32(exports.starts);
    this.readings = {
      idBytes: this.window,
      idStarts: int32(exports.idStarts),
      idEnds: int32(exports.idEnds),
      timestampsMs: float64(exports.timestampsMs),
      values: float64(exports.values),
      recordTimesMs: float64(exports.recordTimesMs),
      offsets: float64(exports.offsets),
    };
    const powers = new BigUint64Array(
      buffer,
      exports.powersOfFive.value,
      2 * (powerMax - powerMin + 1),
    );
    powers.set(powersOfFive());
  }

  scan(section: BatchSection): number {
    const { bytes, start, end } = section;
    const length = Math.min(end - start, this.window.length);
    this.window.set(bytes.subarray(start, start + length));
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

let ofThread: RecordScanner | undefined;

/** Returns the thread's scanner. */
export function recordScanner(): RecordScanner {
  // Threads share the compiled code: V8 knows a module by its bytes.
  ofThread ??= new WasmScanner(
    new WebAssembly.Module(readFileSync(new URL('record-scanner.wasm', import.meta.url))),
  );
  return ofThread;
}
