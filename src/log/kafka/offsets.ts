// Offsets of partitions (where the log begins and ends, and where a time is) and positions of
// groups.
import { assert, InvariantError } from '../../errors.ts';
import type { CommittedPosition, PartitionExtent, TopicPartition } from '../event-log.ts';
import { partitionKey } from '../partition-key.ts';
import type { Connections } from './connections.ts';
import type { Broker } from './internals.ts';
import { fetchStableOffsets, partitionsByTopic } from './stable-offset.ts';
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

/** Returns what the group committed for the partition; undefined where it never did. */
export async function committedPosition(
  connections: Connections,
  groupId: string,
  place: TopicPartition,
): Promise<CommittedPosition | undefined> {
  return only(await committedPositionsAll(connections, groupId, [place]));
}

/**
 * Returns what the group committed for each partition, in the order of `places`; undefined where it
 * never did.
 */
export async function committedPositionsAll(
  connections: Connections,
  groupId: string,
  places: readonly TopicPartition[],
): Promise<readonly (CommittedPosition | undefined)[]> {
  const [first] = places;
  if (first === undefined) return [];
  const stable = new Map<string, CommittedPosition | undefined>();
  const what = `Reading the positions of ${groupId}`;
  await retryingAt(connections, what, first, async () => {
    // Only those whose offset was unstable are asked again: in a busy group some transaction always
    // ends just now.
    const wanted = places.filter((place) => !stable.has(partitionKey(place)));
    if (wanted.length === 0) return;
    const coordinator = await connections.coordinatorOf({ group: groupId }, first.topic);
    const { offsets, failure } = await fetchStableOffsets(coordinator, groupId, wanted);
    for (const { offset, metadata, ...place } of offsets) {
      const position =
        offset < 0n ? undefined : { nextOffset: asOffset(String(offset), place), metadata };
      stable.set(partitionKey(place), position);
    }
    if (failure !== undefined) throw failure;
  });
  return places.map((place) => stable.get(partitionKey(place)));
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
