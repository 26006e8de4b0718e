// The topics of the program: their names, derived from the settings, and the configuration of new
// ones. Existing topics stay as they are; `doctor` reports their risky settings.
import { feastView } from '../codecs/feast.ts';
import type { Config, ProcessConfig } from '../config/config.ts';
import { windowName } from '../sensors/larger-window.ts';
import type { TopicSpec } from './event-log.ts';

export interface TopicNames {
  readonly input: string;
  /** Readings forwarded under their sensor id as key; an input with its own shards. */
  readonly rekeyed: string;
  readonly deadLetters: string;
  /** The births of Sparkplug, by device. */
  readonly births: string;
  readonly output: string;
  /** Flagged readings. */
  readonly anomalies: string;
  readonly journal: string;
  readonly snapshots: string;
}

/** The output of one window length. */
export interface FeatureTopic {
  readonly topic: string;
  /** Name of its Feast feature view. */
  readonly view: string;
}

export interface InputTopicShape {
  readonly partitions: number;
  /** The input's `max.message.bytes`; default: Kafka's. */
  readonly maxMessageBytes?: number;
}

const kafkaMessageBytesDefault = 1_048_588;
// Room for added headers (reason, message, origin, rekey.*) on top of the input's largest record: a
// dead letter that the broker refuses would stop its shard.
const headerRoomBytes = 65_536;
const dayMs = 86_400_000;

/** Returns the name of every topic that the program reads or writes. */
export function topicNames(
  config: Pick<ProcessConfig, 'inputTopic' | 'outputTopic' | 'anomalyTopic'>,
): TopicNames {
  return {
    input: config.inputTopic,
    rekeyed: `${config.inputTopic}.rekeyed`,
    deadLetters: `${config.inputTopic}.dlq`,
    births: `${config.inputTopic}.births`,
    output: config.outputTopic,
    anomalies: config.anomalyTopic,
    journal: 'sensor_journal',
    snapshots: 'sensor_snapshots',
  };
}

/** Returns the topics of feature rows: the output topic, then one for each window of WINDOWS. */
export function featureTopics(config: {
  readonly process: Pick<ProcessConfig, 'outputTopic'>;
  readonly semantics: Pick<Config['semantics'], 'windows'>;
}): readonly FeatureTopic[] {
  const { outputTopic } = config.process;
  const larger = config.semantics.windows.map((window) => ({
    topic: windowName(outputTopic, window),
    view: windowName(feastView, window),
  }));
  return [{ topic: outputTopic, view: feastView }, ...larger];
}

/**
 * Returns the topics to create if missing, the input first, all with the input's partition count.
 * Includes the snapshot topic only if `snapshotStore` is kafka, that of births only with Sparkplug,
 * and the anomaly topic unless `anomalyEvents` is off. `features` are all topics of feature rows.
 */
export function topicSpecs(
  config: Pick<
    ProcessConfig,
    | 'inputTopic'
    | 'outputTopic'
    | 'outputRetentionMs'
    | 'anomalyTopic'
    | 'anomalyEvents'
    | 'snapshotStore'
    | 'mqttPayload'
  >,
  input: InputTopicShape,
  features: readonly FeatureTopic[],
): readonly TopicSpec[] {
  const names = topicNames(config);
  const { partitions } = input;
  const maxBytes = String((input.maxMessageBytes ?? kafkaMessageBytesDefault) + headerRoomBytes);
  // LogAppendTime makes retention count from the append, so old event times are not deleted at
  // once, and lets MAX_AHEAD_MS compare a sensor's clock with the broker's.
  const appended = { 'cleanup.policy': 'delete', 'message.timestamp.type': 'LogAppendTime' };
  const specs: TopicSpec[] = [
    { topic: names.input, partitions, config: appended },
    { topic: names.rekeyed, partitions, config: { ...appended, 'max.message.bytes': maxBytes } },
    {
      topic: names.deadLetters,
      partitions,
      config: {
        ...appended,
        'max.message.bytes': maxBytes,
        'retention.ms': String(30 * dayMs),
      },
    },
    // Rows are what models are trained on: they outlive the readings they came from.
    ...features.map(({ topic }) => ({
      topic,
      partitions,
      config: { ...appended, 'retention.ms': String(config.outputRetentionMs) },
    })),
    ...(config.anomalyEvents === 'off'
      ? []
      : [{ topic: names.anomalies, partitions, config: appended }]),
    {
      // The journal's decisions do not follow from the input: a replay without them would give
      // other results, so none is ever deleted. There are at most a few per minute.
      topic: names.journal,
      partitions,
      config: { 'cleanup.policy': 'delete', 'retention.ms': '-1', 'retention.bytes': '-1' },
    },
  ];
  if (config.snapshotStore === 'kafka') specs.push(compactedSpec(names.snapshots, partitions));
  if (config.mqttPayload === 'sparkplug') specs.push(compactedSpec(names.births, 1));
  return specs;
}

function compactedSpec(topic: string, partitions: number): TopicSpec {
  return {
    topic,
    partitions,
    config: {
      'cleanup.policy': 'compact',
      'max.message.bytes': '2097152',
      // Compaction skips the active segment, so small, short-lived segments free superseded
      // records.
      'segment.bytes': '67108864',
      'segment.ms': '3600000',
      'min.cleanable.dirty.ratio': '0.1',
    },
  };
}
