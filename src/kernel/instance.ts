// The compiled part of the program: assembly/, as kernel.wasm beside this file. Each instance works
// in one memory, which is its host's: one of a thread that only scans, or one of a shard, whose
// columns lie in it.
import { readFileSync } from 'node:fs';
import { defaultShape } from './flat-shape.ts';
import { powersOfFive } from './powers-of-five.ts';
import { writeShape, type KernelShape } from './shape.ts';

/** The addresses are those of assembly/layout.ts. */
export interface KernelExports {
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
  readonly places: WebAssembly.Global;
  readonly numbers: WebAssembly.Global;
  readonly afterRead: WebAssembly.Global;
  readonly afterReadWarm: WebAssembly.Global;
  readonly rowHead: WebAssembly.Global;
  readonly rowHeadBytes: WebAssembly.Global;
  readonly pieces: WebAssembly.Global;
  readonly piecesBytes: WebAssembly.Global;
  readonly pieceStarts: WebAssembly.Global;
  readonly pieceEnds: WebAssembly.Global;
  readonly rowNumbers: WebAssembly.Global;
  readonly rowNumbersMax: WebAssembly.Global;
  readonly row: WebAssembly.Global;
  readonly rowBytes: WebAssembly.Global;
  readonly fieldNames: WebAssembly.Global;
  readonly fieldNameBytes: WebAssembly.Global;
  readonly fieldNameLengths: WebAssembly.Global;
  readonly timeUnit: WebAssembly.Global;
  readonly isDeclared: WebAssembly.Global;
  readonly isDeep: WebAssembly.Global;
  readonly shapeWords: WebAssembly.Global;
  readonly shapeNames: WebAssembly.Global;
  readonly recordIndexes: WebAssembly.Global;
  readonly recordEnds: WebAssembly.Global;
  readonly dataEnd: WebAssembly.Global;
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
  foldRows(row: number, rows: number): number;
  writeRow(headBytes: number, numbers: number): number;
}

/** Bytes of the module's own data, before any column: `dataEnd` of assembly/layout.ts. */
export const kernelPages = 8;
export const pageBytes = 65_536;
const pagesMax = 65_536;

/**
 * Returns a memory that may grow to `maximum` pages, of which the system gives what is written to.
 */
export function kernelMemory(maximum: number = pagesMax): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: kernelPages, maximum, shared: true });
}

let moduleOfThread: WebAssembly.Module | undefined;
let powersOfThread: BigUint64Array | undefined;

/** Returns a new instance in `memory`, which reads JSON readings of `shape`. */
export function instantiate(
  memory: WebAssembly.Memory,
  shape: KernelShape = defaultShape,
): KernelExports {
  // Threads share the compiled code: V8 knows a module by its bytes.
  moduleOfThread ??= new WebAssembly.Module(readFileSync(new URL('kernel.wasm', import.meta.url)));
  const instance = new WebAssembly.Instance(moduleOfThread, {
    env: { memory },
    // Named by the file that declares it.
    statistics: { log: Math.log },
  });
  const exports = instance.exports as KernelExports;
  powersOfThread ??= powersOfFive();
  const { length } = powersOfThread;
  new BigUint64Array(memory.buffer, exports.powersOfFive.value, length).set(powersOfThread);
  writeShape(exports, memory, shape);
  return exports;
}

let ofThread: { readonly exports: KernelExports; readonly memory: WebAssembly.Memory } | undefined;

/**
 * Returns the thread's instance, which has no columns: for records that no kernel folds, and for
 * the text of rows.
 */
export function instanceOfThread(): NonNullable<typeof ofThread> {
  if (ofThread === undefined) {
    const memory = kernelMemory(kernelPages);
    ofThread = { exports: instantiate(memory), memory };
  }
  return ofThread;
}
