// Text and numbers by turns → bytes, in WebAssembly: a feature row without a string made of any
// part of it.
//
//   head │ piece 0 │ number 0 │ piece 1 │ number 1 │ … │ last piece
import { instanceOfThread, type KernelExports } from './instance.ts';

/** Writes rows; what was set stays for the rows after. */
export interface RowWriter {
  /** The head of the next row; the caller fills it. */
  readonly head: Uint8Array;
  /** The numbers of the next row; the caller fills them. */
  readonly numbers: Float64Array;
  /** Sets all pieces, one more than numbers; returns false where they are too long or too many. */
  setPieces(pieces: readonly Uint8Array[]): boolean;
  /**
   * Returns the row, copied; undefined where a number is not finite, or so small that its text is
   * left to V8.
   */
  write(headBytes: number, numbers: number): Buffer | undefined;
}

/**
 * Returns the thread's writer. Whoever uses it sets the pieces unless it knows that they are its
 * own.
 */
export function rowWriter(): RowWriter {
  if (ofThread === undefined) {
    const { exports, memory } = instanceOfThread();
    ofThread = new WasmRowWriter(exports, memory);
  }
  return ofThread;
}

let ofThread: RowWriter | undefined;

class WasmRowWriter implements RowWriter {
  readonly head: Uint8Array;
  readonly numbers: Float64Array;
  private readonly exports: KernelExports;
  private readonly pieces: Uint8Array;
  private readonly starts: Int32Array;
  private readonly ends: Int32Array;
  private readonly row: Buffer;

  constructor(exports: KernelExports, { buffer }: WebAssembly.Memory) {
    const numbers = exports.rowNumbersMax.value;
    this.exports = exports;
    this.head = new Uint8Array(buffer, exports.rowHead.value, exports.rowHeadBytes.value);
    this.numbers = new Float64Array(buffer, exports.rowNumbers.value, numbers);
    this.pieces = new Uint8Array(buffer, exports.pieces.value, exports.piecesBytes.value);
    this.starts = new Int32Array(buffer, exports.pieceStarts.value, numbers + 1);
    this.ends = new Int32Array(buffer, exports.pieceEnds.value, numbers + 1);
    this.row = Buffer.from(buffer, exports.row.value, exports.rowBytes.value);
  }

  setPieces(pieces: readonly Uint8Array[]): boolean {
    const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (bytes > this.pieces.length || pieces.length > this.starts.length) return false;
    let at = 0;
    pieces.forEach((piece, index) => {
      this.pieces.set(piece, at);
      this.starts[index] = at;
      at += piece.length;
      this.ends[index] = at;
    });
    return true;
  }

  write(headBytes: number, numbers: number): Buffer | undefined {
    const bytes = this.exports.writeRow(headBytes, numbers);
    return bytes === 0 ? undefined : Buffer.from(this.row.subarray(0, bytes));
  }
}
