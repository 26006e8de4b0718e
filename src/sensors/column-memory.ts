// Where a shard's columns lie: on V8's heap, where an owner that needs more takes a greater array
// and copies, or in the memory of a kernel. There each column gets at once as many addresses as it
// may ever need: the system gives memory to those that are written to, so a column grows without a
// copy.

/** Gives out columns of zeros: of `length` elements, or of `lengthMax` where that costs nothing. */
export interface ColumnMemory {
  float64(length: number, lengthMax: number): Float64Array;
  int32(length: number, lengthMax: number): Int32Array;
  uint8(length: number, lengthMax: number): Uint8Array;
}

export const heapColumns: ColumnMemory = {
  float64: (length) => new Float64Array(length),
  int32: (length) => new Int32Array(length),
  uint8: (length) => new Uint8Array(length),
};

/**
 * Returns where a column begins in the kernel's memory; 0 for one on the heap, where the kernel
 * cannot reach it.
 */
export function addressOf(column: Float64Array | Int32Array | Uint8Array): number {
  return column.byteOffset;
}
