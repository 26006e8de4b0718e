// The ports and topic shapes needed to read the past of shards; none of them can write.
import { readGroupCounts } from '../actors/group-counts.ts';
import type { RestoreContext } from '../actors/restore.ts';
import type { Config } from '../config/config.ts';
import { ConfigError } from '../errors.ts';
import type { EventLog } from '../log/event-log.ts';
import { TopicIds } from '../log/topic-ids.ts';
import { topicNames } from '../log/topics.ts';
import type { Logger } from '../logger.ts';
import type { SchemaSource } from '../registry/schema-source.ts';
import type { SnapshotStore } from '../stores/snapshot-store.ts';

export interface PastContext extends RestoreContext {
  readonly rekeyedPartitions: number;
}

/**
 * Returns the context of the program that `config` describes.
 * @throws ConfigError when one of its topics does not exist: nothing has run with these settings.
 */
export async function pastContext(
  config: Config,
  ports: {
    readonly log: EventLog;
    readonly snapshots: SnapshotStore;
    readonly logger: Logger;
    readonly schemas?: SchemaSource | undefined;
  },
): Promise<PastContext> {
  const { groupId } = config.process;
  const topics = topicNames(config.process);
  const partitionsOf = async (topic: string): Promise<number> => {
    const description = await ports.log.describeTopic(topic);
    if (description !== undefined) return description.partitions;
    throw new ConfigError(
      `topic ${topic} does not exist: nothing has run with these settings yet (INPUT_TOPIC, OUTPUT_TOPIC, DATA_DIR)`,
      { topic },
    );
  };
  return {
    ...ports,
    semantics: config.semantics,
    settings: { groupId },
    topics,
    topicIds: new TopicIds(ports.log, [topics.input, topics.rekeyed, topics.journal]),
    ...(await readGroupCounts(ports.log, { groupId, topics, partitionsNow: partitionsOf })),
  };
}
