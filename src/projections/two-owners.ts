// Finds sensors whose feature rows come from two shards: one sensor was sent both keyed and unkeyed, so two actors
// own it and neither sees all of it. A fixed table, so a million sensors cost what a thousand do; with more sensors
// than slots some pairs are noticed later, never wrongly.
import { murmur3X86 } from '../codecs/feast-hash.ts';
import type { FeatureRow } from '../codecs/feature-row.ts';

const slotBits = 18;
/** Shards told apart; further ones are not watched. A slot stores the shard's number + 1 in 15 bits. */
const shardsMax = 32_767;
const reportedBit = 0x8000;

export interface TwoOwners {
  /** Returns true once for a sensor, when its row comes from another shard than its last one. */
  observe(row: FeatureRow): boolean;
}

//   slot = 18 bits of one hash of the id │ fingerprint: all 32 bits of another │ owner: 1 bit reported, 15 bits shard + 1
//   Two ids are mistaken for one with probability 2^-50.

/** Returns an empty table of 2^18 slots (1.5 MB). */
export function createTwoOwners(): TwoOwners {
  const fingerprints = new Uint32Array(1 << slotBits);
  const owners = new Uint16Array(1 << slotBits);
  const shards = new Map<string, number>();
  return {
    observe({ sensor_id: sensorId, lineage }) {
      const shard = numberOf(shards, `${lineage.topic}/${lineage.partition}`);
      if (shard === undefined) return false;
      const id = Buffer.from(sensorId);
      const slot = murmur3X86(id, 0) >>> (32 - slotBits);
      const fingerprint = murmur3X86(id, 0x5eed);
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

function numberOf(shards: Map<string, number>, name: string): number | undefined {
  const known = shards.get(name);
  if (known !== undefined) return known;
  if (shards.size >= shardsMax - 1) return undefined;
  shards.set(name, shards.size);
  return shards.size - 1;
}
