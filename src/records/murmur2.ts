// murmur2 as Kafka's Java client computes it over keys: every bit decides the partition of a key.

const seed = 0x9747b28c;
const multiplier = 0x5bd1e995;

/**
 * Returns the signed 32-bit murmur2 hash of `bytes`.
 * Source: org.apache.kafka.common.utils.Utils.murmur2 (Austin Appleby, MurmurHash2, 2008, with
 * Kafka's seed).
 */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  let hash = seed ^ length;
  const blocksEnd = length - (length % 4);
  for (let at = 0; at < blocksEnd; at += 4) {
    let block =
      (bytes[at] ?? 0) |
      ((bytes[at + 1] ?? 0) << 8) |
      ((bytes[at + 2] ?? 0) << 16) |
      ((bytes[at + 3] ?? 0) << 24);
    block = Math.imul(block, multiplier);
    block ^= block >>> 24;
    block = Math.imul(block, multiplier);
    hash = Math.imul(hash, multiplier) ^ block;
  }
  const rest = length - blocksEnd;
  if (rest >= 3) hash ^= (bytes[blocksEnd + 2] ?? 0) << 16;
  if (rest >= 2) hash ^= (bytes[blocksEnd + 1] ?? 0) << 8;
  if (rest >= 1) hash = Math.imul(hash ^ (bytes[blocksEnd] ?? 0), multiplier);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, multiplier);
  return hash ^ (hash >>> 15);
}
