// The outputs of a transaction on their way to the brokers: made, cut and sent a slice at a time. A
// commit may hold the rows of a million sensors; between slices the thread folds on, and the next
// slice is made while one is under way.
//
//   records ──▶ [ slice ≤ 1 MB ] ──▶ a batch a partition ──▶ a request a leader ──▶ the next slice
import { assert } from '../../errors.ts';
import type { CommitResult } from '../event-log.ts';
import type { OutputRecord, TopicPartition } from '../../records/record.ts';
import { partitionKey } from '../../records/partition-key.ts';
import type { EncodedBatch, RecordBatchBuilder } from '../record-batch-encoder.ts';
import type { BatchLimits } from './batch-limits.ts';
import type { Connections } from './connections.ts';
import { failureKind, type FailureKind } from './failures.ts';
import { isGathered, sendFitting } from './fitting-batches.ts';
import type { TransactionIdentity } from './internals.ts';
import {
  OutputBatches,
  placeOf,
  sendProduce,
  produceOne,
  type PartitionBatches,
  type ProduceBatch,
} from './produce.ts';
import { definite, harmless } from './retry.ts';
import { allOf } from './settled-steps.ts';

export interface TransactionOutputsParts {
  readonly connections: Connections;
  readonly identity: TransactionIdentity;
  readonly limits: BatchLimits;
  /** Makes the partitions part of the open transaction; before anything is written to them. */
  addPartitions(
    topics: readonly { readonly topic: string; readonly partitions: number[] }[],
  ): Promise<unknown>;
  /** Tries again after failures of `kinds`. */
  retrying<T>(kinds: ReadonlySet<FailureKind>, attempt: () => Promise<T>): Promise<T>;
  /** @throws what the writer died of. */
  assertAlive(): void;
}

/** Making and encoding this much keeps the thread for some ten milliseconds. */
const sliceBytes = 1_000_000;
const sequenceEnd = 2 ** 31;

export class TransactionOutputs {
  readonly #parts: TransactionOutputsParts;
  readonly #sequences: Map<string, number> = new Map();
  #unkeyed = 0;
  /** Partitions of the last transaction with records; the next most likely writes to them too. */
  #recent: readonly TopicPartition[] = [];
  /** Partitions that were added to the next transaction ahead of its records. */
  #begun: readonly TopicPartition[] = [];

  constructor(parts: TransactionOutputsParts) {
    this.#parts = parts;
  }

  /**
   * Adds the partitions that will most likely be written to the next transaction, ahead of its
   * records.
   */
  async begin(): Promise<void> {
    this.#begun = this.#recent;
    if (this.#begun.length > 0) await this.#parts.addPartitions(byTopic(this.#begun));
  }

  /**
   * Writes the records into the open transaction; resolves with where they ended up once the
   * brokers hold all.
   */
  async produce(records: Iterable<OutputRecord>): Promise<CommitResult> {
    const added = new Set(this.#begun.map(partitionKey));
    this.#begun = [];
    const transaction: OpenTransaction = { partitions: new Map(), added, ends: [] };
    const iterator = records[Symbol.iterator]();
    // Requests that the writer has begun to send leave before the first slice is made.
    await nextTurn();
    let written: Promise<void> = Promise.resolve();
    for (;;) {
      const making = this.#nextSlice(iterator, transaction);
      await allOf([making, written]);
      const slice = await making;
      if (slice.bytes === 0) break;
      written = this.#produceSlice(slice, transaction);
      // Awaited above; a failure meanwhile is not left without anyone who heard of it.
      written.catch(() => undefined);
      await nextTurn();
    }
    if (transaction.ends.length > 0) this.#recent = transaction.ends;
    return transaction.ends;
  }

  async #nextSlice(
    records: Iterator<OutputRecord>,
    { partitions }: OpenTransaction,
  ): Promise<OutputBatches> {
    const slice = new OutputBatches(this.#parts.limits);
    const turn = (): number => this.#unkeyed++;
    while (slice.bytes < sliceBytes) {
      const next = records.next();
      if (next.done === true) break;
      const record = next.value;
      const { topic } = record;
      let count = partitions.get(topic);
      if (count === undefined) {
        count = await this.#parts.retrying(definite, () =>
          this.#parts.connections.partitionsOf(topic),
        );
        partitions.set(topic, count);
      }
      slice.append(record, placeOf(record, count, turn));
    }
    return slice;
  }

  async #produceSlice(slice: OutputBatches, transaction: OpenTransaction): Promise<void> {
    const outputs = slice.partitions;
    await this.#add(outputs, transaction);
    const rounds = Math.max(...outputs.map(({ batches }) => batches.length));
    for (let round = 0; round < rounds; round++) {
      const some = outputs.filter(({ batches }) => batches.length > round);
      await this.#produceRound(some, round, transaction);
    }
    slice.release();
  }

  /** Tells the coordinator of the partitions that this transaction has not written to before. */
  async #add(outputs: readonly PartitionBatches[], { added }: OpenTransaction): Promise<void> {
    const others = outputs.filter((output) => !added.has(partitionKey(output)));
    if (others.length === 0) return;
    for (const output of others) added.add(partitionKey(output));
    await this.#parts.addPartitions(byTopic(others));
  }

  /** One request a leader, each with one batch a partition. */
  async #produceRound(
    outputs: readonly PartitionBatches[],
    round: number,
    { ends }: OpenTransaction,
  ): Promise<void> {
    const byLeader = new Map<string, PartitionBatches[]>();
    for (const output of outputs) {
      const leader = await this.#parts.retrying(definite, () =>
        this.#parts.connections.leaderOf(output),
      );
      const key = String(leader.nodeId);
      byLeader.set(key, [...(byLeader.get(key) ?? []), output]);
    }
    await allOf(
      [...byLeader.values()].map(async (group) => {
        const endOffsets = await this.#produceTogether(group, round);
        for (const [index, { topic, partition }] of group.entries()) {
          const endOffset = endOffsets[index] ?? 0;
          const known = ends.find((end) => end.topic === topic && end.partition === partition);
          if (known === undefined) ends.push({ topic, partition, endOffset });
          else known.endOffset = endOffset;
        }
      }),
    );
  }

  /** Returns, in the order of `group`, where each partition ends then. */
  async #produceTogether(
    group: readonly PartitionBatches[],
    round: number,
  ): Promise<readonly number[]> {
    const { limits } = this.#parts;
    const isShort = (output: PartitionBatches): boolean =>
      isGathered(batchOf(output, round), output.topic, limits);
    const short = group.filter(isShort);
    const answers = short.length > 1 ? await this.#produceShort(short, round) : [];
    const endOffsets: number[] = [];
    for (const output of group) {
      // The others of the request were written: one that was refused goes again by itself.
      const endOffset = answers[short.indexOf(output)] ?? (await this.#produceAlone(output, round));
      endOffsets.push(endOffset);
    }
    return endOffsets;
  }

  /**
   * One request with several partitions; returns where each ends then, or undefined where it must
   * go again.
   */
  async #produceShort(
    group: readonly PartitionBatches[],
    round: number,
  ): Promise<readonly (number | undefined)[]> {
    const { connections, identity, limits } = this.#parts;
    const batches = group.map((output) => this.#batch(output, batchOf(output, round)));
    const [first] = batches;
    assert(first !== undefined, 'A produce request has no partition');
    // With several partitions in one request an answer is definite for one of them only.
    const answers = await this.#parts.retrying(unanswered, async () => {
      const leader = await connections.leaderOf(first);
      this.#parts.assertAlive();
      return sendProduce(leader, identity.transactionalId, batches);
    });
    const failed = answers.filter(isError).find((error) => !mayGoAgain.has(failureKind(error)));
    if (failed !== undefined) throw failed;
    return batches.map((each, index) => {
      const answer = answers[index] ?? 0;
      if (!isError(answer)) return this.#advance(each, answer);
      if (failureKind(answer) === 'oversized') limits.refused(each.topic, each.batch.bytes);
      return undefined;
    });
  }

  #produceAlone(output: PartitionBatches, round: number): Promise<number> {
    const { connections, identity, limits } = this.#parts;
    return sendFitting(batchOf(output, round), {
      place: output,
      limits,
      send: async (piece) => {
        const batch = this.#batch(output, piece);
        const baseOffset = await this.#parts.retrying(harmless, async () => {
          const leader = await connections.leaderOf(output);
          this.#parts.assertAlive();
          return produceOne(leader, identity.transactionalId, batch);
        });
        if (baseOffset !== undefined) this.#advance(batch, baseOffset);
        return baseOffset;
      },
    });
  }

  /** Counts a batch that was written; returns where its partition ends then. */
  #advance({ batch, producer, ...place }: ProduceBatch, baseOffset: number): number {
    const next = (producer.sequence + batch.count) % sequenceEnd;
    this.#sequences.set(partitionKey(place), next);
    return baseOffset + batch.count;
  }

  #batch({ topic, partition }: TopicPartition, batch: EncodedBatch): ProduceBatch {
    const { producerId, producerEpoch } = this.#parts.identity;
    return {
      topic,
      partition,
      batch,
      producer: {
        id: BigInt(producerId),
        epoch: producerEpoch,
        sequence: this.#sequences.get(partitionKey({ topic, partition })) ?? 0,
        transactional: true,
      },
    };
  }
}

interface OpenTransaction {
  /** By topic: how many it has. */
  readonly partitions: Map<string, number>;
  /** Those that are part of it, by `partitionKey`. */
  readonly added: Set<string>;
  readonly ends: (TopicPartition & { endOffset: number })[];
}

function byTopic(
  places: readonly TopicPartition[],
): readonly { readonly topic: string; readonly partitions: number[] }[] {
  const topics = new Map<string, number[]>();
  for (const { topic, partition } of places) {
    topics.set(topic, [...(topics.get(topic) ?? []), partition]);
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }));
}

function batchOf({ batches, ...place }: PartitionBatches, round: number): RecordBatchBuilder {
  const batch = batches[round];
  assert(batch !== undefined, 'A partition has no batch left', { ...place, round });
  return batch;
}

const isError = (answer: number | Error): answer is Error => answer instanceof Error;

/** A batch that arrives twice is written once: brokers know it by its sequence number. */
const unanswered: ReadonlySet<FailureKind> = new Set(['unsent', 'indefinite']);
const mayGoAgain: ReadonlySet<FailureKind> = new Set([...definite, 'oversized']);

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
