// Finds sensors whose feature rows come from two shards: sent both keyed and unkeyed, such a sensor
// has two owners and neither sees all its readings. The table is of fixed size; with more sensors
// than slots some cases are noticed later, but never wrongly.
import type { FeatureRow } from '../codecs/feature-row.ts';
import { partitionKey } from '../records/partition-key.ts';

const slotBits = 18;
/** Most shards watched: a slot stores the shard's number + 1 in 15 bits. */
const shardsMax = 32_767;
const reportedBit = 0x8000;

export interface TwoOwners {
  /** Returns true once per sensor, when a row comes from another shard than the one before. */
  observe(row: FeatureRow): boolean;
}

//   slot         18 bits of a hash of the id
//   fingerprint  all 32 bits of another hash
//   owner        1 bit "reported", 15 bits shard + 1
//   Two ids are mistaken for one with probability 2^-50.

/** Returns an empty table of 2^18 slots (1.5 MB). */
export function createTwoOwners(): TwoOwners {
  const fingerprints = new Uint32Array(1 << slotBits);
  const owners = new Uint16Array(1 << slotBits);
  const shardNumber = createShardNumbers();
  return {
    observe({ sensor_id: sensorId, lineage }) {
      const shard = shardNumber(lineage);
      if (shard === undefined) return false;
      const slot = hashText(sensorId, 0) >>> (32 - slotBits);
      const fingerprint = hashText(sensorId, 0x5eed);
      const owner = owners[slot] ?? 0;
      if (owner === 0 || fingerprints[slot] !== fingerprint) {
        fingerprints[slot] = fingerprint;
        owners[slot] = shard + 1;
        return false;
      }
      if (owner >= reportedBit || owner === shard + 1) return false;
      owners[slot] = reportedBit | (shard + 1);
      return true;
    },
  };
}

/** Returns a function that numbers shards as they appear; undefined beyond `shardsMax`. */
function createShardNumbers(): (shard: FeatureRow['lineage']) => number | undefined {
  const numbers = new Map<string, number>();
  // Consecutive rows mostly belong to one shard.
  let last = { topic: '', partition: -1, number: -1 };
  return ({ topic, partition }) => {
    if (partition === last.partition && topic === last.topic) return last.number;
    const key = partitionKey({ topic, partition });
    const number = numbers.get(key) ?? (numbers.size < shardsMax - 1 ? numbers.size : undefined);
    if (number === undefined) return undefined;
    numbers.set(key, number);
    last = { topic, partition, number };
    return number;
  };
}

/**
 * Returns the unsigned 32-bit MurmurHash3 of the text's UTF-16 units, one block each, so no bytes
 * are allocated. Source: Austin Appleby, smhasher, MurmurHash3.cpp (2011, public domain),
 * MurmurHash3_x86_32.
 */
function hashText(text: string, seed: number): number {
  let hash = seed;
  for (let at = 0; at < text.length; at += 1) {
    const block = Math.imul(text.charCodeAt(at), 0xcc9e2d51);
    hash ^= Math.imul((block << 15) | (block >>> 17), 0x1b873593);
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  hash ^= text.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
