// The offset range of each partition of a topic of feature rows, as of one moment.
import { ConfigError } from '../errors.ts';
import type { EventLog } from '../log/event-log.ts';
import type { TopicPartition } from '../records/record.ts';
import type { FeatureTopic } from '../log/topics.ts';

export interface TopicRange extends TopicPartition {
  readonly view: string;
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
}

/** Returns the ranges as of now. @throws ConfigError when the topic does not exist. */
export async function topicRanges(
  log: EventLog,
  { topic, view }: FeatureTopic,
): Promise<readonly TopicRange[]> {
  const description = await log.describeTopic(topic);
  if (description === undefined) throw new ConfigError(`topic ${topic} does not exist`, { topic });
  return Promise.all(
    Array.from({ length: description.partitions }, async (_, partition) => {
      const { earliest, end } = await log.offsets({ topic, partition });
      return { topic, view, partition, from: earliest, to: end };
    }),
  );
}
