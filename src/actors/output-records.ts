// Encodes the fold's outputs as records, key = sensor id: a closed window as a feature row, a
import {
  alarmRecord,
  anomalyRecord,
  presenceRecord,
  type AnomalyAvro,
  type AnomalyTarget,
} from '../codecs/anomaly.ts';
import { encodeConfluent } from '../codecs/confluent.ts';
import { assert, InvariantError } from '../errors.ts';
import type { OutputRecord, TopicPartition } from '../records/record.ts';
import { watchesAlarms } from '../sensors/alarm-slot.ts';
import { watchesPresence } from '../sensors/presence-slot.ts';
import type { Semantics } from '../sensors/semantics.ts';
import type {
  AlarmChange,
  AnomalousReading,
  ClosedWindow,
  PresenceChange,
} from '../sensors/shard-state.ts';
import type { OutboxEncoders } from './outbox.ts';
import type { ShardContext, ShardSettings } from './shard-context.ts';
import type { ShardTraces } from './shard-traces.ts';

/** Returns the encoders of all outputs of `shard`; with `traces`, rows carry their headers. */
export function outputEncoders(
  context: ShardContext,
  shard: TopicPartition,
  traces?: ShardTraces,
): OutboxEncoders {
  const featureRow = featureRowRecord(context, shard);
  return {
    featureRow:
      traces === undefined ? featureRow : (window) => traces.onRow(window, featureRow(window)),
    anomaly: anomalyEncoder(context, shard),
    presence: presenceEncoder(context, shard),
    alarm: alarmEncoder(context, shard),
  };
}

/**
 * Returns the function that turns a closed window of `shard` into the record to commit; it copies
 * what it needs.
 */
export function featureRowRecord(
  context: Pick<ShardContext, 'featureTopics' | 'encodeFeatureRow'> & {
    readonly settings?: Pick<ShardSettings, 'outputSchemaIds'>;
  },
  shard: TopicPartition,
): (window: ClosedWindow) => OutputRecord {
  const schemaIds = context.settings?.outputSchemaIds;
  return (window) => {
    const topic = topicOf(context.featureTopics, window);
    const row = encoded(context, window, shard);
    const schemaId = schemaIds?.[topic];
    return {
      topic,
      // Uint8Array.from would walk the bytes one by one through their iterator.
      key: new Uint8Array(window.idBytes.subarray(window.idStart, window.idEnd)),
      value: schemaId === undefined ? row : encodeConfluent(schemaId, row),
    };
  };
}

function topicOf(featureTopics: readonly string[], { lengthIndex }: ClosedWindow): string {
  const topic = featureTopics[lengthIndex];
  assert(topic !== undefined, 'every window length has a topic', { lengthIndex });
  return topic;
}

function encoded(
  context: Pick<ShardContext, 'encodeFeatureRow'>,
  window: ClosedWindow,
  shard: TopicPartition,
): Uint8Array {
  try {
    return context.encodeFeatureRow(window, shard);
  } catch (error) {
    // No reading is to blame and no sensor can be set aside: to leave the row out would lose data.
    const sensorId = Buffer.from(window.idBytes.subarray(window.idStart, window.idEnd)).toString();
    const { windowStartMs } = window;
    throw new InvariantError(
      `the feature row of sensor ${sensorId}, window ${windowStartMs}, cannot be made: ${String(error)}; nothing is ` +
        'lost: mend the feature and start again',
      { ...shard, sensorId, windowStartMs },
      error,
    );
  }
}

/**
 * Returns the function that turns a flagged reading of `shard` into the record to commit, or
 * undefined for none.
 */
export function anomalyEncoder(
  context: Pick<ShardContext, 'topics' | 'settings' | 'semantics'>,
  shard: TopicPartition,
): (anomaly: AnomalousReading) => OutputRecord | undefined {
  const { anomalyEvents } = context.settings;
  const target = anomalyTarget(context);
  return (anomaly) => {
    const told = anomalyEvents === 'all' || (anomalyEvents === 'alarms' && anomaly.alarm);
    return told ? anomalyRecord(anomaly, shard, target) : undefined;
  };
}

/** Returns the function that turns a change of a sensor's presence into the record to commit. */
function presenceEncoder(
  context: Pick<ShardContext, 'topics' | 'settings' | 'semantics'>,
  shard: TopicPartition,
): (change: PresenceChange) => OutputRecord {
  const target = anomalyTarget(context);
  return (change) => presenceRecord(change, shard, target);
}

/** Returns the function that turns a change of an alarm into the record to commit. */
function alarmEncoder(
  context: Pick<ShardContext, 'topics' | 'settings' | 'semantics'>,
  shard: TopicPartition,
): (change: AlarmChange) => OutputRecord {
  const target = anomalyTarget(context);
  return (change) => alarmRecord(change, shard, target);
}

/** Avro records of a topic are all of one schema: one that has what there may be. */
export function anomalyAvro(
  semantics: Semantics,
  { mqttPayload }: Pick<ShardSettings, 'mqttPayload'>,
): AnomalyAvro {
  if (watchesAlarms(semantics)) return 'avro-alarms';
  const hasChannels = semantics.baseline === 'robust';
  const hasEvents = watchesPresence(semantics) || hasChannels || mqttPayload === 'sparkplug';
  return hasEvents ? 'avro-events' : 'avro';
}

/** Returns where records of anomalies go, and as what. */
export function anomalyTarget({
  topics,
  settings,
  semantics,
}: Pick<ShardContext, 'topics' | 'semantics'> & {
  readonly settings: Pick<ShardSettings, 'mqttPayload' | 'outputFormat' | 'outputSchemaIds'>;
}): AnomalyTarget {
  const schemaId = settings.outputSchemaIds?.[topics.anomalies];
  return {
    topic: topics.anomalies,
    format: settings.outputFormat === 'avro' ? anomalyAvro(semantics, settings) : 'json',
    ...(schemaId === undefined ? {} : { schemaId }),
  };
}
