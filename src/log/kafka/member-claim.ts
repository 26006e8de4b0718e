// The claim that a member of a Kafka group sends at every join: the partitions it holds and the
// generation in which it got them. The leader assigns partitions by these claims, because kafkajs's
// round robin would move every shard at every rebalance (trap 19).
import type { TopicPartition } from '../../records/record.ts';
import { partitionKey } from '../../records/partition-key.ts';
import type { AssignmentMember } from '../sticky-assignment.ts';

export interface Claimant {
  readonly memberId: string;
  readonly topics: readonly string[];
  readonly claim: Claim;
}

export interface Claim {
  /** The generation in which it held them; -1 before its first. */
  readonly generation: number;
  readonly owned: readonly TopicPartition[];
  /** Free text that other members can read. */
  readonly info: string;
}

const emptyClaim: Claim = { generation: -1, owned: [], info: '' };
const claimVersion = 1;

/**
 * Returns the bytes that carry a claim: JSON {version, generation, owned: {topic: [partition]},
 * info}.
 */
export function encodeClaim({ generation, owned, info }: Claim): Buffer {
  const byTopic: Record<string, number[]> = {};
  for (const { topic, partition } of owned) (byTopic[topic] ??= []).push(partition);
  return Buffer.from(JSON.stringify({ version: claimVersion, generation, owned: byTopic, info }));
}

/**
 * Returns the claim in `bytes`; what cannot be read (another client, another version) claims
 * nothing.
 */
export function decodeClaim(bytes: Uint8Array): Claim {
  let data: unknown;
  try {
    data = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return emptyClaim;
  }
  if (!isObject(data) || data['version'] !== claimVersion) return emptyClaim;
  const { generation, owned, info } = data;
  if (typeof generation !== 'number' || !isObject(owned)) return emptyClaim;
  const partitions = Object.entries(owned).flatMap(([topic, numbers]) =>
    Array.isArray(numbers)
      ? numbers
          .filter((partition): partition is number => Number.isInteger(partition))
          .map((partition) => ({ topic, partition }))
      : [],
  );
  return { generation, owned: partitions, info: typeof info === 'string' ? info : '' };
}

/**
 * Returns the members with what each of them holds: of several claims to a partition the one of the
 * highest generation wins. Two of the same generation contradict each other, and neither counts.
 */
export function resolveClaims(claimants: readonly Claimant[]): readonly AssignmentMember[] {
  const newest = new Map<string, { readonly generation: number; readonly memberId?: string }>();
  for (const { memberId, claim } of claimants) {
    for (const key of new Set(claim.owned.map(partitionKey))) {
      const other = newest.get(key);
      const isNewer = other === undefined || claim.generation > other.generation;
      if (isNewer) newest.set(key, { generation: claim.generation, memberId });
      else if (claim.generation === other.generation) {
        newest.set(key, { generation: claim.generation });
      }
    }
  }
  return claimants.map(({ memberId: id, topics, claim }) => ({
    id,
    topics,
    held: claim.owned.filter((each) => newest.get(partitionKey(each))?.memberId === id),
  }));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
