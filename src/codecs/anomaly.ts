// flagged reading → record of the anomaly topic, and back. The value is a fixed contract; where in
// the input the reading was is in the headers. Next on the line: the commit, which makes the record
// visible.
import { isUtf8 } from 'node:buffer';
import { assert, DecodeError } from '../errors.ts';
import type { OutputRecord, RecordCursor, TopicPartition } from '../records/record.ts';
import type { AnomalousReading } from '../sensors/shard-state.ts';
import { exactAvroType } from './avro-long.ts';
import { anomalySchema } from './avro-schemas.ts';

/** One flagged reading and why. All numbers are finite. */
export interface Anomaly {
  readonly sensor_id: string;
  /** ms since epoch. */
  readonly timestamp: number;
  readonly value: number;
  /** Deviation from the baseline in standard deviations, with its sign. */
  readonly z: number;
  /** The alarm score, an alarm from 3 on; 0 with BASELINE=cumulative. */
  readonly score: number;
  readonly alarm: boolean;
  /** As it was before this reading: what z was computed against. */
  readonly baseline: { readonly mean: number; readonly std_dev: number; readonly n: number };
}

/** Where in the input the reading is. */
export interface AnomalyLineage {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

const anomalyType = exactAvroType(anomalySchema);
const jsonBegin = '{'.charCodeAt(0);

/**
 * Returns the record of `reading`, of input partition `shard`, for `topic`; it copies what it
 * needs.
 * @throws InvariantError where a number is not finite: JSON could not hold it.
 */
export function anomalyRecord(
  reading: AnomalousReading,
  shard: TopicPartition,
  { topic, format }: { readonly topic: string; readonly format: 'json' | 'avro' },
): OutputRecord {
  const key = new Uint8Array(reading.idBytes.subarray(reading.idStart, reading.idEnd));
  const anomaly = anomalyOf(reading, Buffer.from(key).toString());
  const value =
    format === 'avro' ? anomalyType.toBuffer(anomaly) : Buffer.from(JSON.stringify(anomaly));
  return {
    topic,
    key,
    value,
    headers: [
      { key: 'lineage.topic', value: Buffer.from(shard.topic) },
      { key: 'lineage.partition', value: Buffer.from(String(shard.partition)) },
      { key: 'lineage.offset', value: Buffer.from(String(reading.offset)) },
    ],
  };
}

function anomalyOf(reading: AnomalousReading, sensorId: string): Anomaly {
  const { timestampMs: timestamp, value, score, alarm, judgement } = reading;
  const { z, mean, std_dev, n } = judgement;
  for (const number of [value, z, score, mean, std_dev, n]) {
    assert(Number.isFinite(number), `an anomaly's numbers must be finite, one is ${number}`, {
      sensor: sensorId,
      timestamp,
    });
  }
  return {
    sensor_id: sensorId,
    timestamp,
    value,
    // JSON would write −0 as 0, Avro not.
    z: z + 0,
    score: score + 0,
    alarm,
    baseline: { mean: mean + 0, std_dev, n },
  };
}

/**
 * Returns the anomaly that `bytes` hold, JSON or Avro.
 * @throws DecodeError where they hold none.
 */
export function decodeAnomaly(bytes: Uint8Array): Anomaly {
  const record = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const value = record[0] === jsonBegin ? parseJson(record) : parseAvro(record);
  if (!isAnomaly(value)) throw new DecodeError('not an anomaly: a field is missing or mistyped');
  return value;
}

/**
 * Returns where in the input the anomaly at `record` was read; undefined where its headers do not
 * say.
 */
export function decodeAnomalyLineage(record: RecordCursor): AnomalyLineage | undefined {
  if (record.headerCount === 0) return undefined;
  const headers = new Map(
    record.headers().map(({ key, value }) => [key, Buffer.from(value ?? []).toString()]),
  );
  const topic = headers.get('lineage.topic');
  const partition = Number(headers.get('lineage.partition') ?? NaN);
  const offset = Number(headers.get('lineage.offset') ?? NaN);
  const isWhole = Number.isSafeInteger(partition) && Number.isSafeInteger(offset);
  return topic === undefined || !isWhole ? undefined : { topic, partition, offset };
}

function parseJson(record: Buffer): unknown {
  if (!isUtf8(record)) throw new DecodeError('not an anomaly: not UTF-8');
  try {
    return JSON.parse(record.toString());
  } catch (error) {
    throw new DecodeError('not an anomaly: not JSON', { bytes: record.length }, error);
  }
}

function parseAvro(record: Buffer): unknown {
  try {
    return anomalyType.fromBuffer(record);
  } catch (error) {
    throw new DecodeError('not an anomaly: neither JSON nor Avro', {}, error);
  }
}

function isAnomaly(value: unknown): value is Anomaly {
  if (!isObject(value)) return false;
  const { sensor_id, timestamp, alarm, baseline } = value;
  if (!isObject(baseline)) return false;
  const { mean, std_dev, n } = baseline;
  return (
    typeof sensor_id === 'string' &&
    Number.isSafeInteger(timestamp) &&
    typeof alarm === 'boolean' &&
    [value['value'], value['z'], value['score'], mean, std_dev, n].every(Number.isFinite)
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
