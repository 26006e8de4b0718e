// Creates missing topics: all of them for `topics create` and `run`, only the input for `produce`.
import type { Config } from '../config/config.ts';
import { assert } from '../errors.ts';
import type { EventLog, TopicDescription, TopicSpec } from '../log/event-log.ts';
import { featureTopics, topicNames, topicSpecs } from '../log/topics.ts';

export interface EnsuredTopic {
  readonly topic: string;
  readonly partitions: number;
  readonly isNew: boolean;
}

export const partitionsDefault = 4;

/**
 * Creates missing topics with as many partitions as the input; `partitions` if it is missing too.
 * Existing topics stay as they are. Returns every topic, the input first.
 */
export async function ensureTopics(
  log: EventLog,
  config: Config,
  partitions: number = partitionsDefault,
): Promise<readonly EnsuredTopic[]> {
  return ensure(log, await specsFor(log, config, partitions));
}

/** Creates the input topic if it is missing: a producer needs no other. */
export async function ensureInputTopic(log: EventLog, config: Config): Promise<EnsuredTopic> {
  const [input] = await ensure(log, (await specsFor(log, config, partitionsDefault)).slice(0, 1));
  assert(input !== undefined, 'the input is the first of the topics');
  return input;
}

async function specsFor(
  log: EventLog,
  config: Config,
  partitions: number,
): Promise<readonly TopicSpec[]> {
  const found = await log.describeTopic(topicNames(config.process).input);
  const maxMessageBytes = Number(found?.config['max.message.bytes'] ?? NaN);
  const input = {
    partitions: found?.partitions ?? partitions,
    ...(Number.isSafeInteger(maxMessageBytes) ? { maxMessageBytes } : {}),
  };
  return topicSpecs(config.process, input, featureTopics(config));
}

async function ensure(
  log: EventLog,
  specs: readonly TopicSpec[],
): Promise<readonly EnsuredTopic[]> {
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
