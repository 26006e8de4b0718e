// How many partitions the topics of a group have, for its lifetime. A topic may get more of them
// while the group runs. What was computed from a count before must not move: the journal partition
// of a shard, and the rekeyed partition of a sensor. So the counts are kept with the committed
// positions, and later members go by those.
import type { CommittedPosition, EventLog } from '../log/event-log.ts';
import { partitionsOf } from '../records/partitioning.ts';
import { ConfigError } from '../errors.ts';
import type { TopicNames } from '../log/topics.ts';
import { decodePositionMetadata } from './position-metadata.ts';

export interface GroupCounts {
  /** Partitions of the input now. */
  readonly sourcePartitions: number;
  /** Partitions of the rekeyed topic that sensors are spread over. */
  readonly rekeyedPartitions: number;
  /** Partitions of the journal now; used by a new shard. */
  readonly journalPartitions: number;
  /** Other counts that shards of the group used before. */
  readonly formerJournalPartitions: readonly number[];
}

export interface CountsOptions {
  readonly groupId: string;
  readonly topics: Pick<TopicNames, 'input' | 'journal' | 'rekeyed'>;
  /** Returns how many partitions the topic has now. */
  partitionsNow(topic: string): Promise<number>;
}

/**
 * Returns the counts that the group goes by.
 * @throws ConfigError where the rekeyed topic has fewer partitions than the group's sensors are
 * spread over.
 */
export async function readGroupCounts(
  log: Pick<EventLog, 'observedPositions'>,
  { groupId, topics, partitionsNow }: CountsOptions,
): Promise<GroupCounts> {
  const sourcePartitions = await partitionsNow(topics.input);
  const rekeyedNow = await partitionsNow(topics.rekeyed);
  const journalPartitions = await partitionsNow(topics.journal);
  const inputs = partitionsOf(topics.input, sourcePartitions);
  const observed = await log.observedPositions(groupId, inputs);
  const kept = keptCounts(observed.flatMap(({ committed }) => committed ?? []));
  const rekeyedPartitions = Math.min(
    ...kept.rekeyed,
    kept.rekeyed.length > 0 ? Infinity : rekeyedNow,
  );
  if (rekeyedPartitions > rekeyedNow) {
    throw new ConfigError(
      `${topics.rekeyed} has ${rekeyedNow} partitions, but had ${rekeyedPartitions} when this group started: it was ` +
        'deleted and made again. Start with a new GROUP_ID and OUTPUT_TOPIC',
      { topic: topics.rekeyed, partitions: rekeyedNow, partitionsBefore: rekeyedPartitions },
    );
  }
  const formerJournalPartitions = kept.journal.filter((count) => count !== journalPartitions);
  return { sourcePartitions, rekeyedPartitions, journalPartitions, formerJournalPartitions };
}

/**
 * Returns the counts that committed positions keep, each once; versions before this one kept none.
 */
export function keptCounts(positions: readonly CommittedPosition[]): {
  readonly rekeyed: readonly number[];
  readonly journal: readonly number[];
} {
  const rekeyed = new Set<number>();
  const journal = new Set<number>();
  for (const position of positions) {
    const metadata = decodePositionMetadata(position.metadata, 'the group');
    if (metadata.rekeyedPartitions !== undefined) rekeyed.add(metadata.rekeyedPartitions);
    if (metadata.journal.partitions !== undefined) journal.add(metadata.journal.partitions);
  }
  return { rekeyed: [...rekeyed], journal: [...journal] };
}
