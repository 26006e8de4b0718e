// The transactional writer of one input partition, over kafkajs's brokers but not its producer: each step of a commit,
// what may be repeated and what ends the writer is decided here (traps 1, 3, 14, 15).
//
//   InitProducerId ── fences ──▶ open ──commit()──┬▶ AddOffsets ─▶ TxnOffsetCommit ┬▶ EndTxn ─▶ open
//        ▲ retried                                └▶ AddPartitions ─▶ Produce…   ┘
//                                  └── begin(): the two Adds, ahead of the rows
//                                  any indefinite failure, or a fence ─▶ dead
import { assert, FencedError, UnavailableError, type AnySensoriumError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import type { Commit, CommitResult, PartitionWriter, TopicPartition } from '../event-log.ts';
import type { BatchLimits } from './batch-limits.ts';
import type { Connections } from './connections.ts';
import { failureKind, translated, type FailureKind } from './failures.ts';
import type { Broker, TransactionIdentity } from './internals.ts';
import { definite, harmless, patience, retrying } from './retry.ts';
import { TransactionOutputs } from './transaction-outputs.ts';

// CONCURRENT_TRANSACTIONS: the markers of the commit before are still being written, for 2–15 ms.
const busyPatience = { deadlineMs: 10_000, firstDelayMs: 2, maxDelayMs: 100 };
const metadataBytesMax = 4_000;

export interface WriterOptions {
  readonly connections: Connections;
  readonly limits: BatchLimits;
  readonly logger: Logger;
  readonly groupId: string;
  readonly input: TopicPartition;
  /** Kafka aborts a transaction that is open for longer. */
  readonly transactionTimeoutMs: number;
}

/**
 * Opens the writer: when it resolves, every earlier one of this partition is fenced and its transaction settled.
 * @throws UnavailableError when `signal` aborts or the cluster stays silent; ConfigError when it refuses for good.
 */
export async function openPartitionWriter(
  options: WriterOptions,
  signal: AbortSignal,
): Promise<PartitionWriter> {
  const { connections, groupId, input } = options;
  const transactionalId = `${groupId}-${input.topic}-${input.partition}`;
  const answer = await retrying(
    async () => {
      const of = { transaction: transactionalId };
      const coordinator = await connections.coordinatorOf(of, input.topic);
      // Not sent once given up: it would fence the owner that has taken over since.
      if (signal.aborted) throw new UnavailableError('The opening was given up');
      return coordinator.initProducerId({
        transactionalId,
        transactionTimeout: options.transactionTimeoutMs,
      });
    },
    {
      what: `Opening the writer of ${input.topic}/${input.partition}`,
      details: { topic: input.topic, partition: input.partition, groupId, transactionalId },
      // A producer id that is initialised twice fences only ourselves, who have written nothing yet.
      kinds: harmless,
      ...patience,
      signal,
      onFailure: (error) => connections.recover(error),
    },
  );
  const { producerId, producerEpoch } = answer;
  return new KafkaPartitionWriter(options, { transactionalId, producerId, producerEpoch });
}

class KafkaPartitionWriter implements PartitionWriter {
  readonly epoch: string;
  readonly #options: WriterOptions;
  readonly #identity: TransactionIdentity;
  readonly #outputs: TransactionOutputs;
  #committing = false;
  /** The beginning of the next transaction, under way or done. */
  #begun: Promise<unknown> | undefined;
  #dead: AnySensoriumError | undefined;

  constructor(options: WriterOptions, identity: TransactionIdentity) {
    this.#options = options;
    this.#identity = identity;
    this.#outputs = new TransactionOutputs({
      connections: options.connections,
      limits: options.limits,
      identity,
      addPartitions: (topics) =>
        this.#atCoordinator('transaction', definite, (broker) =>
          broker.addPartitionsToTxn({ ...identity, topics: [...topics] }),
        ),
      retrying: (kinds, attempt) => this.#retrying(kinds, attempt),
      assertAlive: () => this.#assertAlive(),
    });
    this.epoch = `${identity.producerId}-${identity.producerEpoch}`;
  }

  async commit(commit: Commit): Promise<CommitResult> {
    this.#assertAlive();
    assert(!this.#committing, 'A commit began while another was under way', this.#place());
    assert(
      Number.isSafeInteger(commit.nextOffset) && commit.nextOffset >= 0,
      'A position must be an offset',
      { ...this.#place(), nextOffset: commit.nextOffset },
    );
    const metadataBytes = Buffer.byteLength(commit.metadata);
    assert(metadataBytes <= metadataBytesMax, 'Commit metadata is too long', { metadataBytes });
    this.#committing = true;
    try {
      return await this.#transaction(commit);
    } catch (error) {
      throw this.#die(error);
    } finally {
      this.#committing = false;
    }
  }

  begin(): void {
    if (this.#dead !== undefined || this.#committing || this.#begun !== undefined) return;
    this.#begun = Promise.all([this.#addOffsets(), this.#outputs.begin()]);
    // The commit awaits it too, and dies of it.
    this.#begun.catch(() => undefined);
  }

  close(): Promise<void> {
    // A transaction that is open keeps its fate: the next opening settles it. Nothing more is sent from here.
    this.#dead ??= new UnavailableError('The writer is closed', this.#place());
    return Promise.resolve();
  }

  async #transaction(commit: Commit): Promise<CommitResult> {
    const begun = this.#begun;
    await begun;
    // Side by side, each step repeated by itself where the coordinator is busy: a row waits for three answers, not four.
    const steps = [
      this.#commitOffset(commit, begun !== undefined),
      this.#outputs.produce(commit.records),
    ] as const;
    const settled = await Promise.allSettled(steps);
    for (const step of settled) {
      if (step.status === 'rejected' && failureKind(step.reason) === 'fenced') throw step.reason;
    }
    await steps[0];
    const result = await steps[1];
    // Past this request the outcome is what the broker says, or unknown: only an answer that it did nothing may be
    // followed by another attempt.
    await this.#atCoordinator('transaction', endTxnKinds, (broker) =>
      broker.endTxn({ ...this.#identity, transactionResult: true }),
    );
    this.#begun = undefined;
    return result;
  }

  #addOffsets(): Promise<unknown> {
    const { groupId } = this.#options;
    return this.#atCoordinator('transaction', definite, (broker) =>
      broker.addOffsetsToTxn({ ...this.#identity, groupId }),
    );
  }

  async #commitOffset({ nextOffset, metadata }: Commit, added: boolean): Promise<void> {
    const { groupId, input } = this.#options;
    if (!added) await this.#addOffsets();
    const offset = { partition: input.partition, offset: String(nextOffset), metadata };
    const topics = [{ topic: input.topic, partitions: [offset] }];
    await this.#atCoordinator('group', definite, (broker) =>
      broker.txnOffsetCommit({ ...this.#identity, groupId, topics }),
    );
  }

  #atCoordinator(
    which: 'group' | 'transaction',
    kinds: ReadonlySet<FailureKind>,
    request: (broker: Broker) => Promise<unknown>,
  ): Promise<unknown> {
    const { connections, groupId, input } = this.#options;
    const { transactionalId } = this.#identity;
    const of = which === 'group' ? { group: groupId } : { transaction: transactionalId };
    return this.#retrying(kinds, async () => {
      const broker = await connections.coordinatorOf(of, input.topic);
      this.#assertAlive();
      return request(broker);
    });
  }

  #retrying<T>(kinds: ReadonlySet<FailureKind>, attempt: () => Promise<T>): Promise<T> {
    const { connections, input } = this.#options;
    return retrying(attempt, {
      what: `A commit of ${input.topic}/${input.partition}`,
      details: this.#place(),
      kinds,
      ...busyPatience,
      onFailure: (error) => connections.recover(error),
    });
  }

  /** A dead or closed writer sends nothing more. */
  #assertAlive(): void {
    if (this.#dead !== undefined) throw this.#dead;
  }

  #die(error: unknown): AnySensoriumError {
    const { input, logger, connections } = this.#options;
    const what = `A commit of ${input.topic}/${input.partition}`;
    const translation = translated(what, error, this.#place());
    this.#dead =
      translation instanceof FencedError
        ? translation
        : (this.#dead ??
          new UnavailableError(`${what} failed before: the writer is dead`, this.#place(), error));
    logger.debug({ ...this.#place(), reason: translation.message }, 'a writer is dead');
    connections.recover(error).catch(() => undefined);
    return translation;
  }

  #place(): { topic: string; partition: number; epoch: string } {
    const { topic, partition } = this.#options.input;
    return { topic, partition, epoch: this.epoch };
  }
}

const endTxnKinds: ReadonlySet<FailureKind> = new Set(['busy', 'unsent']);
