// Inflates the four compression codecs of Kafka record batches, synchronously. What would be
// longer than the bound is not made, so a hostile producer cannot exhaust a shard's memory.
import * as zlib from 'node:zlib';
import { Decompress as ZstdInflater } from 'fzstd';
import { decompressFrameSync } from 'lz4-napi';
import { uncompressSync } from 'snappy';
import { assert, InvariantError } from '../errors.ts';

export type Codec = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

/** Indexed by the codec number in the batch attributes. */
export const codecs: readonly Codec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

/** Kafka limits a batch to 1 MiB by default; no honest batch inflates to more than this. */
export const inflatedBytesMax: number = 256 * 1024 * 1024;

/**
 * Returns the inflated bytes of a batch's records section; undefined if they exceed `bytesMax`.
 * @throws InvariantError if the bytes are not of that codec.
 */
export function inflate(
  codec: Codec,
  bytes: Uint8Array,
  bytesMax: number = inflatedBytesMax,
): Uint8Array | undefined {
  try {
    return inflated(codec, bytes, bytesMax);
  } catch (error) {
    if (error === pastBound || Reflect.get(Object(error), 'code') === 'ERR_BUFFER_TOO_LARGE') {
      return undefined;
    }
    if (error instanceof InvariantError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new InvariantError(`A ${codec} batch does not inflate: ${reason}`, { codec }, error);
  }
}

const pastBound = new Error('A batch inflates past the bound');

function assertWithin(inflatedBytes: number, bytesMax: number): void {
  if (inflatedBytes > bytesMax) throw pastBound;
}

function inflated(codec: Codec, bytes: Uint8Array, bytesMax: number): Uint8Array {
  switch (codec) {
    case 'none':
      return bytes;
    case 'gzip':
      return zlib.gunzipSync(bytes, { maxOutputLength: bytesMax });
    case 'snappy':
      return inflateSnappy(bytes, bytesMax);
    case 'lz4':
      return inflateLz4(bytes, bytesMax);
    case 'zstd':
      return inflateZstd(bytes, bytesMax);
  }
}

// xerial framing of the Java client: magic, two int32 versions, then chunks of int32 length + raw
// snappy.
const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const xerialHeaderBytes = 16;

function inflateSnappy(bytes: Uint8Array, bytesMax: number): Uint8Array {
  const input = asBuffer(bytes);
  if (!input.subarray(0, xerialMagic.length).equals(xerialMagic))
    return inflateSnappyRaw(input, bytesMax);
  assert(input.length >= xerialHeaderBytes, 'A snappy header is cut short');
  const chunks: Uint8Array[] = [];
  let inflatedBytes = 0;
  for (let at = xerialHeaderBytes; at < input.length;) {
    assert(at + 4 <= input.length, 'A snappy chunk length is cut short');
    const length = input.readUInt32BE(at);
    at += 4;
    assert(length <= input.length - at, 'A snappy chunk is longer than its batch', { length });
    const chunk = inflateSnappyRaw(input.subarray(at, at + length), bytesMax - inflatedBytes);
    inflatedBytes += chunk.length;
    chunks.push(chunk);
    at += length;
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}

function inflateSnappyRaw(input: Buffer, bytesMax: number): Uint8Array {
  // Raw snappy starts with its inflated length (unsigned varint), checked before any allocation.
  let length = 0;
  for (let at = 0; at < 5; at++) {
    const byte = input[at];
    assert(byte !== undefined, 'A snappy length is cut short');
    length += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) break;
  }
  assertWithin(length, bytesMax);
  const output = uncompressSync(input, { asBuffer: true });
  assert(typeof output !== 'string', 'snappy returned text');
  return output;
}

// lz4-napi allocates the inflated size, at most 255 times the input. A long frame is measured
// first.
const lz4RatioMax = 255;

function inflateLz4(bytes: Uint8Array, bytesMax: number): Uint8Array {
  if (bytes.length * lz4RatioMax > bytesMax) assertWithin(lz4Length(bytes, bytesMax), bytesMax);
  const output = decompressFrameSync(asBuffer(bytes));
  assertWithin(output.length, bytesMax);
  return output;
}

const lz4Magic = 0x184d2204;

/** Returns how long a frame inflates, or some length past `enough`; less where it is cut short. */
function lz4Length(bytes: Uint8Array, enough: number): number {
  const frame = asBuffer(bytes);
  if (frame.length < 7 || frame.readUInt32LE(0) !== lz4Magic) return 0;
  const flags = frame[4] ?? 0;
  const blockChecksumBytes = (flags & 0x10) === 0 ? 0 : 4;
  let at = 7 + ((flags & 0x08) === 0 ? 0 : 8) + ((flags & 0x01) === 0 ? 0 : 4);
  let total = 0;
  while (at + 4 <= frame.length && total <= enough) {
    const size = frame.readUInt32LE(at);
    const length = size & 0x7fffffff;
    at += 4;
    if (length === 0) break;
    const block = frame.subarray(at, at + length);
    total += length === size ? lz4BlockLength(block) : length;
    at += length + blockChecksumBytes;
  }
  return total;
}

/** A block is sequences: a token of two lengths, literals, and the place of an earlier match. */
function lz4BlockLength(block: Uint8Array): number {
  let at = 0;
  let total = 0;
  const lengthOf = (nibble: number): number => {
    let length = nibble;
    for (let more = nibble === 15; more; at += 1) {
      const byte = block[at] ?? 0;
      length += byte;
      more = byte === 255;
    }
    return length;
  };
  while (at < block.length) {
    const token = block[at] ?? 0;
    at += 1;
    const literals = lengthOf(token >> 4);
    at += literals;
    total += literals;
    if (at >= block.length) break;
    at += 2;
    total += lengthOf(token & 15) + 4;
  }
  return total;
}

// Node has zstd since 22.15; Node 20 uses fzstd (130 MB/s, measured). The WebAssembly build of
// libzstd reached 10 MB/s and refused frames without a content size, which every streaming producer
// writes.
const nativeZstd: unknown = Reflect.get(zlib, 'zstdDecompressSync');

function inflateZstd(bytes: Uint8Array, bytesMax: number): Uint8Array {
  if (typeof nativeZstd === 'function') {
    const output: unknown = Reflect.apply(nativeZstd, undefined, [
      bytes,
      { maxOutputLength: bytesMax },
    ]);
    assert(output instanceof Uint8Array, 'zlib returned no bytes');
    return output;
  }
  const chunks: Uint8Array[] = [];
  let inflatedBytes = 0;
  const inflater = new ZstdInflater((chunk) => {
    inflatedBytes += chunk.length;
    assertWithin(inflatedBytes, bytesMax);
    chunks.push(chunk);
  });
  inflater.push(bytes, true);
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
