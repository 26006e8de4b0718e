import { describe } from 'vitest';
import { uniqueName } from '../../contracts/event-log-harness.ts';
import { snapshotStoreContract } from '../../contracts/snapshot-store.contract.ts';
import { openTopicSnapshotStore } from '../../../src/stores/topic/topic-snapshot-store.ts';
import { kafkaBrokers, openTestLog } from '../../log/kafka/kafka-harness.ts';

describe.skipIf(kafkaBrokers.length === 0)('snapshots in Kafka', () => {
  snapshotStoreContract('compacted Kafka topic', async () => {
    const log = openTestLog();
    const topic = uniqueName('sensor_snapshots');
    const config = { 'cleanup.policy': 'compact', 'max.message.bytes': '2097152' };
    await log.ensureTopics([{ topic, partitions: 2, config }]);
    return {
      store: openTopicSnapshotStore({ log, topic }),
      openAnother: () => Promise.resolve(openTopicSnapshotStore({ log, topic })),
      close: () => log.close(),
    };
  });
});
