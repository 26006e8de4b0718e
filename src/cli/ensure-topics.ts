// Creates the topics of the program that are missing. Used by `topics create`, `run` and `produce`.
import type { Config } from '../config.ts';
import type { EventLog, TopicDescription } from '../log/event-log.ts';
import { topicNames, topicSpecs } from '../log/topics.ts';

export interface EnsuredTopic {
  readonly topic: string;
  readonly partitions: number;
  readonly isNew: boolean;
}

export const partitionsDefault = 4;

/**
 * Creates what is missing with the input's partition count, `partitions` where the input is missing too. Existing
 * topics stay as they are. Returns every topic in the order of the line.
 */
export async function ensureTopics(
  log: EventLog,
  config: Config,
  partitions: number = partitionsDefault,
): Promise<readonly EnsuredTopic[]> {
  const { input } = topicNames(config.process);
  const found = await log.describeTopic(input);
  const maxMessageBytes = Number(found?.config['max.message.bytes'] ?? NaN);
  const specs = topicSpecs(config.process, {
    partitions: found?.partitions ?? partitions,
    ...(Number.isSafeInteger(maxMessageBytes) ? { maxMessageBytes } : {}),
  });
  const existing = new Map<string, TopicDescription>();
  for (const { topic } of specs) {
    const description = await log.describeTopic(topic);
    if (description !== undefined) existing.set(topic, description);
  }
  const missing = specs.filter(({ topic }) => !existing.has(topic));
  const created = missing.length === 0 ? [] : await log.ensureTopics(missing);
  return specs.map((spec) => ({
    topic: spec.topic,
    partitions: existing.get(spec.topic)?.partitions ?? spec.partitions,
    isNew: created.includes(spec.topic),
  }));
}
