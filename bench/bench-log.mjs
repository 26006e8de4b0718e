// The benchmarks' access to the broker: appends inputs, reads positions and rows.
import { createRequire } from 'node:module';
import { systemClock } from '../dist/clock.js';
import { parseConfig } from '../dist/config/config.js';
import { openEventLog } from '../dist/log/open.js';
import { createLogger } from '../dist/logger.js';

export function openBenchLog(brokers) {
  return openEventLog(parseConfig({ KAFKA_BROKERS: brokers }).process, {
    clientId: 'bench',
    logger: createLogger('warn'),
    clock: systemClock,
  });
}

/**
 * Creates the topic of a backlog: records keep their event time and are never deleted, however old.
 */
export async function ensureBacklogTopic(log, topic, partitions) {
  const config = { 'retention.ms': '-1', 'message.timestamp.type': 'CreateTime' };
  await log.ensureTopics([{ topic, partitions, config }]);
}

/** Frees their place on the disk. */
export function deleteTopics(brokers, topics) {
  return administer(brokers, (admin) => admin.deleteTopics({ topics }));
}

export function listTopics(brokers) {
  return administer(brokers, (admin) => admin.listTopics());
}

/** Returns the sum of the end offsets of a topic's partitions. */
export async function endOf(brokers, topic) {
  const offsets = await administer(brokers, (admin) => admin.fetchTopicOffsets(topic));
  return offsets.reduce((sum, { high }) => sum + Number(high), 0);
}

async function administer(brokers, work) {
  // Here, because our log must be the first to load it.
  const { Kafka, logLevel } = createRequire(import.meta.url)('kafkajs');
  const admin = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}
