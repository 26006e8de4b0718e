// Opens Kafka logs for the tests over the brokers that global setup provides.
import { randomUUID } from 'node:crypto';
import { inject } from 'vitest';
import type { EventLog } from '../../../src/log/event-log.ts';
import type { KafkaLogOptions } from '../../../src/log/kafka/client.ts';
import { openKafkaLog } from '../../../src/log/kafka/kafka-log.ts';
import { createLogger } from '../../../src/logger.ts';

export const kafkaBrokers: readonly string[] = inject('kafkaBrokers')
  .split(',')
  .filter((broker) => broker !== '');

/** Settings for the brokers under test; short session, so that lost members are noticed soon. */
export function kafkaOptions(overrides: Partial<KafkaLogOptions> = {}): KafkaLogOptions {
  return {
    brokers: kafkaBrokers,
    ssl: false,
    sasl: undefined,
    sessionTimeoutMs: 6_000,
    transactionTimeoutMs: 60_000,
    heartbeatMs: 200,
    replicationFactor: 1,
    clientId: `test-${randomUUID().slice(0, 8)}`,
    logger: createLogger(process.env['TEST_LOG_LEVEL'] ?? 'error'),
    ...overrides,
  };
}

export function openTestLog(overrides: Partial<KafkaLogOptions> = {}): EventLog {
  return openKafkaLog(kafkaOptions(overrides));
}
