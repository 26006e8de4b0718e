// The ids of a shard's topics in its committed metadata: offsets committed in a topic mean nothing
// in another one of its name.
import { ConfigError } from '../errors.ts';
import type { IdsByTopic } from '../log/topic-ids.ts';
import type { TopicPartition } from '../records/record.ts';
import type { PositionMetadata } from './position-metadata.ts';

interface TopicsNow {
  readonly ids: IdsByTopic;
  /** Name of the journal's topic. */
  readonly journal: string;
}

/** Returns the metadata with the ids of its topics, where it had none. */
export function withTopicIds(
  metadata: PositionMetadata,
  { topic }: TopicPartition,
  { ids, journal }: TopicsNow,
): PositionMetadata {
  const topicId = metadata.topicId ?? ids.get(topic);
  const journalId = metadata.journal.topicId ?? ids.get(journal);
  return {
    ...metadata,
    ...(topicId === undefined ? {} : { topicId }),
    journal: { ...metadata.journal, ...(journalId === undefined ? {} : { topicId: journalId }) },
  };
}

/**
 * Returns why a shard with this metadata cannot go on: its topic, or the journal's, is another one
 * of the same name. Undefined where both are the same, or an id is not known.
 */
export function topicRefusal(
  { journal: { topicId: journalId }, topicId }: PositionMetadata,
  { topic, partition }: TopicPartition,
  { ids, journal }: TopicsNow,
): ConfigError | undefined {
  for (const [name, before] of [
    [topic, topicId],
    [journal, journalId],
  ] as const) {
    const now = ids.get(name);
    if (now === undefined || before === undefined || now === before) continue;
    return new ConfigError(
      `${name} was deleted and made again (its topic id was ${before} and is ${now}): what this group has committed ` +
        `for ${topic}/${partition} is of the topic before. Start with a new GROUP_ID and OUTPUT_TOPIC`,
      { topic: name, topicIdBefore: before, topicId: now },
    );
  }
  return undefined;
}
