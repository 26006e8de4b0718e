// Who of a group gets which partition: balanced topic by topic, and otherwise everybody keeps what they hold, because a
// moved shard costs a restore (trap 19: kafkajs's round robin reshuffles everything at every rebalance). Members claim
// what they hold together with the generation they held it in; the group's leader runs this. Pure.
import type { TopicPartition } from '../event-log.ts';

export interface Claimant {
  readonly memberId: string;
  readonly topics: readonly string[];
  readonly claim: Claim;
}

/** What a member says of itself at every join. */
export interface Claim {
  /** The generation in which it held them; -1 before its first. */
  readonly generation: number;
  readonly owned: readonly TopicPartition[];
  /** Free text other members can see. */
  readonly info: string;
}

/** By member id, then topic: the partitions it gets. */
export type Assignment = ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>;

const emptyClaim: Claim = { generation: -1, owned: [], info: '' };
const claimVersion = 1;

/** Returns the bytes that carry a claim: JSON {version, generation, owned: {topic: [partition]}, info}. */
export function encodeClaim({ generation, owned, info }: Claim): Buffer {
  const byTopic: Record<string, number[]> = {};
  for (const { topic, partition } of owned) (byTopic[topic] ??= []).push(partition);
  return Buffer.from(JSON.stringify({ version: claimVersion, generation, owned: byTopic, info }));
}

/** Returns the claim in `bytes`; what cannot be read (another client, another version) claims nothing. */
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
 * Returns the assignment of every partition of every topic to the members that want it: each topic's shares differ by
 * at most one, the larger ones going to members with the fewest partitions so far. Of several who claim a partition the
 * highest generation wins; two of the same generation contradict each other, and neither does.
 */
export function assignSticky(
  members: readonly Claimant[],
  partitionsOf: ReadonlyMap<string, readonly number[]>,
): Assignment {
  const result = new Map<string, Map<string, number[]>>(
    [...members]
      .sort((left, right) => compare(left.memberId, right.memberId))
      .map(({ memberId }) => [memberId, new Map()]),
  );
  const totals = new Map<string, number>([...result.keys()].map((memberId) => [memberId, 0]));
  for (const topic of [...partitionsOf.keys()].sort(compare)) {
    const wanting = [...result.keys()].filter((memberId) =>
      members.some((member) => member.memberId === memberId && member.topics.includes(topic)),
    );
    const partitions = [...(partitionsOf.get(topic) ?? [])].sort((left, right) => left - right);
    if (wanting.length === 0) continue;
    for (const [memberId, share] of shares(topic, wanting, partitions, members, totals)) {
      result.get(memberId)?.set(topic, share);
      totals.set(memberId, (totals.get(memberId) ?? 0) + share.length);
    }
  }
  return result;
}

function shares(
  topic: string,
  wanting: readonly string[],
  partitions: readonly number[],
  members: readonly Claimant[],
  totals: ReadonlyMap<string, number>,
): Map<string, number[]> {
  const kept = keptClaims(topic, wanting, partitions, members);
  // The larger shares: fewest partitions so far first, then who would have to give one up, then by id.
  const ranked = [...wanting].sort(
    (left, right) =>
      (totals.get(left) ?? 0) - (totals.get(right) ?? 0) ||
      (kept.get(right)?.length ?? 0) - (kept.get(left)?.length ?? 0) ||
      compare(left, right),
  );
  const least = Math.floor(partitions.length / wanting.length);
  const larger = partitions.length % wanting.length;
  const free = new Set(partitions);
  const result = new Map<string, number[]>();
  const quotas = new Map(
    ranked.map((memberId, rank) => [memberId, least + (rank < larger ? 1 : 0)]),
  );
  for (const memberId of ranked) {
    const share = (kept.get(memberId) ?? []).slice(0, quotas.get(memberId));
    for (const partition of share) free.delete(partition);
    result.set(memberId, share);
  }
  for (const partition of free) {
    const taker = ranked.find(
      (memberId) => (result.get(memberId)?.length ?? 0) < (quotas.get(memberId) ?? 0),
    );
    if (taker !== undefined) result.get(taker)?.push(partition);
  }
  return result;
}

function keptClaims(
  topic: string,
  wanting: readonly string[],
  partitions: readonly number[],
  members: readonly Claimant[],
): Map<string, number[]> {
  const kept = new Map<string, number[]>();
  for (const partition of partitions) {
    const claims = members
      .filter(
        ({ memberId, claim }) =>
          wanting.includes(memberId) &&
          claim.owned.some((each) => each.topic === topic && each.partition === partition),
      )
      .sort((left, right) => right.claim.generation - left.claim.generation);
    const [first, second] = claims;
    if (first === undefined) continue;
    if (second !== undefined && second.claim.generation === first.claim.generation) continue;
    const list = kept.get(first.memberId) ?? [];
    list.push(partition);
    kept.set(first.memberId, list);
  }
  return kept;
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
