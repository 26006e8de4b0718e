// Inflates the four compression codecs of Kafka record batches, synchronously. A batch that
// inflates past `inflatedBytesMax` is refused, so a hostile producer cannot exhaust a shard's
// memory.
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
 * Returns the inflated bytes of a batch's records section.
 * @throws InvariantError if the bytes are not of that codec, or inflate past the bound.
 */
export function inflate(codec: Codec, bytes: Uint8Array): Uint8Array {
  try {
    return inflated(codec, bytes);
  } catch (error) {
    if (error instanceof InvariantError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new InvariantError(`A ${codec} batch does not inflate: ${reason}`, { codec }, error);
  }
}

function inflated(codec: Codec, bytes: Uint8Array): Uint8Array {
  switch (codec) {
    case 'none':
      return bytes;
    case 'gzip':
      return zlib.gunzipSync(bytes, { maxOutputLength: inflatedBytesMax });
    case 'snappy':
      return inflateSnappy(bytes);
    case 'lz4':
      return inflateLz4(bytes);
    case 'zstd':
      return inflateZstd(bytes);
  }
}

// xerial framing of the Java client: magic, two int32 versions, then chunks of int32 length + raw
// snappy.
const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const xerialHeaderBytes = 16;

function inflateSnappy(bytes: Uint8Array): Uint8Array {
  const input = asBuffer(bytes);
  if (!input.subarray(0, xerialMagic.length).equals(xerialMagic)) return inflateSnappyRaw(input);
  assert(input.length >= xerialHeaderBytes, 'A snappy header is cut short');
  const chunks: Uint8Array[] = [];
  let inflatedBytes = 0;
  for (let at = xerialHeaderBytes; at < input.length;) {
    assert(at + 4 <= input.length, 'A snappy chunk length is cut short');
    const length = input.readUInt32BE(at);
    at += 4;
    assert(length <= input.length - at, 'A snappy chunk is longer than its batch', { length });
    const chunk = inflateSnappyRaw(input.subarray(at, at + length));
    inflatedBytes += chunk.length;
    assert(inflatedBytes <= inflatedBytesMax, 'A snappy batch inflates past the bound');
    chunks.push(chunk);
    at += length;
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}

function inflateSnappyRaw(input: Buffer): Uint8Array {
  // Raw snappy starts with its inflated length (unsigned varint), checked before any allocation.
  let length = 0;
  for (let at = 0; at < 5; at++) {
    const byte = input[at];
    assert(byte !== undefined, 'A snappy length is cut short');
    length += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) break;
  }
  assert(length <= inflatedBytesMax, 'A snappy batch inflates past the bound', { length });
  const output = uncompressSync(input, { asBuffer: true });
  assert(typeof output !== 'string', 'snappy returned text');
  return output;
}

// lz4-napi allocates the inflated size, at most 255 times the input.
const lz4RatioMax = 255;

function inflateLz4(bytes: Uint8Array): Uint8Array {
  assert(bytes.length * lz4RatioMax <= 2 ** 32, 'An lz4 batch is too long', {
    length: bytes.length,
  });
  const output = decompressFrameSync(asBuffer(bytes));
  assert(output.length <= inflatedBytesMax, 'An lz4 batch inflates past the bound');
  return output;
}

// Node has zstd since 22.15; Node 20 uses fzstd (130 MB/s, measured). The WebAssembly build of
// libzstd reached 10 MB/s and refused frames without a content size, which every streaming producer
// writes.
const nativeZstd: unknown = Reflect.get(zlib, 'zstdDecompressSync');

function inflateZstd(bytes: Uint8Array): Uint8Array {
  if (typeof nativeZstd === 'function') {
    const output: unknown = Reflect.apply(nativeZstd, undefined, [
      bytes,
      { maxOutputLength: inflatedBytesMax },
    ]);
    assert(output instanceof Uint8Array, 'zlib returned no bytes');
    return output;
  }
  const chunks: Uint8Array[] = [];
  let inflatedBytes = 0;
  const inflater = new ZstdInflater((chunk) => {
    inflatedBytes += chunk.length;
    assert(inflatedBytes <= inflatedBytesMax, 'A zstd batch inflates past the bound');
    chunks.push(chunk);
  });
  inflater.push(bytes, true);
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
