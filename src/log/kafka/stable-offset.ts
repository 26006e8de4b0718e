// OffsetFetch v7 with require_stable (KIP-447), which kafkajs does not speak: a commit's EndTxn is
// answered before its markers reach the offsets topic, and until then the group's offset is the one
// before. With require_stable the broker says so (UNSTABLE_OFFSET_COMMIT): an owner asks again
// (trap 21), an observer takes the offset before.
import type { TopicPartition } from '../../records/record.ts';
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

export interface GroupOffset extends TopicPartition {
  /** -1 where the group never committed. */
  readonly offset: bigint;
  readonly metadata: string;
}

export interface GroupOffsets {
  readonly offsets: readonly GroupOffset[];
  /**
   * The partitions left out, since a transaction is pending there; none without `requireStable`.
   */
  readonly unstable: readonly TopicPartition[];
}

/**
 * Returns the group's offsets in `places`, which one request asks for.
 * @throws kafkajs errors, untranslated.
 */
export async function fetchGroupOffsets(
  coordinator: Broker,
  groupId: string,
  places: readonly TopicPartition[],
  { requireStable }: { readonly requireStable: boolean },
): Promise<GroupOffsets> {
  const { errorCode, partitions } = await sendCompact(coordinator, {
    apiKey: offsetFetchApiKey,
    apiVersion: offsetFetchVersion,
    apiName: 'OffsetFetch',
    body: requestBody(groupId, places, requireStable),
    read: readAnswer,
  });
  const refused = (error: Error): Error =>
    withMissingRight(error, coordinator, 'offsetFetch', { groupId });
  if (errorCode !== 0) throw refused(createErrorFromCode(errorCode));
  const answered = partitions.filter((each) => each.errorCode !== unstableOffsetCommit);
  const failed = answered.find((each) => each.errorCode !== 0);
  if (failed !== undefined) {
    throw refused(withTopic(createErrorFromCode(failed.errorCode), failed.topic));
  }
  const unstable = partitions.filter((each) => each.errorCode === unstableOffsetCommit);
  return { offsets: answered, unstable };
}

/** The error of a partition that is unstable: the same question will be answered soon. */
export function unstableOffset(): Error {
  return createErrorFromCode(unstableOffsetCommit);
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
function requestBody(
  groupId: string,
  places: readonly TopicPartition[],
  requireStable: boolean,
): readonly Buffer[] {
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
    Buffer.from([requireStable ? 1 : 0]),
    noTags,
  ];
}

interface Answer {
  readonly errorCode: number;
  readonly partitions: readonly (GroupOffset & { readonly errorCode: number })[];
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
