// Offsets of partitions (where the log begins and ends, and where a time is) and positions of
// groups.
import { assert, InvariantError } from '../../errors.ts';
import type { CommittedPosition, ObservedPosition, PartitionExtent } from '../event-log.ts';
import type { TopicPartition } from '../../records/record.ts';
import { partitionKey } from '../../records/partition-key.ts';
import type { Connections } from './connections.ts';
import type { Broker } from './internals.ts';
import {
  fetchGroupOffsets,
  partitionsByTopic,
  unstableOffset,
  type GroupOffset,
} from './stable-offset.ts';
import { harmless, patience, retrying } from './retry.ts';

// ListOffsets timestamps with a meaning of their own.
const earliestTimestamp = '-2';
const latestTimestamp = '-1';
// The end is the high watermark, not the last stable offset: an open transaction is part of the
// log's length.
const readUncommitted = 0;

/** Returns the earliest retained offset and the high watermark. */
export async function partitionOffsets(
  connections: Connections,
  place: TopicPartition,
): Promise<PartitionExtent> {
  return only(await partitionOffsetsAll(connections, [place]));
}

/**
 * Returns the earliest retained offset and the high watermark of each partition, in the order of
 * `places`.
 */
export async function partitionOffsetsAll(
  connections: Connections,
  places: readonly TopicPartition[],
): Promise<readonly PartitionExtent[]> {
  const earliest = await offsetsAt(connections, places, earliestTimestamp);
  const ends = await offsetsAt(connections, places, latestTimestamp);
  return places.map((place) => ({
    earliest: offsetOf(earliest, place),
    end: offsetOf(ends, place),
  }));
}

/** Returns the first offset whose record timestamp is at least `timeMs`, or the end. */
export async function firstOffsetAt(
  connections: Connections,
  place: TopicPartition,
  timeMs: number,
): Promise<number> {
  const timestamp = String(Math.max(0, Math.ceil(timeMs)));
  const found = await offsetsAt(connections, [place], timestamp);
  // -1: no record is that young.
  if (found.get(partitionKey(place)) !== '-1') return offsetOf(found, place);
  return offsetOf(await offsetsAt(connections, [place], latestTimestamp), place);
}

/**
 * Returns what the group committed for the partition; undefined where it never did. Asks again
 * while a transaction is pending there.
 */
export function committedPosition(
  connections: Connections,
  groupId: string,
  place: TopicPartition,
): Promise<CommittedPosition | undefined> {
  return retryingAt(connections, readingPositions(groupId), place, async () => {
    const coordinator = await connections.coordinatorOf({ group: groupId }, place.topic);
    const asked = { requireStable: true };
    const { offsets, unstable } = await fetchGroupOffsets(coordinator, groupId, [place], asked);
    if (unstable.length > 0) throw unstableOffset();
    return positionOf(only(offsets));
  });
}

/** Returns what the group has committed so far for each partition, in the order of `places`. */
export async function observedPositions(
  connections: Connections,
  groupId: string,
  places: readonly TopicPartition[],
): Promise<readonly ObservedPosition[]> {
  const [first] = places;
  if (first === undefined) return [];
  return retryingAt(connections, readingPositions(groupId), first, async () => {
    const coordinator = await connections.coordinatorOf({ group: groupId }, first.topic);
    const ask = async (
      of: readonly TopicPartition[],
      requireStable: boolean,
    ): Promise<readonly TopicPartition[]> => {
      const answer = await fetchGroupOffsets(coordinator, groupId, of, { requireStable });
      for (const offset of answer.offsets) {
        const observed = { committed: positionOf(offset), pending: !requireStable };
        found.set(partitionKey(offset), observed);
      }
      return answer.unstable;
    };
    const found = new Map<string, ObservedPosition>();
    const pending = await ask(places, true);
    if (pending.length > 0) await ask(pending, false);
    return places.map((place) => {
      const observed = found.get(partitionKey(place));
      assert(observed !== undefined, 'A partition was asked about and not answered', { ...place });
      return observed;
    });
  });
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

/** Returns the offset at `timestamp` by place, for one request a broker. */
async function offsetsAt(
  connections: Connections,
  places: readonly TopicPartition[],
  timestamp: string,
): Promise<ReadonlyMap<string, string>> {
  const [first] = places;
  if (first === undefined) return new Map();
  const others = places.length > 1 ? ` and ${places.length - 1} more` : '';
  const what = `Listing offsets of ${partitionKey(first)}${others}`;
  return retryingAt(connections, what, first, async () => {
    const byLeader = new Map<Broker, TopicPartition[]>();
    for (const place of places) {
      const leader = await connections.leaderOf(place);
      const led = byLeader.get(leader);
      if (led === undefined) byLeader.set(leader, [place]);
      else led.push(place);
    }
    const answers = await Promise.all(
      [...byLeader].map(([leader, led]) => listOffsets(leader, led, timestamp)),
    );
    return new Map(answers.flat());
  });
}

async function listOffsets(
  leader: Broker,
  places: readonly TopicPartition[],
  timestamp: string,
): Promise<readonly (readonly [place: string, offset: string])[]> {
  const topics = [...partitionsByTopic(places)].map(([topic, partitions]) => ({
    topic,
    partitions: partitions.map((partition) => ({ partition, timestamp })),
  }));
  const { responses } = await leader.listOffsets({ isolationLevel: readUncommitted, topics });
  return responses.flatMap(({ topic, partitions }) =>
    partitions.map(
      ({ partition, offset }) => [partitionKey({ topic, partition }), offset] as const,
    ),
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

const readingPositions = (groupId: string): string => `Reading the positions of ${groupId}`;

function positionOf({ offset, metadata, ...place }: GroupOffset): CommittedPosition | undefined {
  return offset < 0n ? undefined : { nextOffset: asOffset(String(offset), place), metadata };
}

/** Returns the answer about the one partition that was asked about. */
function only<T>(answers: readonly T[]): T {
  assert(answers.length === 1, 'One partition was asked about', { answers: answers.length });
  return answers[0] as T;
}

function offsetOf(offsets: ReadonlyMap<string, string>, place: TopicPartition): number {
  return asOffset(offsets.get(partitionKey(place)) ?? 'nothing', place);
}

function asOffset(text: string, { topic, partition }: TopicPartition): number {
  const offset = Number(text);
  if (Number.isSafeInteger(offset) && offset >= 0) return offset;
  throw new InvariantError(`${text} is no offset`, { topic, partition });
}
