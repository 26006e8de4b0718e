// The topics of the program: their names, derived from the settings, and how the ones we create are configured.
// Existing topics stay as they are (`doctor` says which settings of theirs are risky).
import { feastView } from '../codecs/feast.ts';
import type { Config, ProcessConfig } from '../config/config.ts';
import { windowName } from '../sensors/larger-window.ts';
import type { TopicSpec } from './event-log.ts';

export interface TopicNames {
  readonly input: string;
  /** Readings whose key is not their sensor id, keyed anew; an input with shards of its own. */
  readonly rekeyed: string;
  readonly deadLetters: string;
  readonly output: string;
  /** Flagged readings, as they are flagged. */
  readonly anomalies: string;
  readonly journal: string;
  readonly snapshots: string;
}

/** Where the rows of one window length go. */
export interface FeatureTopic {
  readonly topic: string;
  /** Feast's view of them. */
  readonly view: string;
}

export interface InputTopicShape {
  readonly partitions: number;
  /** The input's `max.message.bytes`; left out, Kafka's default. */
  readonly maxMessageBytes?: number;
}

const kafkaMessageBytesDefault = 1_048_588;
// Room for our headers (reason, message, origin, rekey.*) on top of the largest record the input can hold:
// a dead letter the broker refuses would stop its shard for good.
const headerRoomBytes = 65_536;
const dayMs = 86_400_000;

/** Returns the names of every topic the program reads or writes. */
export function topicNames(
  config: Pick<ProcessConfig, 'inputTopic' | 'outputTopic' | 'anomalyTopic'>,
): TopicNames {
  return {
    input: config.inputTopic,
    rekeyed: `${config.inputTopic}.rekeyed`,
    deadLetters: `${config.inputTopic}.dlq`,
    output: config.outputTopic,
    anomalies: config.anomalyTopic,
    journal: 'sensor_journal',
    snapshots: 'sensor_snapshots',
  };
}

/** Returns the topics of feature rows by window length: the output topic, then one for each of WINDOWS. */
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
 * Returns the topics to create where they are missing, the input first, all with the input's partition count.
 * The snapshot topic is among them only with `snapshotStore` kafka, the anomaly topic unless `anomalyEvents` is off.
 * `features` are all topics of feature rows.
 */
export function topicSpecs(
  config: Pick<
    ProcessConfig,
    'inputTopic' | 'outputTopic' | 'anomalyTopic' | 'anomalyEvents' | 'snapshotStore'
  >,
  input: InputTopicShape,
  features: readonly FeatureTopic[],
): readonly TopicSpec[] {
  const names = topicNames(config);
  const { partitions } = input;
  const maxBytes = String((input.maxMessageBytes ?? kafkaMessageBytesDefault) + headerRoomBytes);
  // LogAppendTime: retention then counts from the append, so that old event times are not deleted at once, and
  // MAX_AHEAD_MS measures a sensor's clock against the broker's and not against itself.
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
    ...features.map(({ topic }) => ({ topic, partitions, config: appended })),
    ...(config.anomalyEvents === 'off'
      ? []
      : [{ topic: names.anomalies, partitions, config: appended }]),
    {
      // Decisions that are no function of the input: a replay without them computes something else, so none is
      // ever deleted. A few a minute at most.
      topic: names.journal,
      partitions,
      config: { 'cleanup.policy': 'delete', 'retention.ms': '-1', 'retention.bytes': '-1' },
    },
  ];
  if (config.snapshotStore === 'kafka') specs.push(snapshotSpec(names.snapshots, partitions));
  return specs;
}

function snapshotSpec(topic: string, partitions: number): TopicSpec {
  return {
    topic,
    partitions,
    config: {
      'cleanup.policy': 'compact',
      'max.message.bytes': '2097152',
      // Compaction never touches the active segment: small, short-lived segments let superseded snapshots go.
      'segment.bytes': '67108864',
      'segment.ms': '3600000',
      'min.cleanable.dirty.ratio': '0.1',
    },
  };
}
