// Checks of Kafka: reachable, recent enough, limits, topics, clock.
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { KafkaConfig } from '../config/kafka-config.ts';
import { ConfigError } from '../errors.ts';
import type { EventLog, TopicDescription } from '../log/event-log.ts';
import type { ClusterFacts } from '../log/kafka/cluster-facts.ts';
import { clockCheck, fail, ok, warn, type Check } from './doctor-check.ts';
import { programTopics, topicChecks } from './doctor-topics.ts';

const newestRecords = 20;
const oldBrokersCure =
  'use 4.0 or newer: older ones may forget a committed position as they refuse one of a former owner';

/** Returns the checks of the brokers' version and settings. */
export function clusterChecks(config: KafkaConfig, facts: ClusterFacts): readonly Check[] {
  const { brokers, isKafka4, settings } = facts;
  const checks = [
    ok('kafka', `${brokers} brokers answer at ${config.brokers.join(',')}`),
    isKafka4
      ? ok('kafka version', '4.0 or newer')
      : warn('kafka version', 'older than 4.0', oldBrokersCure),
  ];
  const minimum = Number(settings['group.min.session.timeout.ms'] ?? 0);
  const maximum = Number(settings['group.max.session.timeout.ms'] ?? Infinity);
  const { sessionTimeoutMs } = config;
  if (sessionTimeoutMs < minimum || sessionTimeoutMs > maximum) {
    const found = `SESSION_TIMEOUT_MS ${sessionTimeoutMs}, the brokers allow ${minimum} to ${maximum}`;
    checks.push(fail('session timeout', found, 'set it within that range'));
  }
  const longest = Number(settings['transaction.max.timeout.ms'] ?? Infinity);
  if (config.transactionTimeoutMs > longest) {
    const found = `TRANSACTION_TIMEOUT_MS ${config.transactionTimeoutMs}, the brokers allow up to ${longest}`;
    checks.push(fail('transaction timeout', found, 'set it within that range'));
  }
  const replicas = Number(settings['transaction.state.log.replication.factor'] ?? brokers);
  if (brokers >= 3 && replicas < 3) {
    const cure = 'transaction.state.log.replication.factor=3 on the brokers';
    checks.push(warn('kafka transactions', `the transaction log has ${replicas} replicas`, cure));
  }
  const retentionMinutes = Number(settings['offsets.retention.minutes'] ?? Infinity);
  if (retentionMinutes < 7 * 24 * 60) {
    const found = `positions of a stopped group expire after ${retentionMinutes} minutes`;
    checks.push(warn('kafka offsets', found, 'offsets.retention.minutes=10080 or more'));
  }
  if (settings['auto.create.topics.enable'] === 'true') {
    const cure = 'auto.create.topics.enable=false, so that a mistyped topic is an error';
    checks.push(warn('kafka topics', 'the brokers create topics automatically', cure));
  }
  return checks;
}

/** Returns the checks of the topics and of the clock. @throws UnavailableError */
export async function logChecks(
  log: EventLog,
  config: Config,
  { brokers, clock }: { readonly brokers: number; readonly clock: Clock },
): Promise<readonly Check[]> {
  const topics = new Map<string, TopicDescription>();
  for (const [, name] of programTopics(config)) {
    const description = await unlessRefused(log.describeTopic(name), undefined);
    if (description !== undefined) topics.set(name, description);
  }
  const appended = [...topics.values()].filter(
    ({ config: settings }) => settings['message.timestamp.type'] === 'LogAppendTime',
  );
  const newestMs = await unlessRefused(newestTimestampMs(log, appended), undefined);
  const nowMs = clock.nowMs();
  // Nothing is written, so only a clock that is behind can be detected: it sees append times in
  // its future.
  const isBehind = newestMs !== undefined && newestMs > nowMs;
  return [
    ...topicChecks(config, { topics, brokers }),
    ...(newestMs === undefined
      ? []
      : [clockCheck('clock and Kafka', isBehind ? nowMs - newestMs : 0)]),
  ];
}

/**
 * Resolves as `request` does, or with `otherwise` if a right is missing: see the check of rights.
 */
async function unlessRefused<T>(request: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await request;
  } catch (error) {
    if (error instanceof ConfigError && error.details['refusal'] !== undefined) return otherwise;
    throw error;
  }
}

async function newestTimestampMs(
  log: EventLog,
  topics: readonly TopicDescription[],
): Promise<number | undefined> {
  let newestMs: number | undefined;
  for (const { topic, partitions } of topics) {
    for (let partition = 0; partition < Math.min(partitions, 4); partition += 1) {
      const { earliest, end } = await log.offsets({ topic, partition });
      const from = Math.max(earliest, end - newestRecords);
      for await (const batch of log.read({ topic, partition, from })) {
        const cursor = batch.records();
        while (cursor.next()) newestMs = Math.max(newestMs ?? 0, cursor.timestampMs);
      }
    }
  }
  return newestMs;
}
