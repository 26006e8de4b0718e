// Offsets of partitions (where the log begins and ends, and where a time is) and positions of groups.
import { InvariantError } from '../../errors.ts';
import type { CommittedPosition, TopicPartition } from '../event-log.ts';
import type { Connections } from './connections.ts';
import { fetchStableOffset } from './stable-offset.ts';
import { harmless, patience, retrying } from './retry.ts';

// ListOffsets timestamps with a meaning of their own.
const earliestTimestamp = '-2';
const latestTimestamp = '-1';
// The end is the high watermark, not the last stable offset: an open transaction is part of the log's length.
const readUncommitted = 0;

/** Returns the earliest retained offset and the high watermark. */
export async function partitionOffsets(
  connections: Connections,
  place: TopicPartition,
): Promise<{ readonly earliest: number; readonly end: number }> {
  const earliest = await offsetAt(connections, place, earliestTimestamp);
  const end = await offsetAt(connections, place, latestTimestamp);
  return { earliest: asOffset(earliest, place), end: asOffset(end, place) };
}

/** Returns the first offset whose record timestamp is at least `timeMs`, or the end. */
export async function firstOffsetAt(
  connections: Connections,
  place: TopicPartition,
  timeMs: number,
): Promise<number> {
  const offset = Number(await offsetAt(connections, place, String(Math.max(0, Math.ceil(timeMs)))));
  return offset >= 0
    ? asOffset(String(offset), place)
    : (await partitionOffsets(connections, place)).end;
}

/** Returns what the group committed for the partition, or undefined where it never did. */
export async function committedPosition(
  connections: Connections,
  groupId: string,
  { topic, partition }: TopicPartition,
): Promise<CommittedPosition | undefined> {
  const what = `Reading the position of ${groupId} in ${topic}/${partition}`;
  const answer = await retryingAt(connections, what, { topic, partition }, async () => {
    const coordinator = await connections.coordinatorOf({ group: groupId }, topic);
    return fetchStableOffset(coordinator, groupId, { topic, partition });
  });
  if (answer.offset < 0n) return undefined;
  const nextOffset = asOffset(String(answer.offset), { topic, partition });
  return { nextOffset, metadata: answer.metadata };
}

/** Commits positions outside any transaction and any membership. */
export async function commitPositions(
  connections: Connections,
  groupId: string,
  positions: readonly (TopicPartition & CommittedPosition)[],
): Promise<void> {
  const [first] = positions;
  if (first === undefined) return;
  const topics = new Map<string, { partition: number; offset: string; metadata: string }[]>();
  for (const { topic, partition, nextOffset, metadata } of positions) {
    asOffset(String(nextOffset), { topic, partition });
    const partitions = topics.get(topic) ?? [];
    partitions.push({ partition, offset: String(nextOffset), metadata });
    topics.set(topic, partitions);
  }
  await retryingAt(connections, `Committing positions of ${groupId}`, first, async () => {
    const coordinator = await connections.coordinatorOf({ group: groupId }, first.topic);
    await coordinator.offsetCommit({
      groupId,
      // No member, no generation: a simple commit, accepted only while the group has no members.
      groupGenerationId: -1,
      memberId: '',
      topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })),
    });
  });
}

function offsetAt(
  connections: Connections,
  { topic, partition }: TopicPartition,
  timestamp: string,
): Promise<string> {
  return retryingAt(
    connections,
    `Listing offsets of ${topic}/${partition}`,
    { topic, partition },
    async () => {
      const leader = await connections.leaderOf({ topic, partition });
      const { responses } = await leader.listOffsets({
        isolationLevel: readUncommitted,
        topics: [{ topic, partitions: [{ partition, timestamp }] }],
      });
      return responses[0]?.partitions[0]?.offset ?? '-1';
    },
  );
}

function retryingAt<T>(
  connections: Connections,
  what: string,
  { topic, partition }: TopicPartition,
  attempt: () => Promise<T>,
): Promise<T> {
  return retrying(attempt, {
    what,
    details: { topic, partition },
    kinds: harmless,
    ...patience,
    onFailure: (error) => connections.recover(error),
  });
}

function asOffset(text: string, { topic, partition }: TopicPartition): number {
  const offset = Number(text);
  if (Number.isSafeInteger(offset) && offset >= 0) return offset;
  throw new InvariantError(`${text} is no offset`, { topic, partition });
}
