// OffsetFetch v7 with require_stable (KIP-447), which kafkajs does not speak: a commit's EndTxn is
// answered before its markers reach the offsets topic, and until then the group's offset is the one
// before. With require_stable the broker says so (UNSTABLE_OFFSET_COMMIT) and the caller asks again
// (trap 21).
import type { TopicPartition } from '../event-log.ts';
import {
  compactLength,
  compactString,
  int32,
  noTags,
  sendCompact,
  type CompactReader,
} from './compact-protocol.ts';
import { createErrorFromCode, type Broker } from './internals.ts';
import { withMissingRight, withTopic } from './named-refusals.ts';

const offsetFetchApiKey = 9;
const offsetFetchVersion = 7;
const unstableOffsetCommit = 88;

export interface StableOffset extends TopicPartition {
  /** -1 where the group never committed. */
  readonly offset: bigint;
  readonly metadata: string;
}

export interface StableOffsets {
  /** Of the partitions that no transaction is pending in. */
  readonly offsets: readonly StableOffset[];
  /** The first error of those left out. */
  readonly failure: Error | undefined;
}

/**
 * Returns the group's offsets in `places`, which one request asks for.
 * @throws kafkajs errors, untranslated.
 */
export async function fetchStableOffsets(
  coordinator: Broker,
  groupId: string,
  places: readonly TopicPartition[],
): Promise<StableOffsets> {
  const { errorCode, partitions } = await sendCompact(coordinator, {
    apiKey: offsetFetchApiKey,
    apiVersion: offsetFetchVersion,
    apiName: 'OffsetFetch',
    body: requestBody(groupId, places),
    read: readAnswer,
  });
  const refused = (error: Error): Error =>
    withMissingRight(error, coordinator, 'offsetFetch', { groupId });
  if (errorCode !== 0) throw refused(createErrorFromCode(errorCode));
  const failures = partitions.filter((partition) => partition.errorCode !== 0);
  // What is final is said before what another question cures.
  const failed = failures.find((each) => each.errorCode !== unstableOffsetCommit) ?? failures[0];
  return {
    offsets: partitions.filter((partition) => partition.errorCode === 0),
    failure: failed && refused(withTopic(createErrorFromCode(failed.errorCode), failed.topic)),
  };
}

/** Returns the partitions of `places` by topic, both in the order in which they come first. */
export function partitionsByTopic(
  places: readonly TopicPartition[],
): ReadonlyMap<string, readonly number[]> {
  const byTopic = new Map<string, number[]>();
  for (const { topic, partition } of places) {
    const partitions = byTopic.get(topic);
    if (partitions === undefined) byTopic.set(topic, [partition]);
    else partitions.push(partition);
  }
  return byTopic;
}

// group_id, [topic [partition] tags], require_stable, tags.
function requestBody(groupId: string, places: readonly TopicPartition[]): readonly Buffer[] {
  const topics = partitionsByTopic(places);
  return [
    compactString(groupId),
    compactLength(topics.size),
    ...[...topics].flatMap(([topic, partitions]) => [
      compactString(topic),
      compactLength(partitions.length),
      ...partitions.map(int32),
      noTags,
    ]),
    requireStable,
    noTags,
  ];
}

const requireStable = Buffer.from([1]);

interface Answer {
  readonly errorCode: number;
  readonly partitions: readonly (StableOffset & { readonly errorCode: number })[];
}

// throttle_time, [topic [partition offset leader_epoch metadata error tags] tags], error, tags.
function readAnswer(reader: CompactReader): Answer {
  reader.skip(4);
  const partitions = reader.array(() => {
    const topic = reader.string();
    const found = reader.array(() => {
      const [partition, offset] = [reader.int32(), reader.int64()];
      reader.skip(4);
      const [metadata, errorCode] = [reader.string(), reader.int16()];
      reader.skipTags();
      return { topic, partition, offset, metadata, errorCode };
    });
    reader.skipTags();
    return found;
  });
  return { partitions: partitions.flat(), errorCode: reader.int16() };
}
