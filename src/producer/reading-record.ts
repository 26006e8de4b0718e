// Encodes a planned reading as a record of the declared shape, or as deliberate garbage.
import { declaredRecord } from '../codecs/declared-encoder.ts';
import { encodeReadingAvro, encodeReadingJson } from '../codecs/reading-encoder.ts';
import type { OutputRecord } from '../records/record.ts';
import type { InputDeclaration } from '../sensors/input-declaration.ts';
import type { PlannedReading } from './planned-reading.ts';

export interface RecordOptions {
  readonly topic: string;
  readonly format: 'json' | 'avro';
  /** Unkeyed records have a null key; the program forwards them by sensor id. */
  readonly keying: 'keyed' | 'unkeyed';
  /** Left out: `sensor_id`, `timestamp` in ms, `value`. JSON where it is given. */
  readonly input?: InputDeclaration | undefined;
}

// Garbage as devices in the field send it: truncated, wrong types, wrong fields, no JSON, empty.
const garbageOfAnyShape: readonly ((text: string) => string)[] = [
  (text) => text.slice(0, -3),
  () => 'sensor offline',
  () => '',
];
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
 * @throws ConfigError where the declaration reads no such sensor.
 */
export function readingRecord(
  planned: PlannedReading,
  options: RecordOptions,
  badIndex: number,
): OutputRecord {
  const { input, keying, topic } = options;
  if (input === undefined) return plainRecord(planned, options, badIndex);
  const { sensorId, timestampMs: timestamp, value } = planned;
  const record = declaredRecord({ sensor_id: sensorId, timestamp, value }, input);
  const bad = garbageOfAnyShape[badIndex % garbageOfAnyShape.length];
  return {
    topic,
    key: keying === 'keyed' ? Buffer.from(record.key) : null,
    value: Buffer.from(planned.kind === 'bad' && bad ? bad(record.value) : record.value),
    ...(record.timestampMs === undefined ? {} : { timestampMs: record.timestampMs }),
  };
}

function plainRecord(
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
