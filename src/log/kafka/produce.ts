// Produce requests of whole record batches that this project encodes itself: kafkajs's encoder
// costs 26 µs a record (ours 0.2), groups quadratically and never splits (trap 16). A partition's
// records are gathered into batches below its topic's limit; a request carries one batch a
// partition, so batches of one partition go one after another.
import { assert, ConfigError } from '../../errors.ts';
import type { OutputRecord, TopicPartition } from '../../records/record.ts';
import { partitionForKey } from '../../records/partitioning.ts';
import {
  RecordBatchBuilder,
  type BatchProducer,
  type EncodedBatch,
} from '../record-batch-encoder.ts';
import type { BatchLimits } from './batch-limits.ts';
import { failureKind } from './failures.ts';
import {
  createDecoder,
  createEncoder,
  createErrorFromCode,
  type Broker,
  type ResponseDecoder,
} from './internals.ts';
import { withMissingRight, withTopic } from './named-refusals.ts';
import { RequestFrame, type RequestPart } from './request-frame.ts';

const produceApiKey = 0;
const produceVersion = 7;
const ackByAll = -1;
const brokerTimeoutMs = 10_000;

/** The records of one output partition, in batches that go one after another. */
export interface PartitionBatches extends TopicPartition {
  readonly batches: readonly RecordBatchBuilder[];
}

interface TopicBatches {
  readonly bytesMax: number;
  readonly partitions: Map<number, RecordBatchBuilder[]>;
}

/**
 * Records on their way out, encoded as they come: in the order they came, below the batch limit, by
 * partition.
 */
export class OutputBatches {
  /** Bytes of all records. */
  bytes: number = 0;
  readonly #limits: BatchLimits;
  readonly #timestampMs = Date.now();
  readonly #topics: Map<string, TopicBatches> = new Map();

  constructor(limits: BatchLimits) {
    this.#limits = limits;
  }

  append(record: OutputRecord, partition: number): void {
    const { bytesMax, partitions } = this.#of(record.topic);
    let batches = partitions.get(partition);
    if (batches === undefined) partitions.set(partition, (batches = []));
    const taken = batches.at(-1)?.append(record, this.#timestampMs, bytesMax) ?? 0;
    this.bytes += taken;
    if (taken > 0) return;
    const batch = takeBuilder();
    batches.push(batch);
    this.bytes += batch.append(record, this.#timestampMs, bytesMax);
  }

  get partitions(): readonly PartitionBatches[] {
    return [...this.#topics].flatMap(([topic, { partitions }]) =>
      [...partitions].map(([partition, batches]) => ({ topic, partition, batches })),
    );
  }

  /** Gives the memory of the batches back; once all are written. */
  release(): void {
    for (const { batches } of this.partitions) for (const batch of batches) keepBuilder(batch);
    this.#topics.clear();
  }

  #of(topic: string): TopicBatches {
    let batches = this.#topics.get(topic);
    if (batches === undefined) {
      const bytesMax = this.#limits.gatheredBytesMax(topic);
      this.#topics.set(topic, (batches = { bytesMax, partitions: new Map() }));
    }
    return batches;
  }
}

const spareBytesMax = 16 * 1024 * 1024;
const spare: RecordBatchBuilder[] = [];
let spareBytes = 0;

/** Reused memory: the system has to zero new memory first. */
function takeBuilder(): RecordBatchBuilder {
  const builder = spare.pop();
  if (builder === undefined) return new RecordBatchBuilder();
  spareBytes -= builder.capacity;
  builder.clear();
  return builder;
}

function keepBuilder(builder: RecordBatchBuilder): void {
  if (spareBytes + builder.capacity > spareBytesMax) return;
  spareBytes += builder.capacity;
  spare.push(builder);
}

/**
 * Returns the partition of a record: its own, or that of its key; those with neither take turns, by
 * `turn()`.
 * @throws ConfigError when the topic does not have that partition.
 */
export function placeOf(record: OutputRecord, partitions: number, turn: () => number): number {
  const { topic, partition, key } = record;
  if (partition === undefined)
    return key === null ? turn() % partitions : partitionForKey(key, partitions);
  if (partition >= 0 && partition < partitions) return partition;
  throw new ConfigError(`Topic ${topic} has ${partitions} partitions, none numbered ${partition}`, {
    topic,
    partition,
    partitions,
  });
}

export interface ProduceBatch extends TopicPartition {
  readonly batch: EncodedBatch;
  readonly producer: BatchProducer;
}

/**
 * Sends one batch of each of several partitions that `broker` leads; returns, in order, the offset
 * each batch begins at, or kafkajs's error where the broker refused that one.
 * @throws kafkajs errors, untranslated, where the request as a whole failed.
 */
export async function sendProduce(
  broker: Broker,
  transactionalId: string | null,
  batches: readonly ProduceBatch[],
): Promise<readonly (number | Error)[]> {
  const frame = requestFrame(transactionalId, batches);
  const answer = await broker.connectionPool.send({
    request: {
      apiKey: produceApiKey,
      apiVersion: produceVersion,
      apiName: 'Produce',
      encode: () => Promise.resolve(frame),
    },
    response: {
      decode: (payload) => Promise.resolve(decodeAnswer(createDecoder(payload))),
      parse: (decoded) => Promise.resolve(decoded),
    },
  });
  frame.release();
  const names = { transactionalId };
  return baseOffsets(answer as readonly PartitionAnswer[], batches).map((offset) =>
    offset instanceof Error ? withMissingRight(offset, broker, 'produce', names) : offset,
  );
}

/**
 * Sends one batch; returns the offset it begins at, or undefined where its topic takes none so
 * long.
 * @throws kafkajs errors, untranslated.
 */
export async function produceOne(
  broker: Broker,
  transactionalId: string | null,
  batch: ProduceBatch,
): Promise<number | undefined> {
  const [answer = 0] = await sendProduce(broker, transactionalId, [batch]);
  if (!(answer instanceof Error)) return answer;
  if (failureKind(answer) === 'oversized') return undefined;
  throw answer;
}

// Produce request v7 = transactional_id acks timeout_ms [topic [partition record_set]]
function requestFrame(
  transactionalId: string | null,
  batches: readonly ProduceBatch[],
): RequestFrame {
  const topics = new Map<string, ProduceBatch[]>();
  for (const batch of batches) {
    const known = topics.get(batch.topic);
    if (known === undefined) topics.set(batch.topic, [batch]);
    else known.push(batch);
  }
  const parts: RequestPart[] = [
    createEncoder()
      .writeString(transactionalId)
      .writeInt16(ackByAll)
      .writeInt32(brokerTimeoutMs)
      .writeInt32(topics.size).buffer,
  ];
  for (const [topic, partitions] of topics) {
    parts.push(createEncoder().writeString(topic).writeInt32(partitions.length).buffer);
    for (const { partition, batch, producer } of partitions) {
      const { bytes } = batch;
      const write = (into: Buffer, at: number): void =>
        batch.write(into, at, { baseOffset: 0, producer });
      const header = createEncoder().writeInt32(partition).writeInt32(bytes).buffer;
      parts.push(header, { bytes, write });
    }
  }
  return new RequestFrame(parts);
}

interface PartitionAnswer extends TopicPartition {
  readonly errorCode: number;
  readonly baseOffset: number;
}

// Produce response v7 = [topic [partition error_code base_offset log_append_time log_start_offset]]
// throttle_time
function decodeAnswer(decoder: ResponseDecoder): readonly PartitionAnswer[] {
  return decoder
    .readArray((topics) => {
      const topic = topics.readString() ?? '';
      return topics.readArray((partitions) => {
        const partition = partitions.readInt32();
        const errorCode = partitions.readInt16();
        const baseOffset = Number(partitions.readInt64());
        partitions.readInt64();
        partitions.readInt64();
        return { topic, partition, errorCode, baseOffset };
      });
    })
    .flat();
}

function baseOffsets(
  answers: readonly PartitionAnswer[],
  batches: readonly ProduceBatch[],
): readonly (number | Error)[] {
  return batches.map(({ topic, partition, batch }) => {
    const answer = answers.find((each) => each.topic === topic && each.partition === partition);
    assert(answer !== undefined, 'A produce answer lacks a partition', { topic, partition });
    if (answer.errorCode !== 0) {
      const error = withTopic(createErrorFromCode(answer.errorCode), topic);
      error.message += ` (${batch.count} records for ${topic}/${partition})`;
      return error;
    }
    const safe = Number.isSafeInteger(answer.baseOffset) && answer.baseOffset >= 0;
    assert(safe, 'A produce answer has no offset', { topic, partition });
    return answer.baseOffset;
  });
}
