// What can be wrong with topics, judged from their descriptions alone.
import type { Config } from '../config/config.ts';
import type { TopicDescription } from '../log/event-log.ts';
import { featureTopics, topicNames } from '../log/topics.ts';
import { fail, ok, warn, type Check } from './doctor-check.ts';

export interface FoundTopics {
  /** By name; a topic that does not exist is missing. */
  readonly topics: ReadonlyMap<string, TopicDescription>;
  readonly brokers: number;
}

const dayMs = 86_400_000;

/** Returns what each topic that the program uses is for, and its name. */
export function programTopics(config: Config): readonly (readonly [role: string, name: string])[] {
  const { anomalyEvents, snapshotStore } = config.process;
  const [, ...larger] = featureTopics(config);
  return [
    ...Object.entries({ ...topicNames(config.process) })
      .filter(([role]) => role !== 'snapshots' || snapshotStore === 'kafka')
      .filter(([role]) => role !== 'anomalies' || anomalyEvents !== 'off'),
    ...larger.map(({ topic }) => ['output', topic] as const),
  ];
}

/** Returns the checks of every topic of the program. */
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
      ...settingFindings(role, topic, input),
    ];
    const shape = `${topic.partitions} partitions, ${topic.replicationFactor} replicas`;
    return findings.length > 0 ? findings : [ok(`topic ${name}`, shape)];
  });
  return [...checks, ...unknownSettings(topics)];
}

/** One check however many topics it is about: nobody needs the same line for each. */
function unknownSettings(topics: FoundTopics['topics']): readonly Check[] {
  const unknown = [...topics.values()].filter(({ configUnknown }) => configUnknown !== undefined);
  const [first] = unknown;
  if (first?.configUnknown === undefined) return [];
  const others = unknown.length > 1 ? ` and ${unknown.length - 1} more` : '';
  const found = `those of ${first.topic}${others} may not be read, Kafka’s defaults are assumed`;
  return [warn('topic settings', found, first.configUnknown)];
}

function replicationFindings(topic: TopicDescription, brokers: number): readonly Check[] {
  const { topic: name, replicationFactor: replicas, config } = topic;
  const inSync = Number(config['min.insync.replicas'] ?? 1);
  const found = `${replicas} replicas, min.insync.replicas ${inSync}, ${brokers} brokers`;
  if (inSync > replicas) {
    return [fail(`topic ${name}`, found, 'no write can succeed: lower min.insync.replicas')];
  }
  if (brokers >= 3 && (replicas < 3 || inSync < 2)) {
    const cure = '3 replicas and min.insync.replicas 2 survive the loss of a broker';
    return [warn(`topic ${name}`, found, cure)];
  }
  if (replicas > 1 && inSync === replicas) {
    const cure = 'writes stop while any broker is down: min.insync.replicas one below the replicas';
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
  // Only the sources of forwards are counted against each other; every other topic may have any
  // number.
  if (role !== 'rekeyed') return [];
  const found = `${topic.partitions} partitions, the input has ${input.partitions}`;
  const cure =
    'its own count never changes; if the input was grown under keyed input, set INPUT_KEYING=rekey';
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
  if (role === 'snapshots' && !policy.includes('compact')) {
    note(
      fail,
      `cleanup.policy ${policy}`,
      'cleanup.policy=compact, or old snapshots fill the disk',
    );
  }
  if (role === 'snapshots' && policy.includes('delete')) {
    note(fail, `cleanup.policy ${policy}`, 'without delete, or snapshots in use are lost');
  }
  if (role !== 'snapshots' && policy.includes('compact')) {
    const cure = 'cleanup.policy=delete: compaction removes records that a replay needs';
    const isOutput = role === 'output' || role === 'anomalies';
    note(isOutput ? warn : fail, `cleanup.policy ${policy}`, cure);
  }
  if (role === 'input' && config['message.timestamp.type'] === 'CreateTime') {
    const cure =
      'message.timestamp.type=LogAppendTime: MAX_AHEAD_MS and FAST_CLOCKS then compare with the broker’s clock';
    note(warn, 'timestamps are the producers’ (CreateTime)', cure);
  }
  if (role === 'input' && retentionMs(topic) < dayMs) {
    const cure = 'retention.ms of a day or more: a replay needs the records since its snapshot';
    note(warn, `retention ${Math.round(retentionMs(topic) / 60_000)} minutes`, cure);
  }
  if (role === 'journal' && input !== undefined && retentionMs(topic) < retentionMs(input)) {
    const cure = 'retention.ms=-1: a replay without its journal computes something else';
    note(fail, 'retention shorter than the input’s', cure);
  }
  const room = Number(config['max.message.bytes']) - Number(input?.config['max.message.bytes']);
  if ((role === 'deadLetters' || role === 'rekeyed') && room < 1_000) {
    const cure = 'max.message.bytes 64 KiB above the input’s: dead letters carry headers of ours';
    note(warn, 'takes no larger records than the input', cure);
  }
  return findings;
}

/**
 * Infinity where retention is unlimited; retention by size counts as none, it cannot be compared.
 */
function retentionMs({ config }: TopicDescription): number {
  const retention = Number(config['retention.ms'] ?? 7 * dayMs);
  return retention < 0 ? Infinity : retention;
}
