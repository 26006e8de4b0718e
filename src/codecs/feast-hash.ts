// MurmurHash3, the 32-bit variant for x86: Feast names every field of its Redis hashes by it. Fixed
// by the wire format, so its known answers are held by test/codecs/feast.test.ts.

const c1 = 0xcc9e2d51;
const c2 = 0x1b873593;

/**
 * Returns the unsigned 32-bit MurmurHash3_x86_32 of `bytes`.
 *
 * Source: Austin Appleby, smhasher, MurmurHash3.cpp (2011, public domain), MurmurHash3_x86_32.
 */
export function murmur3X86(bytes: Uint8Array, seed = 0): number {
  let hash = seed | 0;
  const tailStart = bytes.length & ~3;
  for (let at = 0; at < tailStart; at += 4) {
    hash ^= scramble(littleEndian(bytes, at, 4));
    hash = rotateLeft(hash, 13);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  if (tailStart < bytes.length) {
    hash ^= scramble(littleEndian(bytes, tailStart, bytes.length - tailStart));
  }
  return finalize(hash ^ bytes.length);
}

function littleEndian(bytes: Uint8Array, at: number, length: number): number {
  let word = 0;
  for (let index = 0; index < length; index += 1) word |= (bytes[at + index] ?? 0) << (8 * index);
  return word;
}

function scramble(block: number): number {
  return Math.imul(rotateLeft(Math.imul(block, c1), 15), c2);
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

function finalize(word: number): number {
  let hash = word;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
