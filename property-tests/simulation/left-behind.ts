// The state a history left behind, as read-only ports: broker and disk after everything has ended,
// without time or faults.
import type { EventLog, FetchedBatch } from '../../src/log/event-log.ts';
import type { TopicPartition } from '../../src/records/record.ts';
import type { Logger } from '../../src/logger.ts';
import type { PastContext } from '../../src/past/past-context.ts';
import type { Semantics } from '../../src/sensors/shard-state.ts';
import type { SnapshotStore } from '../../src/stores/snapshot-store.ts';
import type { HistoryResult } from './history.ts';
import { keyOf } from './simulated-group.ts';
import { simulatedTopics } from './simulated-process.ts';
import { fetchedRecords } from './simulated-records.ts';

const batchOffsets = 17;

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  fatal: () => undefined,
  child: () => silent,
};

/**
 * Returns the context to replay the shards of the history in; every call that would write is
 * refused. Each call travels as long as `travel` says; left out, no time.
 */
export function replayContextOf(
  { broker, disk }: Pick<HistoryResult, 'broker' | 'disk'>,
  semantics: Semantics,
  partitions: number,
  travel: () => Promise<void> = () => Promise.resolve(),
): PastContext {
  return {
    log: readOnlyLog(broker, travel),
    snapshots: readOnlySnapshots(disk, travel),
    semantics,
    logger: silent,
    settings: { groupId: 'group' },
    topics: simulatedTopics,
    sourcePartitions: partitions,
    rekeyedPartitions: partitions,
    journalPartitions: 1,
    topicIds: { now: () => Promise.resolve(broker.topicIds) },
  };
}

function readOnlyLog(broker: HistoryResult['broker'], travel: () => Promise<void>): EventLog {
  const refused = (): Promise<never> => Promise.reject(new Error('a replay must only read'));
  async function* read(
    range: TopicPartition & { readonly from: number; readonly to?: number },
  ): AsyncGenerator<FetchedBatch> {
    const records = broker.partitions.get(keyOf(range)) ?? [];
    const end = broker.end(range);
    const to = Math.min(range.to ?? end, end);
    for (let from = range.from; from < to; from += batchOffsets) {
      await travel();
      const nextOffset = Math.min(from + batchOffsets, to);
      const fetched = fetchedRecords(records, { from, to: nextOffset });
      yield {
        topic: range.topic,
        partition: range.partition,
        fetchOffset: from,
        nextOffset,
        highWatermark: end,
        bytes: fetched.bytes,
        records: () => fetched.cursor(),
      };
    }
  }
  return {
    ensureTopics: refused,
    commitOffsets: refused,
    append: refused,
    joinGroup: refused,
    openWriter: refused,
    groupMembers: refused,
    topicIds: () => Promise.resolve(broker.topicIds),
    describeTopic: async (topic) => {
      await travel();
      const names = [...broker.partitions.keys()].filter((key) => key.startsWith(`${topic}/`));
      const partitions = names.length;
      return { topic, partitions, replicationFactor: 1, config: {} };
    },
    offsetAtTime: refused,
    async offsets(partition) {
      await travel();
      return { earliest: 0, end: broker.end(partition) };
    },
    async offsetsAll(partitions) {
      await travel();
      return partitions.map((partition) => ({ earliest: 0, end: broker.end(partition) }));
    },
    async committed(group, partition) {
      await travel();
      return broker.commits.get(`${group}|${keyOf(partition)}`);
    },
    async observedPositions(group, partitions) {
      await travel();
      return partitions.map((partition) => ({
        committed: broker.commits.get(`${group}|${keyOf(partition)}`),
        pending: false,
      }));
    },
    read,
    close: () => Promise.resolve(),
  };
}

function readOnlySnapshots(
  disk: HistoryResult['disk'],
  travel: () => Promise<void>,
): SnapshotStore {
  const refused = (): Promise<never> => Promise.reject(new Error('a replay must only read'));
  return {
    write: refused,
    remove: refused,
    async read(shardKey, reference) {
      await travel();
      return disk.read(shardKey, reference);
    },
    close: () => Promise.resolve(),
  };
}
