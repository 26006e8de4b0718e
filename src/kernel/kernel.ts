// The kernel of one shard: scans records into rows, and folds those that are plain, over columns in
// its own memory.
import { number, place, type RowKernel } from '../sensors/row-kernel.ts';
import { kernelColumns } from './kernel-columns.ts';
import { instantiate, kernelMemory } from './instance.ts';
import { scannerOf, type RecordScanner } from './record-scanner.ts';
import type { KernelShape } from './shape.ts';

export interface Kernel extends RowKernel {
  /** `foldRows` folds the rows of its last scan. */
  readonly scanner: RecordScanner;
}

const lifecycleStatesMax = 16;

/**
 * Returns a kernel with a memory of its own; undefined where the system has no addresses left for
 * it.
 */
export function createKernel(shape?: KernelShape): Kernel | undefined {
  try {
    return kernelIn(kernelMemory(), shape);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function kernelIn(memory: WebAssembly.Memory, shape: KernelShape | undefined): Kernel {
  const exports = instantiate(memory, shape);
  const { buffer } = memory;
  const states = ({ value }: WebAssembly.Global): Uint8Array =>
    new Uint8Array(buffer, value, lifecycleStatesMax);
  const scanner = scannerOf(exports, memory, shape);
  return {
    columns: kernelColumns(memory),
    scanner,
    readings: scanner.readings,
    places: new Uint32Array(buffer, exports.places.value, Object.keys(place).length),
    numbers: new Float64Array(buffer, exports.numbers.value, Object.keys(number).length),
    afterRead: states(exports.afterRead),
    afterReadWarm: states(exports.afterReadWarm),
    foldRows: exports.foldRows,
  };
}
