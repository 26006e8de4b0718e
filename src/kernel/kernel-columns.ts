// A shard's columns in the memory of its kernel.
import type { ColumnMemory } from '../sensors/column-memory.ts';
import { kernelPages, pageBytes } from './instance.ts';

/** A multiple of every element's size, and of a cache line. */
const alignment = 64;

/**
 * Returns columns in `memory`, behind what the kernel works with. They throw a RangeError where
 * there is no more room.
 */
export function kernelColumns(memory: WebAssembly.Memory): ColumnMemory {
  let end = kernelPages * pageBytes;
  const reserve = (bytes: number): number => {
    const start = Math.ceil(end / alignment) * alignment;
    end = start + bytes;
    const pages = Math.ceil((end - memory.buffer.byteLength) / pageBytes);
    if (pages > 0) memory.grow(pages);
    return start;
  };
  return {
    float64: (_, lengthMax) => {
      const start = reserve(8 * lengthMax);
      return new Float64Array(memory.buffer, start, lengthMax);
    },
    int32: (_, lengthMax) => {
      const start = reserve(4 * lengthMax);
      return new Int32Array(memory.buffer, start, lengthMax);
    },
    uint8: (_, lengthMax) => {
      const start = reserve(lengthMax);
      return new Uint8Array(memory.buffer, start, lengthMax);
    },
  };
}
