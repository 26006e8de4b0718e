// Encodes a planned reading as a record, or as deliberate garbage.
import { encodeReadingAvro, encodeReadingJson } from '../codecs/reading-encoder.ts';
import type { OutputRecord } from '../records/record.ts';
import type { PlannedReading } from './planned-reading.ts';

export interface RecordOptions {
  readonly topic: string;
  readonly format: 'json' | 'avro';
  /** Unkeyed records have a null key; the program forwards them by sensor id. */
  readonly keying: 'keyed' | 'unkeyed';
}

// Garbage as devices in the field send it: truncated, wrong types, wrong fields, no JSON, empty.
const garbage: readonly ((id: string, atMs: number) => string)[] = [
  (id, atMs) => `{"sensor_id":${JSON.stringify(id)},"timestamp":${atMs},"val`,
  (id, atMs) => `{"sensor_id":${JSON.stringify(id)},"timestamp":${atMs},"value":"21.5"}`,
  (id, atMs) => `{"sensor_id":${JSON.stringify(id)},"timestamp":"${atMs}","value":21.5}`,
  (_, atMs) => `{"timestamp":${atMs},"value":21.5}`,
  (id, atMs) => `{"sensor_id":${JSON.stringify(id)},"timestamp":${atMs},"value":NaN}`,
  () => 'sensor offline',
  () => '',
];

/**
 * Returns the record of the reading; `badIndex` picks the kind of garbage of a bad one, in turn.
 */
export function readingRecord(
  { sensorId, timestampMs, value, kind }: PlannedReading,
  options: RecordOptions,
  badIndex: number,
): OutputRecord {
  const reading = { sensor_id: sensorId, timestamp: timestampMs, value };
  const encode = options.format === 'json' ? encodeReadingJson : encodeReadingAvro;
  const bad = garbage[badIndex % garbage.length];
  return {
    topic: options.topic,
    key: options.keying === 'keyed' ? Buffer.from(sensorId) : null,
    value: kind === 'bad' && bad ? Buffer.from(bad(sensorId, timestampMs)) : encode(reading),
  };
}
