// What the fold hands out as the output records of its shard, key = sensor id: a closed window as a
// feature row, a flagged reading as an anomaly.
import { anomalyRecord } from '../codecs/anomaly.ts';
import { assert, InvariantError } from '../errors.ts';
import type { OutputRecord, TopicPartition } from '../records/record.ts';
import type { AnomalousReading, ClosedWindow } from '../sensors/shard-state.ts';
import type { ShardContext } from './shard-context.ts';

/**
 * Returns the function that turns a closed window of `shard` into the record to commit; it copies
 * what it needs.
 */
export function featureRowRecord(
  context: Pick<ShardContext, 'featureTopics' | 'encodeFeatureRow'>,
  shard: TopicPartition,
): (window: ClosedWindow) => OutputRecord {
  return (window) => ({
    topic: topicOf(context.featureTopics, window),
    // Uint8Array.from would walk the bytes one by one through their iterator.
    key: new Uint8Array(window.idBytes.subarray(window.idStart, window.idEnd)),
    value: encoded(context, window, shard),
  });
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
  { topics, settings }: Pick<ShardContext, 'topics' | 'settings'>,
  shard: TopicPartition,
): (anomaly: AnomalousReading) => OutputRecord | undefined {
  const { anomalyEvents, outputFormat: format } = settings;
  return (anomaly) => {
    const told = anomalyEvents === 'all' || (anomalyEvents === 'alarms' && anomaly.alarm);
    return told ? anomalyRecord(anomaly, shard, { topic: topics.anomalies, format }) : undefined;
  };
}
