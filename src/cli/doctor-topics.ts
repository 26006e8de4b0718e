// Checks of the topics, pure: they read the topics' descriptions only.
import type { Config } from '../config/config.ts';
import type { TopicDescription } from '../log/event-log.ts';
import { featureTopics, topicNames } from '../log/topics.ts';
import { fail, ok, warn, type Check } from './doctor-check.ts';

export interface FoundTopics {
  /** By name; topics that do not exist are absent. */
  readonly topics: ReadonlyMap<string, TopicDescription>;
  readonly brokers: number;
}

const dayMs = 86_400_000;

/** Returns the role and the name of each topic that the program uses. */
export function programTopics(config: Config): readonly (readonly [role: string, name: string])[] {
  const { anomalyEvents, mqttPayload, snapshotStore } = config.process;
  const [, ...larger] = featureTopics(config);
  return [
    ...Object.entries({ ...topicNames(config.process) })
      .filter(([role]) => role !== 'snapshots' || snapshotStore === 'kafka')
      .filter(([role]) => role !== 'births' || mqttPayload === 'sparkplug')
      .filter(([role]) => role !== 'anomalies' || anomalyEvents !== 'off'),
    ...larger.map(({ topic }) => ['output', topic] as const),
  ];
}

export function topicChecks(config: Config, { topics, brokers }: FoundTopics): readonly Check[] {
  const names = topicNames(config.process);
  const input = topics.get(names.input);
  const checks = programTopics(config).flatMap(([role, name]) => {
    const topic = topics.get(name);
    if (topic === undefined) {
      return [warn(`topic ${name}`, 'missing', '`run` creates it; or `topics create`')];
    }
    const findings = [
      ...replicationFindings(topic, brokers),
      ...partitionFindings(role, topic, input),
      // By Kafka's defaults, topics that are right would fail.
      ...(isKnown(topic) ? settingFindings(role, topic, input) : []),
    ];
    const unknown = isKnown(topic) ? '' : ', settings unknown';
    const shape = `${topic.partitions} partitions, ${topic.replicationFactor} replicas${unknown}`;
    return findings.length > 0 ? findings : [ok(`topic ${name}`, shape)];
  });
  return [...checks, ...unknownSettings(topics)];
}

const isKnown = ({ configUnknown }: TopicDescription): boolean => configUnknown === undefined;

/** One warning covers all topics: the cause and the cure are the same. */
function unknownSettings(topics: FoundTopics['topics']): readonly Check[] {
  const unknown = [...topics.values()].filter((topic) => !isKnown(topic));
  const [first] = unknown;
  if (first?.configUnknown === undefined) return [];
  const others = unknown.length > 1 ? ` and ${unknown.length - 1} more` : '';
  const found = `no right to read those of ${first.topic}${others}; they are not checked`;
  return [warn('topic settings', found, first.configUnknown)];
}

function replicationFindings(topic: TopicDescription, brokers: number): readonly Check[] {
  const { topic: name, replicationFactor: replicas, config } = topic;
  if (!isKnown(topic)) {
    if (brokers < 3 || replicas >= 3) return [];
    const cure = 'use 3 replicas to survive the loss of a broker';
    return [warn(`topic ${name}`, `${replicas} replicas, ${brokers} brokers`, cure)];
  }
  const inSync = Number(config['min.insync.replicas'] ?? 1);
  const found = `${replicas} replicas, min.insync.replicas ${inSync}, ${brokers} brokers`;
  if (inSync > replicas) {
    return [fail(`topic ${name}`, found, 'lower min.insync.replicas: no write can succeed')];
  }
  if (brokers >= 3 && (replicas < 3 || inSync < 2)) {
    const cure = 'use 3 replicas and min.insync.replicas=2 to survive the loss of a broker';
    return [warn(`topic ${name}`, found, cure)];
  }
  if (replicas > 1 && inSync === replicas) {
    const cure =
      'set min.insync.replicas one below the replicas: now writes stop while any broker is down';
    return [warn(`topic ${name}`, found, cure)];
  }
  return [];
}

function partitionFindings(
  role: string,
  topic: TopicDescription,
  input: TopicDescription | undefined,
): readonly Check[] {
  if (input === undefined || role === 'input' || topic.partitions === input.partitions) return [];
  // Other topics may have any number of partitions.
  if (role !== 'rekeyed') return [];
  const found = `${topic.partitions} partitions, the input has ${input.partitions}`;
  const cure =
    'its count is fixed; if partitions were added to a keyed input, set INPUT_KEYING=rekey';
  return [warn(`topic ${topic.topic}`, found, cure)];
}

function settingFindings(
  role: string,
  topic: TopicDescription,
  input: TopicDescription | undefined,
): readonly Check[] {
  const { topic: name, config } = topic;
  const policy = config['cleanup.policy'] ?? 'delete';
  const findings: Check[] = [];
  const note = (check: typeof warn, found: string, cure: string): void => {
    findings.push(check(`topic ${name}`, found, cure));
  };
  const isCompacted = role === 'snapshots' || role === 'births';
  if (isCompacted && !policy.includes('compact')) {
    const cure = `set cleanup.policy=compact, or old ${role} fill the disk`;
    note(fail, `cleanup.policy ${policy}`, cure);
  }
  if (isCompacted && policy.includes('delete')) {
    note(fail, `cleanup.policy ${policy}`, `remove delete from it, or ${role} in use are lost`);
  }
  if (!isCompacted && policy.includes('compact')) {
    const cure = 'set cleanup.policy=delete: compaction removes records that recovery needs';
    const isOutput = role === 'output' || role === 'anomalies';
    note(isOutput ? warn : fail, `cleanup.policy ${policy}`, cure);
  }
  if (role === 'input' && config['message.timestamp.type'] === 'CreateTime') {
    const cure =
      'set message.timestamp.type=LogAppendTime: MAX_AHEAD_MS and FAST_CLOCKS then use the broker’s clock';
    note(warn, 'timestamps come from the producers (CreateTime)', cure);
  }
  if (role === 'input' && retentionMs(topic) < dayMs) {
    const cure = 'set retention.ms to a day or more: recovery needs all records since a snapshot';
    note(warn, `retention ${Math.round(retentionMs(topic) / 60_000)} minutes`, cure);
  }
  const isInputKnown = input !== undefined && isKnown(input);
  if (role === 'journal' && isInputKnown && retentionMs(topic) < retentionMs(input)) {
    const cure = 'set retention.ms=-1: recovery without the journal gives other results';
    note(fail, 'retention is shorter than the input’s', cure);
  }
  const room = Number(config['max.message.bytes']) - Number(input?.config['max.message.bytes']);
  if ((role === 'deadLetters' || role === 'rekeyed') && room < 1_000) {
    const cure =
      'set max.message.bytes 64 KiB above the input’s: records are written with more headers';
    note(warn, 'its largest record is no larger than the input’s', cure);
  }
  return findings;
}

/** Returns Infinity if retention is unlimited. Ignores retention by size: it has no duration. */
function retentionMs({ config }: TopicDescription): number {
  const retention = Number(config['retention.ms'] ?? 7 * dayMs);
  return retention < 0 ? Infinity : retention;
}
