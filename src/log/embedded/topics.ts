// The topics of the embedded log. They are created once and never change, so they are cached for
// good.
import { randomUUID } from 'node:crypto';

import { assert, ConfigError } from '../../errors.ts';
import type { TopicDescription, TopicSpec } from '../event-log.ts';
import type { TopicPartition } from '../../records/record.ts';
import type { Tables } from '../../lmdb/tables.ts';
import type { PlanView } from '../../lmdb/plan-view.ts';
import { decodeTopic, encodeTopic, logTables, nameKey, type StoredTopic } from './layout.ts';

const partitionsMax = 1_000_000;
/** Key of the number of topics, from which ids are assigned. */
const countKey = Buffer.from([0]);

export interface TopicTable {
  /** Returns the topic, or undefined if it does not exist. */
  find(topic: string): StoredTopic | undefined;
  /** Returns the topic of `partition`. @throws ConfigError if the partition does not exist */
  require(partition: TopicPartition): StoredTopic;
}

export function openTopicTable(tables: Tables): TopicTable {
  const known = new Map<string, StoredTopic>();
  const find = (topic: string): StoredTopic | undefined => {
    const cached = known.get(topic);
    if (cached !== undefined) return cached;
    tables.refresh();
    const stored = decodeTopic(tables.get(logTables.topics, nameKey(topic)));
    if (stored !== undefined) known.set(topic, stored);
    return stored;
  };
  return {
    find,
    require({ topic, partition }) {
      const stored = find(topic);
      if (stored === undefined) {
        throw new ConfigError(`Topic ${topic} does not exist in the embedded log`, { topic });
      }
      if (!Number.isInteger(partition) || partition < 0 || partition >= stored.partitions) {
        throw new ConfigError(
          `Topic ${topic} has partitions 0 to ${stored.partitions - 1}, not ${partition}`,
          { topic, partition },
        );
      }
      return stored;
    },
  };
}

/** Creates the missing topics of `specs` and returns their names. */
export function createTopics(view: PlanView, specs: readonly TopicSpec[]): readonly string[] {
  const created: string[] = [];
  for (const { topic, partitions, config } of specs) {
    assert(
      Number.isInteger(partitions) && partitions > 0 && partitions <= partitionsMax,
      'A topic needs at least one partition',
      { topic, partitions },
    );
    const key = nameKey(topic);
    if (view.get(logTables.topics, key) !== undefined) continue;
    const id = view.get(logTables.topics, countKey)?.readUInt32BE(0) ?? 0;
    const count = Buffer.alloc(4);
    count.writeUInt32BE(id + 1, 0);
    view.put(logTables.topics, countKey, count);
    const uuid = randomUUID();
    const stored = { version: 1, id, uuid, partitions, config: config ?? {} } as const;
    view.put(logTables.topics, key, encodeTopic(stored));
    created.push(topic);
  }
  return created;
}

/** Returns `stored` in the form of the port. */
export function describeStored(topic: string, stored: StoredTopic): TopicDescription {
  return { topic, partitions: stored.partitions, replicationFactor: 1, config: stored.config };
}
