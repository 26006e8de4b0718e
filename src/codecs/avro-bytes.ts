// The parts of Avro's encoding, read where a slot stands. Each step is bounded by the record:
// counts in its bytes are not believed. Next on the line: avro-value.ts, whole values;
// avro-pick.ts, the declared fields alone.
import { isUtf8 } from 'node:buffer';
import { DecodeError } from '../errors.ts';

/** A place in the record that is being read. */
export interface AvroSlot {
  bytes: Buffer;
  position: number;
  end: number;
  /** Types that are being read within themselves. */
  depth: number;
  /** Items of arrays and maps so far, of all of them. */
  items: number;
}

/** Reads one value where the slot stands and moves it behind the value. */
export type ReadValue = (at: AvroSlot) => unknown;

/** Items of no bytes would make a count without bound, and so would arrays of such arrays. */
const itemsMax = 1_048_576;

/** Calls `read` for each item of an array or a map: blocks of a count, the last of count 0. */
export function eachItem(at: AvroSlot, read: (at: AvroSlot) => void): void {
  for (;;) {
    const count = readNumber(at);
    if (count === 0) return;
    // A negative count is followed by the block's size, for readers that skip it.
    if (count < 0) readNumber(at);
    at.items += Math.abs(count);
    if (at.items > itemsMax) {
      throw new DecodeError(`expected at most ${itemsMax} items in the record`);
    }
    for (let item = Math.abs(count); item > 0; item -= 1) read(at);
  }
}

/** Refuses the bytes where the slot stands. */
export function corrupt({ position }: AvroSlot): never {
  throw new DecodeError(`byte ${position} of the record is none of its schema`);
}

/** Moves the slot behind `count` bytes; returns where they begin. */
export function advance(at: AvroSlot, count: number): number {
  const start = at.position;
  const end = start + count;
  if (!(count >= 0 && end <= at.end)) {
    throw new DecodeError('the record ends within a value of its schema');
  }
  at.position = end;
  return start;
}

export function take(at: AvroSlot, count: number): Buffer {
  const start = advance(at, count);
  return at.bytes.subarray(start, start + count);
}

export function readBytes(at: AvroSlot): Buffer {
  return take(at, readNumber(at));
}

export function readText(at: AvroSlot): string {
  const length = readNumber(at);
  const start = advance(at, length);
  requireUtf8(at, start, start + length);
  return at.bytes.toString('utf8', start, start + length);
}

/** Refuses a string whose bytes [start, end) are no text. */
export function requireUtf8({ bytes }: Pick<AvroSlot, 'bytes'>, start: number, end: number): void {
  // Most strings are short and ASCII, and a call out of JavaScript costs more than their bytes.
  for (let index = start; index < end; index += 1) {
    if ((bytes[index] as number) < 0x80) continue;
    if (isUtf8(bytes.subarray(start, end))) return;
    throw new DecodeError('a string of the record is not UTF-8');
  }
}

export function readBoolean(at: AvroSlot): boolean {
  const byte = at.bytes[advance(at, 1)];
  return byte === 0 || byte === 1 ? byte === 1 : corrupt(at);
}

/** Reads an int or a long, rounded beyond 2^53. */
export function readNumber(at: AvroSlot): number {
  return Number(readLong(at));
}

/** Reads a zigzag varint: a number as long as it is safe, exact beyond it. */
export function readLong(at: AvroSlot): number | bigint {
  const { bytes, end, position: start } = at;
  let magnitude = 0;
  let scale = 1;
  for (let position = start; position < end && position - start < 8; position += 1) {
    const byte = bytes[position] as number;
    magnitude += (byte & 0x7f) * scale;
    scale *= 128;
    if (byte < 0x80) {
      // Sums of what is below 2^53 are exact, and what reaches it was not below.
      if (magnitude > Number.MAX_SAFE_INTEGER) break;
      at.position = position + 1;
      return magnitude % 2 === 0 ? magnitude / 2 : -(magnitude + 1) / 2;
    }
  }
  return readBigLong(at);
}

/** Steps over an int or a long. */
export function skipLong(at: AvroSlot): void {
  const { bytes, position: start } = at;
  const last = Math.min(at.end, start + 10);
  for (let position = start; position < last; position += 1) {
    if ((bytes[position] as number) >= 0x80) continue;
    at.position = position + 1;
    return;
  }
  corrupt(at);
}

function readBigLong(at: AvroSlot): bigint {
  let zigzag = 0n;
  for (let index = 0n; index < 10n; index += 1n) {
    const byte = take(at, 1)[0] as number;
    zigzag |= BigInt(byte & 0x7f) << (7n * index);
    if (byte < 0x80) {
      const long = BigInt.asUintN(64, zigzag);
      return BigInt.asIntN(64, (long >> 1n) ^ -(long & 1n));
    }
  }
  throw new DecodeError('the record has a long of more than 64 bits');
}
