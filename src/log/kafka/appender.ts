// Appends outside any transaction, through one idempotent producer a log: a batch that is sent
// again after a lost connection is written once. One batch a partition is under way at a time, in
// the order of the calls.
import { inTurn } from '../../in-turn.ts';
import type { CommitResult } from '../event-log.ts';
import type { OutputRecord, TopicPartition } from '../../records/record.ts';
import { partitionKey } from '../../records/partition-key.ts';
import type { BatchLimits } from './batch-limits.ts';
import type { Connections } from './connections.ts';
import { failureKind } from './failures.ts';
import { sendFitting } from './fitting-batches.ts';
import { missingRightOf, setMissingRight } from './missing-right.ts';
import { OutputBatches, placeOf, produceOne, type PartitionBatches } from './produce.ts';
import type { EncodedBatch } from '../record-batch-encoder.ts';
import { harmless, patience, retrying } from './retry.ts';

const sequenceEnd = 2 ** 31;
const transactionTimeoutMs = 60_000;

interface ProducerIdentity {
  readonly id: bigint;
  readonly epoch: number;
  /** By partition: the sequence number of its next record. */
  readonly sequences: Map<string, number>;
}

export class Appender {
  readonly #connections: Connections;
  readonly #limits: BatchLimits;
  /** By partition: resolves when everything before has been written or has failed. */
  readonly #tails: Map<string, Promise<unknown>> = new Map();
  readonly #planInTurn = inTurn();
  #producer: Promise<ProducerIdentity> | undefined;
  #unkeyed = 0;

  constructor(connections: Connections, limits: BatchLimits) {
    this.#connections = connections;
    this.#limits = limits;
  }

  /**
   * Resolves with where the records ended up once all replicas in sync hold them.
   * @throws UnavailableError when that is unknown; ConfigError when the broker refuses a record.
   */
  async append(records: readonly OutputRecord[]): Promise<CommitResult> {
    if (records.length === 0) return [];
    // Planned in the order of the calls, because a call may have to wait for metadata.
    const { written } = await this.#planInTurn(() => this.#enqueue(records));
    const settled = await Promise.allSettled(written);
    for (const result of settled) if (result.status === 'rejected') throw result.reason;
    return Promise.all(written);
  }

  /**
   * Wrapped in an object: a list of promises would be awaited where only the planning should be.
   */
  async #enqueue(
    records: readonly OutputRecord[],
  ): Promise<{ readonly written: readonly Promise<TopicPartition & { endOffset: number }>[] }> {
    const partitions = new Map<string, number>();
    for (const { topic } of records) {
      if (!partitions.has(topic)) partitions.set(topic, await this.#partitionsOf(topic));
    }
    const outputs = new OutputBatches(this.#limits);
    const turn = (): number => this.#unkeyed++;
    for (const record of records) {
      outputs.append(record, placeOf(record, partitions.get(record.topic) ?? 0, turn));
    }
    const written = outputs.partitions.map((output) => {
      const key = partitionKey(output);
      const before = this.#tails.get(key) ?? Promise.resolve();
      const result = before.then(() => this.#writeAll(output));
      this.#tails.set(
        key,
        result.catch(() => undefined),
      );
      return result;
    });
    return { written };
  }

  async #writeAll(output: PartitionBatches): Promise<TopicPartition & { endOffset: number }> {
    const { topic, partition } = output;
    const place = { topic, partition };
    const send = (piece: EncodedBatch): Promise<number | undefined> => this.#write(place, piece);
    let endOffset = 0;
    for (const batch of output.batches) {
      endOffset = await sendFitting(batch, { place, limits: this.#limits, send });
    }
    return { topic, partition, endOffset };
  }

  async #write(place: TopicPartition, batch: EncodedBatch): Promise<number | undefined> {
    try {
      return await this.#writeAs(await this.#identity(place.topic), place, batch);
    } catch (error) {
      // The partition's sequence is in doubt: whatever follows is written by a new producer.
      this.#producer = undefined;
      // An idle producer is forgotten by the brokers after a day. Not carried out: once more, as a
      // new one.
      if (failureKind(error instanceof Error ? error.cause : error) !== 'newProducer') throw error;
      return this.#writeAs(await this.#identity(place.topic), place, batch);
    }
  }

  async #writeAs(
    { id, epoch, sequences }: ProducerIdentity,
    place: TopicPartition,
    batch: EncodedBatch,
  ): Promise<number | undefined> {
    const key = partitionKey(place);
    const sequence = sequences.get(key) ?? 0;
    const producer = { id, epoch, sequence, transactional: false };
    const baseOffset = await this.#retrying(`Appending to ${key}`, place, async () =>
      produceOne(await this.#connections.leaderOf(place), null, { ...place, batch, producer }),
    );
    if (baseOffset !== undefined) sequences.set(key, (sequence + batch.count) % sequenceEnd);
    return baseOffset;
  }

  #identity(topic: string): Promise<ProducerIdentity> {
    this.#producer ??= this.#retrying('Opening a producer', {}, async () => {
      const broker = await this.#connections.anyBroker();
      const { producerId, producerEpoch } = await broker
        .initProducerId({ transactionalId: undefined, transactionTimeout: transactionTimeoutMs })
        .catch((error: unknown) => {
          throw neededFor(topic, error);
        });
      return { id: BigInt(producerId), epoch: producerEpoch, sequences: new Map<string, number>() };
    }).catch((error: unknown) => {
      this.#producer = undefined;
      throw error;
    });
    return this.#producer;
  }

  #partitionsOf(topic: string): Promise<number> {
    return this.#retrying(`Looking up ${topic}`, { topic }, () =>
      this.#connections.partitionsOf(topic),
    );
  }

  #retrying<T>(
    what: string,
    details: { readonly topic?: string; readonly partition?: number },
    attempt: () => Promise<T>,
  ): Promise<T> {
    const onFailure = (error: unknown): Promise<void> => this.#connections.recover(error);
    return retrying(attempt, { what, details, kinds: harmless, ...patience, onFailure });
  }
}

/**
 * The right to write a topic is enough for a producer. Kafka's refusal names IdempotentWrite on the
 * cluster, which is not needed.
 */
function neededFor(topic: string, error: unknown): unknown {
  const right = missingRightOf(error);
  if (right?.resource === 'cluster' && error instanceof Error) {
    setMissingRight(error, { ...right, operation: 'Write', resource: 'topic', name: topic });
  }
  return error;
}
