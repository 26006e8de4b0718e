// The hash of sensor ids: HalfSipHash-1-3, keyed, so that nobody who does not know the key can make
// ids that collide. A table of 60,000 ids crafted for an unkeyed hash took 18 s to fill, at every
// restore again. assembly/id-table.ts holds the same function.
//
// Where an id lies in a table changes no result: slots are given in the order in which ids come,
// and snapshots hold no hash. So the key is random, one a process, and stored nowhere. Source:
// Aumasson and Bernstein, SipHash: a fast short-input PRF (2012); HalfSipHash, its variant of
// 32-bit words.

/** 64 bits that are a secret of the process, as two unsigned words. */
export interface HashKey {
  readonly low: number;
  readonly high: number;
}

/** A key that everybody knows: for tests, and for ids that nobody sends to do harm. */
export const publicHashKey: HashKey = { low: 0x03020100, high: 0x07060504 };

/** Returns the 32-bit hash of bytes[start..end), signed. */
export function hashId(bytes: Uint8Array, start: number, end: number, key: HashKey): number {
  // hot path
  const length = end - start;
  const tailAt = start + (length & ~3);
  let tail = length << 24;
  for (let at = tailAt; at < end; at += 1) tail |= (bytes[at] ?? 0) << (8 * (at - tailAt));
  let v0 = key.low | 0;
  let v1 = key.high | 0;
  let v2 = 0x6c796765 ^ v0;
  let v3 = 0x74656462 ^ v1;
  for (let at = start; ; at += 4) {
    const word =
      at === tailAt
        ? tail
        : (bytes[at] ?? 0) |
          ((bytes[at + 1] ?? 0) << 8) |
          ((bytes[at + 2] ?? 0) << 16) |
          ((bytes[at + 3] ?? 0) << 24);
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
    if (at === tailAt) break;
  }
  v2 ^= 0xff;
  for (let round = 0; round < 3; round += 1) {
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
  }
  return v1 ^ v3;
}
