// flagged reading, or change of a sensor's presence or alarm → record of the anomaly topic, and
// back. The value is a fixed contract; where in the input the reading was is in the headers. Next
// on the line: the commit, which makes the record visible.
import { isUtf8 } from 'node:buffer';
import { assert, DecodeError } from '../errors.ts';
import type { OutputRecord, RecordCursor, TopicPartition } from '../records/record.ts';
import { alarmKinds } from '../sensors/alarm-change.ts';
import { presenceKinds } from '../sensors/presence-change.ts';
import type { AlarmChange, AnomalousReading, PresenceChange } from '../sensors/shard-state.ts';
import { alarmEventOf, isAlarmEvent, isAlarmKind, type AlarmEvent } from './alarm-event.ts';
import { exactAvroType } from './avro-long.ts';
import { alarmEventSchema, anomalySchema, sensorEventSchema } from './avro-schemas.ts';
import { confluentHeaderBytes, encodeConfluent, readConfluentSchemaId } from './confluent.ts';
import { isSensorEvent, sensorEventOf, type SensorEvent } from './sensor-event.ts';

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
  /** The rule that gave the score; left out where none did, and where the method has one only. */
  readonly channel?: string;
  /** As it was before this reading: what z was computed against. */
  readonly baseline: { readonly mean: number; readonly std_dev: number; readonly n: number };
}

/** A value of the anomaly topic: an event has a `kind`. */
export type AnomalyTopicRecord = Anomaly | SensorEvent | AlarmEvent;

/** Where in the input the reading is. */
export interface AnomalyLineage {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

const anomalyType = exactAvroType(anomalySchema);
const eventType = exactAvroType(sensorEventSchema);
const alarmType = exactAvroType(alarmEventSchema);
const jsonBegin = '{'.charCodeAt(0);

/** Schemas of a topic of anomalies, each with all of the one before: readings, events, alarms. */
export const anomalySchemas = {
  avro: anomalySchema,
  'avro-events': sensorEventSchema,
  'avro-alarms': alarmEventSchema,
} as const;

export type AnomalyAvro = keyof typeof anomalySchemas;

/** The topic and the format of records of anomalies. */
export interface AnomalyTarget {
  readonly topic: string;
  readonly format: 'json' | AnomalyAvro;
  /** Of the Avro schema, where a registry has it. */
  readonly schemaId?: number;
}

/**
 * Returns the record of `reading`, of input partition `shard`, for `topic`; it copies what it
 * needs.
 * @throws InvariantError where a number is not finite: JSON could not hold it.
 */
export function anomalyRecord(
  reading: AnomalousReading,
  shard: TopicPartition,
  target: AnomalyTarget,
): OutputRecord {
  return recordOf(anomalyOf(reading), reading, shard, target);
}

/** Returns the record of `change`, as `anomalyRecord`; without a reading it has no offset. */
export function presenceRecord(
  change: PresenceChange,
  shard: TopicPartition,
  target: AnomalyTarget,
): OutputRecord {
  return recordOf(sensorEventOf(change), change, shard, target);
}

/** Returns the record of an event that no record of the input tells: it has no lineage. */
export function sensorEventRecord(event: SensorEvent, target: AnomalyTarget): OutputRecord {
  return { topic: target.topic, key: Buffer.from(event.sensor_id), value: encode(event, target) };
}

/** Returns the record of `change`, as `anomalyRecord`; without a reading it has no offset. */
export function alarmRecord(
  change: AlarmChange,
  shard: TopicPartition,
  target: AnomalyTarget,
): OutputRecord {
  return recordOf(alarmEventOf(change), change, shard, target);
}

function recordOf(
  anomaly: AnomalyTopicRecord,
  { idBytes, idStart, idEnd, offset }: AnomalousReading | PresenceChange | AlarmChange,
  shard: TopicPartition,
  target: AnomalyTarget,
): OutputRecord {
  const key = new Uint8Array(idBytes.subarray(idStart, idEnd));
  const value = encode(anomaly, target);
  return { topic: target.topic, key, value, headers: lineage(shard, offset) };
}

function encode(record: AnomalyTopicRecord, { format, schemaId }: AnomalyTarget): Uint8Array {
  const bytes = bytesOf(record, format);
  return schemaId === undefined ? bytes : encodeConfluent(schemaId, bytes);
}

function bytesOf(record: AnomalyTopicRecord, format: AnomalyTarget['format']): Uint8Array {
  if (format === 'json') return Buffer.from(JSON.stringify(record));
  if (format === 'avro') return anomalyType.toBuffer(record);
  const none = {
    ...{ z: null, score: null, alarm: null, channel: null, baseline: null },
    ...{ since: null, silent_after: null, readings: null, explanation: null },
  };
  const event = { ...none, version: 0, kind: 'reading', ...record };
  if (format === 'avro-events') return eventType.toBuffer(event);
  const noAlarm = {
    ...{ alarm_id: null, cause: null, opened_at: null, acknowledged: null, muted_until: null },
  };
  return alarmType.toBuffer({ ...noAlarm, ...event });
}

function lineage(
  { topic, partition }: TopicPartition,
  offset: number | undefined,
): NonNullable<OutputRecord['headers']> {
  return [
    { key: 'lineage.topic', value: Buffer.from(topic) },
    { key: 'lineage.partition', value: Buffer.from(String(partition)) },
    ...(offset === undefined
      ? []
      : [{ key: 'lineage.offset', value: Buffer.from(String(offset)) }]),
  ];
}

function anomalyOf(reading: AnomalousReading): Anomaly {
  const { timestampMs: timestamp, value, score, alarm, channel, judgement } = reading;
  const { z, mean, std_dev, n } = judgement;
  const id = reading.idBytes.subarray(reading.idStart, reading.idEnd);
  const sensorId = Buffer.from(id).toString();
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
    ...(channel === undefined || channel === 'none' ? {} : { channel }),
    baseline: { mean: mean + 0, std_dev, n },
  };
}

/**
 * Returns the flagged reading or the event that `bytes` hold: JSON, or Avro, also behind a
 * Confluent header.
 * @throws DecodeError where they hold none.
 */
export function decodeAnomaly(bytes: Uint8Array): AnomalyTopicRecord {
  const record = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const value = record[0] === jsonBegin ? parseJson(record) : parseAvro(record);
  if (!isAnomalyTopicRecord(value)) {
    throw new DecodeError('not an anomaly: a field is missing or mistyped');
  }
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

function parseAvro(whole: Buffer): unknown {
  const isHeaded = readConfluentSchemaId(whole, 0, whole.length) >= 0 && !isBareEvent(whole);
  const record = isHeaded ? whole.subarray(confluentHeaderBytes) : whole;
  try {
    return record[0] === 0 ? eventOf(parseEvent(record)) : anomalyType.fromBuffer(record);
  } catch (error) {
    throw new DecodeError('not an anomaly: neither JSON nor Avro', {}, error);
  }
}

/** No record is of both schemas: one of alarms goes on behind one of events. */
function parseEvent(record: Buffer): unknown {
  try {
    return alarmType.fromBuffer(record);
  } catch {
    return eventType.fromBuffer(record);
  }
}

/** A header begins with 0 as the version of an event does, and no id is as large as a kind. */
function isBareEvent(record: Buffer): boolean {
  return eventHeads.some((head) => record.subarray(0, head.length).equals(head));
}

/** Version 0, and the kind as an Avro string. */
const eventHeads = ['reading', ...presenceKinds, ...alarmKinds].map((kind) =>
  Buffer.concat([Buffer.from([0, 2 * kind.length]), Buffer.from(kind)]),
);

/** Returns the record as JSON has it: no version, and of a reading no field that is null. */
function eventOf(value: unknown): unknown {
  if (!isObject(value)) return value;
  const { version: _version, kind, channel, z, score, alarm, baseline, ...more } = value;
  const { alarm_id, cause, opened_at, acknowledged, muted_until, ...event } = more;
  const { sensor_id, timestamp, value: reading, explanation } = event;
  if (isAlarmKind(kind)) {
    const about = { sensor_id, timestamp, kind, alarm_id, cause, channel, opened_at };
    return { ...about, score, value: reading, acknowledged, muted_until, explanation };
  }
  if (kind !== 'reading') return { kind, ...event };
  const by = channel === null ? {} : { channel };
  return { sensor_id, timestamp, value: reading, z, score, alarm, ...by, baseline };
}

function isAnomalyTopicRecord(value: unknown): value is AnomalyTopicRecord {
  if (!isObject(value)) return false;
  if (!('kind' in value)) return isAnomaly(value);
  return isAlarmKind(value['kind']) ? isAlarmEvent(value) : isSensorEvent(value);
}

function isAnomaly(value: Readonly<Record<string, unknown>>): boolean {
  const { sensor_id, timestamp, alarm, baseline, channel = '' } = value;
  if (!isObject(baseline)) return false;
  const { mean, std_dev, n } = baseline;
  return (
    typeof sensor_id === 'string' &&
    Number.isSafeInteger(timestamp) &&
    typeof alarm === 'boolean' &&
    typeof channel === 'string' &&
    [value['value'], value['z'], value['score'], mean, std_dev, n].every(Number.isFinite)
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
