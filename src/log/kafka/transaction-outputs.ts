// The outputs of a transaction on their way to the brokers: made, cut and sent a slice at a time. A commit may hold the
// rows of a million sensors; between slices the thread folds on, and the next slice is made while one is under way.
//
//   records ──▶ [ slice ≤ 1 MB ] ──▶ a batch a partition ──▶ a request a leader ──▶ the next slice
import { assert } from '../../errors.ts';
import type { CommitResult, OutputRecord, TopicPartition } from '../event-log.ts';
import { placeKey } from '../place-key.ts';
import { recordBytesMax } from '../record-batch-encoder.ts';
import type { Connections } from './connections.ts';
import { failureKind, type FailureKind } from './failures.ts';
import type { TransactionIdentity } from './internals.ts';
import {
  chunked,
  placeOf,
  produce,
  produceOne,
  type PartitionChunks,
  type ProduceBatch,
} from './produce.ts';
import { definite } from './retry.ts';

export interface TransactionOutputsParts {
  readonly connections: Connections;
  readonly identity: TransactionIdentity;
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
  /** What the last transaction with records wrote to: the next one most likely will too. */
  #recent: readonly TopicPartition[] = [];
  /** What the next transaction has been told of. */
  #begun: readonly TopicPartition[] = [];

  constructor(parts: TransactionOutputsParts) {
    this.#parts = parts;
  }

  /** Makes what is most likely written to part of the next transaction, before its records are there. */
  async begin(): Promise<void> {
    this.#begun = this.#recent;
    if (this.#begun.length > 0) await this.#parts.addPartitions(byTopic(this.#begun));
  }

  /** Writes the records into the open transaction; resolves with where they ended up once the brokers hold all. */
  async produce(records: Iterable<OutputRecord>): Promise<CommitResult> {
    const added = new Set(this.#begun.map(placeKey));
    this.#begun = [];
    const transaction: OpenTransaction = { partitions: new Map(), added, ends: [] };
    const slices = slicesOf(records);
    // What the writer has begun to send goes out before the first slice is made.
    await nextTurn();
    for (let slice = slices.next(); slice.done !== true;) {
      const written = this.#produceSlice(slice.value, transaction);
      // Awaited below; a failure meanwhile is not left without anyone who heard of it.
      written.catch(() => undefined);
      await nextTurn();
      slice = slices.next();
      await written;
    }
    if (transaction.ends.length > 0) this.#recent = transaction.ends;
    return transaction.ends;
  }

  async #produceSlice(
    records: readonly OutputRecord[],
    transaction: OpenTransaction,
  ): Promise<void> {
    const { partitions } = transaction;
    for (const { topic } of records) {
      if (partitions.has(topic)) continue;
      const count = await this.#parts.retrying(definite, () =>
        this.#parts.connections.partitionsOf(topic),
      );
      partitions.set(topic, count);
    }
    const outputs = chunked(records, (record) => {
      const count = partitions.get(record.topic) ?? 0;
      return placeOf(record, count, () => this.#unkeyed++ % count);
    });
    await this.#add(outputs, transaction);
    const rounds = Math.max(...outputs.map(({ chunks }) => chunks.length));
    for (let round = 0; round < rounds; round++) {
      const some = outputs.filter(({ chunks }) => chunks.length > round);
      await this.#produceRound(some, round, transaction);
    }
  }

  /** Tells the coordinator of the partitions that this transaction has not written to before. */
  async #add(outputs: readonly PartitionChunks[], { added }: OpenTransaction): Promise<void> {
    const others = outputs.filter((output) => !added.has(placeKey(output)));
    if (others.length === 0) return;
    for (const output of others) added.add(placeKey(output));
    await this.#parts.addPartitions(byTopic(others));
  }

  /** One request a leader, each with one batch a partition. */
  async #produceRound(
    outputs: readonly PartitionChunks[],
    round: number,
    { ends }: OpenTransaction,
  ): Promise<void> {
    const byLeader = new Map<string, PartitionChunks[]>();
    for (const output of outputs) {
      const leader = await this.#parts.retrying(definite, () =>
        this.#parts.connections.leaderOf(output),
      );
      const key = String(leader.nodeId);
      byLeader.set(key, [...(byLeader.get(key) ?? []), output]);
    }
    await Promise.all(
      [...byLeader.values()].map(async (group) => {
        const offsets = await this.#produceTogether(group, round);
        for (const [index, { topic, partition, chunks }] of group.entries()) {
          const endOffset = (offsets[index] ?? 0) + (chunks[round]?.length ?? 0);
          const known = ends.find((end) => end.topic === topic && end.partition === partition);
          if (known === undefined) ends.push({ topic, partition, endOffset });
          else known.endOffset = endOffset;
        }
      }),
    );
  }

  async #produceTogether(
    group: readonly PartitionChunks[],
    round: number,
  ): Promise<readonly number[]> {
    const [first, ...others] = group;
    assert(first !== undefined, 'A produce request has no partition');
    if (others.length === 0) return [await this.#produceAlone(first, round)];
    const batches = group.map((output) => this.#batch(output, round));
    const { connections, identity } = this.#parts;
    // With several partitions in one request an answer is definite for one of them only.
    const answers = await this.#parts.retrying(unsent, async () => {
      const leader = await connections.leaderOf(first);
      this.#parts.assertAlive();
      return produce(leader, identity.transactionalId, batches);
    });
    const failed = answers.filter(isError).find((error) => !definite.has(failureKind(error)));
    if (failed !== undefined) throw failed;
    const offsets: number[] = [];
    for (const [index, output] of group.entries()) {
      const answer = answers[index] ?? 0;
      // The others of the request were written: one that was refused goes again by itself.
      if (isError(answer)) offsets.push(await this.#produceAlone(output, round));
      else {
        this.#advance(batches[index] as ProduceBatch);
        offsets.push(answer);
      }
    }
    return offsets;
  }

  async #produceAlone(output: PartitionChunks, round: number): Promise<number> {
    const batch = this.#batch(output, round);
    const { connections, identity } = this.#parts;
    const offset = await this.#parts.retrying(definite, async () => {
      const leader = await connections.leaderOf(output);
      this.#parts.assertAlive();
      return produceOne(leader, identity.transactionalId, batch);
    });
    this.#advance(batch);
    return offset;
  }

  #advance(batch: ProduceBatch): void {
    const next = (batch.producer.sequence + batch.records.length) % sequenceEnd;
    this.#sequences.set(placeKey(batch), next);
  }

  #batch({ topic, partition, chunks }: PartitionChunks, round: number): ProduceBatch {
    const { producerId, producerEpoch } = this.#parts.identity;
    return {
      topic,
      partition,
      records: chunks[round] ?? [],
      producer: {
        id: BigInt(producerId),
        epoch: producerEpoch,
        sequence: this.#sequences.get(placeKey({ topic, partition })) ?? 0,
        transactional: true,
      },
    };
  }
}

interface OpenTransaction {
  /** By topic: how many it has. */
  readonly partitions: Map<string, number>;
  /** Those that are part of it, by `placeKey`. */
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

const isError = (answer: number | Error): answer is Error => answer instanceof Error;

const unsent: ReadonlySet<FailureKind> = new Set(['unsent']);

function* slicesOf(records: Iterable<OutputRecord>): Generator<readonly OutputRecord[]> {
  let slice: OutputRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    slice.push(record);
    bytes += recordBytesMax(record);
    if (bytes < sliceBytes) continue;
    yield slice;
    slice = [];
    bytes = 0;
  }
  if (slice.length > 0) yield slice;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
