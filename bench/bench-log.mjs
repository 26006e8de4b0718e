// The benchmarks' own way to the broker: appends inputs, asks for positions, reads rows back.
import { createRequire } from 'node:module';
import { systemClock } from '../dist/clock.js';
import { parseConfig } from '../dist/config.js';
import { openEventLog } from '../dist/log/open.js';
import { createLogger } from '../dist/logger.js';

export function openBenchLog(brokers) {
  return openEventLog(parseConfig({ KAFKA_BROKERS: brokers }).process, {
    clientId: 'bench',
    logger: createLogger('warn'),
    clock: systemClock,
  });
}

/** Makes the topic of a backlog: its records keep their event time, and however old they are, none is deleted. */
export async function ensureBacklogTopic(log, topic, partitions) {
  const config = { 'retention.ms': '-1', 'message.timestamp.type': 'CreateTime' };
  await log.ensureTopics([{ topic, partitions, config }]);
}

/** Frees their place on the disk. */
export async function deleteTopics(brokers, topics) {
  // Here, because our log must be the first to load it.
  const { Kafka, logLevel } = createRequire(import.meta.url)('kafkajs');
  const admin = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.deleteTopics({ topics });
  await admin.disconnect();
}
