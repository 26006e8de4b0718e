// Which member of a group should hold which partition: even per topic, and moving as little as possible. A pure
// function of what all members see, so that they agree without a leader.
import { partitionKey } from '../partition-key.ts';

export interface AssignmentMember {
  readonly id: string;
  readonly topics: readonly string[];
}

export interface AssignmentInput {
  readonly members: readonly AssignmentMember[];
  readonly partitions: ReadonlyMap<string, number>;
  /** Who holds a partition now, by `partitionKey`. */
  readonly claims: Readonly<Record<string, string>>;
}

/**
 * Returns the member that should hold each partition. Per topic, members hold floor(n/m) or ceil(n/m); who holds more
 * keeps the odd ones, and of a tie the member with less from the topics before gets it.
 */
export function assignPartitions(input: AssignmentInput): ReadonlyMap<string, string> {
  const target = new Map<string, string>();
  const load = new Map<string, number>();
  for (const topic of [...input.partitions.keys()].sort()) {
    const members = input.members.filter((member) => member.topics.includes(topic));
    if (members.length === 0) continue;
    const names = Array.from({ length: input.partitions.get(topic) ?? 0 }, (_, partition) =>
      partitionKey({ topic, partition }),
    );
    const held = (id: string): string[] => names.filter((name) => input.claims[name] === id);
    const ranked = members
      .map(({ id }) => ({ id, held: held(id), load: load.get(id) ?? 0 }))
      .sort((a, b) => b.held.length - a.held.length || a.load - b.load || compare(a.id, b.id));
    const floor = Math.floor(names.length / ranked.length);
    const odd = names.length % ranked.length;
    const quotas = ranked.map((_, rank) => floor + (rank < odd ? 1 : 0));
    ranked.forEach((member, rank) => {
      for (const name of member.held.slice(0, quotas[rank])) target.set(name, member.id);
    });
    const free = names.filter((name) => !target.has(name));
    ranked.forEach((member, rank) => {
      const quota = quotas[rank] ?? 0;
      const missing = quota - Math.min(member.held.length, quota);
      for (const name of free.splice(0, missing)) target.set(name, member.id);
      load.set(member.id, member.load + quota);
    });
  }
  return target;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
