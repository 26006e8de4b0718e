// Finds the shard that folds a sensor: the partition of its key in the input or in the rekeyed
// topic, or any other input partition if the producer partitions by a rule of its own. The default
// rule gives the first guess; a guess counts only once a reading of the sensor is found there.
import { observeCommittedShard, restorableSnapshots } from '../actors/restore.ts';
import { roleOf } from '../actors/shard-memory.ts';
import { entryTimeAmong, fieldsAmong } from '../codecs/dead-letter.ts';
import { createInputReader } from '../codecs/input-reader.ts';
import { enteredAt } from '../codecs/input-record.ts';
import { decodeReading } from '../codecs/reading-decoder.ts';
import { schemaIdOf } from '../codecs/record-entries.ts';
import { ConfigError } from '../errors.ts';
import type { RecordCursor, TopicPartition } from '../records/record.ts';
import { partitionForKey, partitionsOf } from '../records/partitioning.ts';
import { hasKey } from '../records/record-key.ts';
import { deviceOf } from '../sensors/input-declaration.ts';
import { emptyReading } from '../sensors/reading.ts';
import { loadSchema } from './missing-schema.ts';
import type { PastContext } from './past-context.ts';

export interface SensorPlace {
  readonly shard: TopicPartition;
  /** A second shard that holds the sensor, which then has two owners. */
  readonly otherShard?: TopicPartition;
}

/**
 * Returns the shard that folds the sensor's readings.
 * @throws ConfigError when no shard of the group ever folded one.
 */
export async function findSensor(
  context: PastContext,
  sensorId: string,
  onProgress?: (shard: TopicPartition) => void,
): Promise<SensorPlace> {
  const key = Buffer.from(deviceOf(sensorId, context.semantics.input));
  const [likely, others] = candidates(context, key);
  const known: TopicPartition[] = [];
  for (const shard of likely) {
    if (await snapshotKnows(context, shard, sensorId)) known.push(shard);
  }
  const [shard, otherShard] = known;
  if (shard !== undefined) return otherShard === undefined ? { shard } : { shard, otherShard };
  for (const place of likely) {
    onProgress?.(place);
    if (await logKnows(context, place, sensorId)) return { shard: place };
  }
  for (const place of others) {
    onProgress?.(place);
    const found =
      (await snapshotKnows(context, place, sensorId)) || (await logKnows(context, place, sensorId));
    if (found) return { shard: place };
  }
  const { semantics, settings, topics } = context;
  const forgets = semantics.sensorTtlMs !== Infinity;
  throw new ConfigError(
    `group ${settings.groupId} has no reading of sensor ${JSON.stringify(sensorId)} in ${topics.input} or ` +
      `${topics.rekeyed}: are the sensor id and GROUP_ID right?` +
      (forgets ? ' Once a sensor is forgotten (SENSOR_TTL), only the log shows where it was.' : ''),
    { sensorId },
  );
}

/** A reading that a shard folds, or that its fold refuses, is keyed by its sensor id. */
export interface SensorReading {
  readonly offset: number;
  readonly timestampMs: number;
  readonly recordTimestampMs: number;
  readonly value: number;
  /** The field it was in, where the shape is declared. */
  readonly field?: string;
}

export interface ReadingWanted {
  readonly from: number;
  /** Exclusive; left out, the end of the log. */
  readonly to?: number;
  /** Event time, ms; earlier readings are skipped. */
  readonly sinceMs?: number;
}

/**
 * Returns the sensor's first reading in the shard at or after an offset and an event time, or
 * undefined if there is none. Skips readings refused as ahead of their time: their timestamps mean
 * nothing.
 */
export async function findReading(
  context: PastContext,
  shard: TopicPartition,
  sensorId: string,
  { from, to, sinceMs = -Infinity }: ReadingWanted,
): Promise<SensorReading | undefined> {
  const key = Buffer.from(deviceOf(sensorId, context.semantics.input));
  const readingsOf = decoderFor(context, sensorId);
  const loadSchemaOf = schemaLoader(context);
  // Nobody has folded past an open transaction: what it holds, or hides, is not looked for.
  const range = { from, settledOnly: true, ...(to === undefined ? {} : { to }) };
  for await (const batch of context.log.read({ ...shard, ...range })) {
    const record = batch.records();
    while (record.next()) {
      if (to !== undefined && record.offset >= to) return undefined;
      if (record.offset < from || !hasKey(record, key)) continue;
      const { offset, timestampMs: recordTimestampMs } = record;
      await loadSchemaOf(record);
      for (const reading of readingsOf(record)) {
        const ahead = reading.timestampMs - recordTimestampMs > context.semantics.maxAheadMs;
        if (ahead || reading.timestampMs < sinceMs) continue;
        return { offset, recordTimestampMs, ...reading };
      }
    }
  }
  return undefined;
}

/**
 * Returns the first reading that the log still holds of a sensor which the state at `offset` does
 * not know; undefined if there is none, or if no sensor is ever forgotten. Unless all its readings
 * were refused, the sensor was forgotten after SENSOR_TTL.
 */
export async function findForgotten(
  context: PastContext,
  shard: TopicPartition,
  sensorId: string,
  offset: number,
): Promise<SensorReading | undefined> {
  if (context.semantics.sensorTtlMs === Infinity) return undefined;
  const { earliest: from } = await context.log.offsets(shard);
  if (from >= offset) return undefined;
  return findReading(context, shard, sensorId, { from, to: offset });
}

/**
 * Returns a function that loads the schema of a record. If the registry has no such schema, it is
 * not asked for it again, and the record holds no reading.
 */
function schemaLoader(context: PastContext): (record: RecordCursor) => Promise<void> {
  const { schemas, semantics } = context;
  const { input } = semantics;
  const unknown = new Set<number>();
  return async (record) => {
    const id = input === undefined ? undefined : schemaIdOf(record, input);
    if (id === undefined || unknown.has(id) || schemas?.find(id) !== undefined) return;
    if (!(await loadSchema(context, id))) unknown.add(id);
  };
}

type DecodedReading = Pick<SensorReading, 'timestampMs' | 'value' | 'field'>;

/** Returns a function from records keyed by the sensor's device to the sensor's readings. */
function decoderFor(
  { schemas, semantics }: PastContext,
  sensorId: string,
): (record: RecordCursor) => readonly DecodedReading[] {
  const { input, maxAheadMs } = semantics;
  if (input !== undefined) {
    const reader = createInputReader(input, maxAheadMs, schemas);
    return (record) => {
      const headers = record.headers();
      return reader
        .read(enteredAt(record, entryTimeAmong(headers)), fieldsAmong(headers))
        .entries.flatMap((entry) =>
          entry.measured
            .filter((measured) => measured.sensorId === sensorId)
            .map(({ field, value }) => ({ timestampMs: entry.timestampMs, value, field })),
        );
    };
  }
  const id = Buffer.from(sensorId);
  const reading = emptyReading();
  return ({ bytes, valueStart, valueEnd }) => {
    if (decodeReading(bytes, valueStart, valueEnd, reading) !== null) return [];
    const { idBytes, idStart, idEnd, timestampMs, value } = reading;
    const isOurs = Buffer.compare(id, idBytes.subarray(idStart, idEnd)) === 0;
    return isOurs ? [{ timestampMs, value }] : [];
  };
}

function candidates(
  { topics, semantics, sourcePartitions, rekeyedPartitions }: PastContext,
  key: Uint8Array,
): readonly [likely: readonly TopicPartition[], others: readonly TopicPartition[]] {
  const rekeyed = { topic: topics.rekeyed, partition: partitionForKey(key, rekeyedPartitions) };
  if (semantics.inputKeying === 'rekey') return [[rekeyed], []];
  const keyed = { topic: topics.input, partition: partitionForKey(key, sourcePartitions) };
  const others = partitionsOf(topics.input, sourcePartitions).filter(
    ({ partition }) => partition !== keyed.partition,
  );
  return [[keyed, rekeyed], others];
}

async function snapshotKnows(
  context: PastContext,
  shard: TopicPartition,
  sensorId: string,
): Promise<boolean> {
  const committed = await observeCommittedShard(context, shard);
  if (committed === undefined) return false;
  const role = roleOf(context.topics, shard);
  for await (const { memory } of restorableSnapshots(context, shard, role, committed.metadata)) {
    return memory.state.inspect(sensorId) !== undefined;
  }
  return false;
}

async function logKnows(
  context: PastContext,
  shard: TopicPartition,
  sensorId: string,
): Promise<boolean> {
  const committed = await observeCommittedShard(context, shard);
  if (committed === undefined) return false;
  const { earliest } = await context.log.offsets(shard);
  const from = Math.max(earliest, committed.metadata.origin);
  return (await findReading(context, shard, sensorId, { from })) !== undefined;
}
