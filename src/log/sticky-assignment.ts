// Assigns partitions to the members of a group: balanced topic by topic, and otherwise every member
// keeps what it holds, because a moved shard costs a restore. Pure, so that whoever computes it
// gets the same answer.
import type { TopicPartition } from '../records/record.ts';

export interface AssignmentMember {
  readonly id: string;
  readonly topics: readonly string[];
  /** Partitions it holds now; no partition is held by two members. */
  readonly held: readonly TopicPartition[];
}

/** The partitions of each member, by member id and topic. */
export type Assignment = ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>;

/**
 * Returns the assignment of all partitions to the members that read their topic. The shares of one
 * topic differ by at most one. The larger shares go to the members with the fewest partitions so
 * far, then to those that would otherwise have to give one up, then by id.
 * @param partitionsOf the partition numbers of each topic.
 */
export function assignSticky(
  members: readonly AssignmentMember[],
  partitionsOf: ReadonlyMap<string, readonly number[]>,
): Assignment {
  const sorted = [...members].sort((left, right) => compare(left.id, right.id));
  const result = new Map<string, Map<string, number[]>>(sorted.map(({ id }) => [id, new Map()]));
  const totals = new Map<string, number>();
  for (const topic of [...partitionsOf.keys()].sort(compare)) {
    const readers = sorted.filter(({ topics }) => topics.includes(topic));
    const partitions = [...(partitionsOf.get(topic) ?? [])].sort((left, right) => left - right);
    if (readers.length === 0) continue;
    for (const [id, share] of shares({ topic, readers, partitions, totals })) {
      result.get(id)?.set(topic, share);
      totals.set(id, (totals.get(id) ?? 0) + share.length);
    }
  }
  return result;
}

interface TopicShares {
  readonly topic: string;
  readonly readers: readonly AssignmentMember[];
  /** Ascending. */
  readonly partitions: readonly number[];
  /** Partitions of other topics by member id. */
  readonly totals: ReadonlyMap<string, number>;
}

function shares({ topic, readers, partitions, totals }: TopicShares): Map<string, number[]> {
  const existing = new Set(partitions);
  const ranked = readers
    .map(({ id, held }) => ({
      id,
      total: totals.get(id) ?? 0,
      held: held
        .filter((each) => each.topic === topic && existing.has(each.partition))
        .map(({ partition }) => partition)
        .sort((left, right) => left - right),
    }))
    .sort(
      (left, right) =>
        left.total - right.total ||
        right.held.length - left.held.length ||
        compare(left.id, right.id),
    );
  const least = Math.floor(partitions.length / ranked.length);
  const larger = partitions.length % ranked.length;
  const sized = ranked.map(({ id, held }, rank) => {
    const quota = least + (rank < larger ? 1 : 0);
    return { id, quota, share: held.slice(0, quota) };
  });
  const kept = new Set(sized.flatMap(({ share }) => share));
  const free = partitions.filter((partition) => !kept.has(partition));
  for (const { quota, share } of sized) share.push(...free.splice(0, quota - share.length));
  return new Map(sized.map(({ id, share }) => [id, share]));
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
