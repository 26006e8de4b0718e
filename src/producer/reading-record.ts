// A planned reading as the record that is appended: encoded, keyed, or deliberately rubbish.
import { encodeReadingAvro, encodeReadingJson } from '../codecs/reading-encoder.ts';
import type { OutputRecord } from '../log/event-log.ts';
import type { PlannedReading } from './planned-reading.ts';

export interface RecordOptions {
  readonly topic: string;
  readonly format: 'json' | 'avro';
  /** Unkeyed records have no key: the program forwards them by sensor id. */
  readonly keying: 'keyed' | 'unkeyed';
}

// What the field sends when it goes wrong: cut off, wrong types, wrong fields, no JSON at all, nothing.
const rubbish: readonly ((id: string, atMs: number) => string)[] = [
  (id, atMs) => `{"sensor_id":${JSON.stringify(id)},"timestamp":${atMs},"val`,
  (id, atMs) => `{"sensor_id":${JSON.stringify(id)},"timestamp":${atMs},"value":"21.5"}`,
  (id, atMs) => `{"sensor_id":${JSON.stringify(id)},"timestamp":"${atMs}","value":21.5}`,
  (_, atMs) => `{"timestamp":${atMs},"value":21.5}`,
  (id, atMs) => `{"sensor_id":${JSON.stringify(id)},"timestamp":${atMs},"value":NaN}`,
  () => 'sensor offline',
  () => '',
];

/** Returns the record of `reading`; of the bad ones each kind of rubbish takes its turn, by `badIndex`. */
export function readingRecord(
  { sensorId, timestampMs, value, kind }: PlannedReading,
  options: RecordOptions,
  badIndex: number,
): OutputRecord {
  const reading = { sensor_id: sensorId, timestamp: timestampMs, value };
  const encode = options.format === 'json' ? encodeReadingJson : encodeReadingAvro;
  const bad = rubbish[badIndex % rubbish.length];
  return {
    topic: options.topic,
    key: options.keying === 'keyed' ? Buffer.from(sensorId) : null,
    value: kind === 'bad' && bad ? Buffer.from(bad(sensorId, timestampMs)) : encode(reading),
  };
}
