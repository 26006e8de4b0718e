// Creates and describes topics, with single requests to any broker (KRaft brokers forward what the
// controller must do); kafkajs's admin client forgets to reconnect after a pause (trap 18).
import { ConfigError } from '../../errors.ts';
import type { TopicDescription, TopicSpec } from '../event-log.ts';
import type { Connections } from './connections.ts';
import { failureKind, rootOf, translated } from './failures.ts';
import type { Broker } from './internals.ts';
import { harmless, patience, retrying, type RetryOptions } from './retry.ts';

const createTimeoutMs = 10_000;
const brokerDefault = -1;
const topicResource = 2;

/**
 * Returns the topics of `specs` that were missing and have been created, once every partition has a
 * leader.
 */
export async function createMissingTopics(
  connections: Connections,
  specs: readonly TopicSpec[],
  replicationFactor: number | undefined,
): Promise<readonly string[]> {
  const created: string[] = [];
  for (const spec of specs) {
    if ((await partitionCount(connections, spec.topic)) !== undefined) continue;
    if (await create(connections, spec, replicationFactor ?? brokerDefault)) {
      created.push(spec.topic);
    }
    // A topic is usable once every partition has a leader, whoever created it.
    await retrying(
      () => connections.partitionsOf(spec.topic),
      options(connections, `Waiting for topic ${spec.topic}`, spec.topic),
    );
  }
  return created;
}

/** Returns the topic, or undefined where it does not exist. */
export async function describeTopic(
  connections: Connections,
  topic: string,
): Promise<TopicDescription | undefined> {
  return retrying(
    async () => {
      const broker = await connections.anyBroker();
      const metadata = await metadataOf(connections, topic);
      if (metadata === undefined) return undefined;
      return { topic, ...metadata, ...(await settingsOf(broker, topic)) };
    },
    options(connections, `Describing topic ${topic}`, topic),
  );
}

/**
 * The settings are not worth a start: who may not read them goes by Kafka's defaults, and hears so.
 */
async function settingsOf(
  broker: Broker,
  topic: string,
): Promise<Pick<TopicDescription, 'config' | 'configUnknown'>> {
  try {
    const { resources } = await broker.describeConfigs({
      resources: [{ type: topicResource, name: topic, configNames: [] }],
    });
    const config: Record<string, string> = {};
    for (const { configName, configValue } of resources[0]?.configEntries ?? []) {
      if (configValue !== null) config[configName] = configValue;
    }
    return { config };
  } catch (error) {
    if (failureKind(error) !== 'denied') throw error;
    const { message } = translated(`Reading the settings of ${topic}`, error, { topic });
    return { config: {}, configUnknown: message };
  }
}

/** Returns whether this call created the topic; false when another was faster. */
async function create(
  connections: Connections,
  { topic, partitions, config = {} }: TopicSpec,
  replicationFactor: number,
): Promise<boolean> {
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
  let indefinite = false;
  return retrying(
    async () => {
      const broker = await connections.anyBroker();
      try {
        await broker.createTopics({
          topics: [{ topic, numPartitions: partitions, replicationFactor, configEntries }],
          timeout: createTimeoutMs,
        });
        return true;
      } catch (error) {
        // After an attempt of unknown outcome the topic may well be ours.
        if (typeOf(error) === 'TOPIC_ALREADY_EXISTS') return indefinite;
        indefinite = true;
        throw error;
      }
    },
    options(connections, `Creating topic ${topic}`, topic),
  );
}

async function partitionCount(
  connections: Connections,
  topic: string,
): Promise<number | undefined> {
  const metadata = await retrying(
    () => metadataOf(connections, topic),
    options(connections, `Looking up topic ${topic}`, topic),
  );
  return metadata?.partitions;
}

async function metadataOf(
  connections: Connections,
  topic: string,
): Promise<{ readonly partitions: number; readonly replicationFactor: number } | undefined> {
  const broker = await connections.anyBroker();
  try {
    const { topicMetadata } = await broker.metadata([topic]);
    const partitions = topicMetadata.find((each) => each.topic === topic)?.partitionMetadata;
    if (partitions === undefined) return undefined;
    return {
      partitions: partitions.length,
      replicationFactor: partitions[0]?.replicas.length ?? 0,
    };
  } catch (error) {
    const type = typeOf(error);
    if (type === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined;
    if (type !== 'INVALID_TOPIC_EXCEPTION') throw error;
    throw new ConfigError(`"${topic}" cannot be the name of a topic`, { topic });
  }
}

function options(connections: Connections, what: string, topic: string): RetryOptions {
  return {
    what,
    details: { topic },
    kinds: harmless,
    ...patience,
    onFailure: (error) => connections.recover(error),
  };
}

function typeOf(error: unknown): unknown {
  const root = rootOf(error);
  return root instanceof Error ? Reflect.get(root, 'type') : undefined;
}
