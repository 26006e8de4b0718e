// Why a shard, or a whole group, cannot go on from what is committed, each with its cure. Said by
// recovery for one shard, and before a process joins for all of them.
import { ConfigError } from '../errors.ts';
import type { TopicPartition } from '../records/record.ts';
import { fingerprintDifferences } from '../sensors/fingerprint.ts';

/** The committed state of `where` was computed under other semantics. */
export function semanticsDiffer(where: string, committed: string, configured: string): ConfigError {
  return new ConfigError(
    `settings that change results differ from those that computed ${where}: ` +
      `${fingerprintDifferences(committed, configured).join('; ')}. Set them back; or stop every process and ` +
      '`migrate`, which keeps what was learned (`migrate --plan` says what); or start with a new GROUP_ID and ' +
      'OUTPUT_TOPIC',
    { committed, configured },
  );
}

/** No snapshot of the shard since its last migration can be read. */
export function migratedStateLost(
  { topic, partition }: TopicPartition,
  migratedAt: number,
): ConfigError {
  return new ConfigError(
    `no snapshot of ${topic}/${partition} can be read, and its state was migrated at offset ${migratedAt}: the log ` +
      'alone does not lead to it. Bring the snapshots back, or `migrate` to the settings of before, which still ' +
      'have theirs; or start with a new GROUP_ID and OUTPUT_TOPIC',
    { topic, partition, migratedAt },
  );
}

/** The group cannot go on over more partitions of its input. */
export function partitionsGrew(topic: string, partitions: number, before: number): ConfigError {
  return new ConfigError(
    `${topic} has ${partitions} partitions but had ${before} when this group started: keys have moved and a sensor ` +
      'would have two owners. Start with a new GROUP_ID and OUTPUT_TOPIC and INPUT_KEYING=rekey',
    { partitions, partitionsBefore: before },
  );
}

/** The partition ends before what the group has committed. */
export function madeAgain(
  { topic, partition }: TopicPartition,
  committedOffset: number,
  end: number,
): ConfigError {
  return new ConfigError(
    `${topic}/${partition} ends at offset ${end}, but this group committed ${committedOffset}: the topic ` +
      'was deleted and made again, or lost data. Start with a new GROUP_ID and OUTPUT_TOPIC',
    { end, committed: committedOffset },
  );
}

/** The journal knows the shard, and the group has no offset of it. */
export function offsetsVanished(journal: TopicPartition, shardKey: string): ConfigError {
  return new ConfigError(
    `the journal ${journal.topic}/${journal.partition} has entries of ${shardKey}, but the group has no committed ` +
      'offset there (expired or deleted): results already written would be doubled. Start with a new GROUP_ID ' +
      'and OUTPUT_TOPIC',
    { shard: shardKey },
  );
}

/**
 * A new group would fold the forwards of another, of a version that did not name them, as its own.
 */
export function forwardsOfAnother({ topic, partition }: TopicPartition): ConfigError {
  return new ConfigError(
    `${topic}/${partition} holds forwards that an earlier version made for another group, without naming it: this ` +
      'group would count their readings twice. Stop that group and delete the records of ' +
      `${topic} (kafka-delete-records), then start again`,
    { topic, partition },
  );
}
