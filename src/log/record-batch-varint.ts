// Reads and writes the zigzag varints of the Kafka record format. Reads never pass `end`.

/** A position in bytes; reading moves `at` forward, never past `end`. */
export interface ByteReader {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;
  /** Returns the error for a corrupt record, with its place. */
  corruptRecord(reason: string): Error;
}

/**
 * Returns the next 32-bit zigzag varint.
 * @throws InvariantError if it is longer than 5 bytes, has bits past the 32nd, or passes the end.
 */
// hot path
export function readVarint(reader: ByteReader): number {
  const { bytes, end } = reader;
  let at = reader.at;
  if (at < end) {
    const first = bytes[at] ?? 0;
    if (first < 0x80) {
      reader.at = at + 1;
      return (first >>> 1) ^ -(first & 1);
    }
  }
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    if (at >= end) throw reader.corruptRecord('a varint reaches past its record');
    const byte = bytes[at++] ?? 0;
    if (shift === 28 && byte > 0x0f) break;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      reader.at = at;
      return (value >>> 1) ^ -(value & 1);
    }
  }
  throw reader.corruptRecord('a varint is longer than 32 bits');
}

/**
 * Returns the next 64-bit zigzag varint as the nearest double (exact up to ±2^53).
 * @throws InvariantError if it is longer than 10 bytes, has bits past the 64th, or passes the end.
 */
// hot path
export function readVarlong(reader: ByteReader): number {
  const { bytes, end } = reader;
  let at = reader.at;
  let value = 0;
  for (let shift = 0; shift < 28; shift += 7) {
    if (at >= end) throw reader.corruptRecord('a varint reaches past its record');
    const byte = bytes[at++] ?? 0;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      reader.at = at;
      return (value >>> 1) ^ -(value & 1);
    }
  }
  return readLongVarlong(reader);
}

function readLongVarlong(reader: ByteReader): number {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    if (reader.at >= reader.end) {
      throw reader.corruptRecord('a varint reaches past its record');
    }
    const byte = reader.bytes[reader.at++] ?? 0;
    if (shift === 63n && byte > 1) break;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return Number((value >> 1n) ^ -(value & 1n));
  }
  throw reader.corruptRecord('a varint is longer than 64 bits');
}

/** Returns the bytes that `writeVarlong` needs for `value`, a safe integer of at most 52 bits. */
export function varlongBytes(value: number): number {
  let rest = zigzag(value);
  let length = 1;
  while (rest >= 0x80) {
    rest = Math.floor(rest / 0x80);
    length += 1;
  }
  return length;
}

/** Writes `value` (32 or 64 bits) at `at` and returns the index after it. */
export function writeVarlong(bytes: Uint8Array, at: number, value: number): number {
  let rest = zigzag(value);
  while (rest >= 0x80) {
    bytes[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  bytes[at++] = rest;
  return at;
}

function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}
