// The parts of Protobuf's encoding, read where a slot stands and bounded by the message it is in.
// Only what a serializer writes is read: tags and lengths of up to 28 bits, no groups. All else
// leaves the record to the reader of whole values (protobuf-value.ts), which says what is wrong.
// Next on the line: protobuf-pick.ts.
import { requireUtf8 } from './avro-bytes.ts';
import { leaveRecord } from './picked-fields.ts';

/** A place in the record that is being read. */
export interface ProtobufSlot {
  bytes: Buffer;
  position: number;
  /** Of the message around it. */
  end: number;
  /** Halves of the last varint, as 32-bit integers. */
  low: number;
  high: number;
}

/** Reads one value where the slot stands and moves it behind the value. */
export type ReadScalar = (at: ProtobufSlot) => unknown;

const bytesOfVarint = 10;

/** Reads a tag or a length: up to four bytes, which is all that a record of this size needs. */
export function readShort(at: ProtobufSlot): number {
  const { bytes, end, position } = at;
  const last = Math.min(end, position + 4);
  let value = 0;
  for (let index = position, shift = 0; index < last; index += 1, shift += 7) {
    const byte = bytes[index] as number;
    value |= (byte & 0x7f) << shift;
    if (byte >= 0x80) continue;
    at.position = index + 1;
    return value;
  }
  return leaveRecord();
}

/** Reads a length; returns the end of the bytes that it announces, which is within the message. */
export function readEnd(at: ProtobufSlot): number {
  const length = readShort(at);
  const end = at.position + length;
  return end <= at.end ? end : leaveRecord();
}

/** Moves the slot behind `count` bytes; returns where they begin. */
function advance(at: ProtobufSlot, count: number): number {
  const start = at.position;
  if (start + count > at.end) leaveRecord();
  at.position = start + count;
  return start;
}

/** Reads a varint of up to 64 bits into the slot. */
function readVarint(at: ProtobufSlot): void {
  const { bytes, end, position } = at;
  const last = Math.min(end, position + bytesOfVarint);
  let low = 0;
  let high = 0;
  for (let index = position, shift = 0; index < last; index += 1, shift += 7) {
    const byte = bytes[index] as number;
    const part = byte & 0x7f;
    if (shift < 28) low |= part << shift;
    else if (shift > 28) high |= part << (shift - 32);
    else {
      low |= part << 28;
      high = part >>> 4;
    }
    if (byte >= 0x80) continue;
    // More than 64 bits: whether a bool of them is true is not for this reader to say.
    if (shift === 63 && byte > 1) break;
    at.position = index + 1;
    at.low = low;
    at.high = high;
    return;
  }
  leaveRecord();
}

export function skipVarint(at: ProtobufSlot): void {
  const { bytes, end, position } = at;
  const last = Math.min(end, position + bytesOfVarint);
  for (let index = position; index < last; index += 1) {
    if ((bytes[index] as number) >= 0x80) continue;
    at.position = index + 1;
    return;
  }
  leaveRecord();
}

export function skip32(at: ProtobufSlot): void {
  advance(at, 4);
}

export function skip64(at: ProtobufSlot): void {
  advance(at, 8);
}

export function skipBytes(at: ProtobufSlot): void {
  at.position = readEnd(at);
}

export function skipText(at: ProtobufSlot): void {
  const end = readEnd(at);
  requireUtf8(at, at.position, end);
  at.position = end;
}

/** Steps over a field that the schema does not have. */
export function skipUnknown(at: ProtobufSlot, tag: number): void {
  if (tag < 8) leaveRecord();
  const skip = skips[tag & 7] ?? leaveRecord;
  skip(at);
}

/** By wire type. */
const skips = [skipVarint, skip64, skipBytes, undefined, undefined, skip32];

export function readDouble(at: ProtobufSlot): number {
  return at.bytes.readDoubleLE(advance(at, 8));
}

function readText(at: ProtobufSlot): string {
  const start = textStart(at);
  return at.bytes.toString('utf8', start, at.position);
}

/** Reads a string; returns where it begins. The slot stands at its end. */
export function textStart(at: ProtobufSlot): number {
  const end = readEnd(at);
  const start = at.position;
  requireUtf8(at, start, end);
  at.position = end;
  return start;
}

function readHex(at: ProtobufSlot): string {
  const end = readEnd(at);
  const start = at.position;
  at.position = end;
  return at.bytes.toString('hex', start, end);
}

/** Reads an int64, rounded beyond 2^53. */
export function readInt64(at: ProtobufSlot): number {
  readVarint(at);
  return at.high * 2 ** 32 + (at.low >>> 0);
}

export function readInt32(at: ProtobufSlot): number {
  readVarint(at);
  return at.low;
}

/** Reads 64 bits of fixed length; returns the high half, and the low one is in the slot. */
function readFixed(at: ProtobufSlot): number {
  const start = advance(at, 8);
  at.low = at.bytes.readUInt32LE(start);
  return at.bytes.readUInt32LE(start + 4);
}

/** The readers of all types of fields but messages, by the name of the type. */
export const scalarReaders: ReadonlyMap<string, ReadScalar> = new Map<string, ReadScalar>([
  ['double', readDouble],
  ['float', (at) => at.bytes.readFloatLE(advance(at, 4))],
  ['int32', readInt32],
  ['int64', readInt64],
  [
    'uint32',
    (at) => {
      readVarint(at);
      return at.low >>> 0;
    },
  ],
  [
    'uint64',
    (at) => {
      readVarint(at);
      return (at.high >>> 0) * 2 ** 32 + (at.low >>> 0);
    },
  ],
  [
    'sint32',
    (at) => {
      readVarint(at);
      return (at.low >>> 1) ^ -(at.low & 1);
    },
  ],
  [
    'sint64',
    (at) => {
      readVarint(at);
      const sign = -(at.low & 1);
      const low = ((at.low >>> 1) | (at.high << 31)) ^ sign;
      return ((at.high >>> 1) ^ sign) * 2 ** 32 + (low >>> 0);
    },
  ],
  ['fixed32', (at) => at.bytes.readUInt32LE(advance(at, 4))],
  ['sfixed32', (at) => at.bytes.readInt32LE(advance(at, 4))],
  ['fixed64', (at) => readFixed(at) * 2 ** 32 + at.low],
  ['sfixed64', (at) => (readFixed(at) | 0) * 2 ** 32 + at.low],
  [
    'bool',
    (at) => {
      readVarint(at);
      return at.low !== 0 || at.high !== 0;
    },
  ],
  ['string', readText],
  ['bytes', readHex],
]);
