// The transactional writer of one input partition, over kafkajs's brokers but not its producer:
// each step of a commit, what may be repeated and what ends the writer is decided here (traps 1, 3,
// 14, 15).
//
//   InitProducerId ── fences ──▶ open ──commit()──┬▶ AddOffsets ─▶ TxnOffsetCommit ┬▶ EndTxn ─▶ open
//        ▲ retried                                └▶ AddPartitions ─▶ Produce…   ┘
//                                  └── begin(): the two Adds, ahead of the rows
//                                  a refusal for good ─▶ EndTxn (abort) ─▶ dead
//                                  any indefinite failure, or a fence ─▶ dead
import { assert, FencedError, UnavailableError, type AnySensoriumError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import type { Commit, CommitResult, PartitionWriter } from '../event-log.ts';
import type { TopicPartition } from '../../records/record.ts';
import type { BatchLimits } from './batch-limits.ts';
import type { Connections } from './connections.ts';
import { failureKind, translated, type FailureKind } from './failures.ts';
import type { Broker, TransactionIdentity } from './internals.ts';
import { harmless, retrying } from './retry.ts';
import { failuresOf, isRefusal } from './settled-steps.ts';
import { TransactionOffset, type Membership } from './transaction-offset.ts';
import { TransactionOutputs } from './transaction-outputs.ts';
import { openIdentities, type Identities } from './producer-identities.ts';

// CONCURRENT_TRANSACTIONS: the markers of the commit before are still being written, for 2–15 ms. A
// role of a broker that died moves once the cluster has missed it (broker.session.timeout.ms, 9 s).
const busyPatience = { deadlineMs: 20_000, firstDelayMs: 2, maxDelayMs: 100 };
// A member that was dropped waits for the others' rebalance before it has joined again.
const joinMsMax = 40_000;
const metadataBytesMax = 4_000;

export interface WriterOptions {
  readonly connections: Connections;
  readonly limits: BatchLimits;
  readonly logger: Logger;
  readonly groupId: string;
  readonly input: TopicPartition;
  /** The group member that holds the partition; left out, offsets are committed as nobody. */
  readonly membership?: Membership | undefined;
  /** Kafka aborts a transaction that is open for longer. */
  readonly transactionTimeoutMs: number;
}

/**
 * Opens the writer: when it resolves, every earlier one of this partition is fenced and its
 * transaction settled.
 * @throws UnavailableError when `signal` aborts or the cluster stays silent; ConfigError when it
 * refuses for good.
 */
export async function openPartitionWriter(
  options: WriterOptions,
  signal: AbortSignal,
): Promise<PartitionWriter> {
  // Before the identities: an owner that comes between is noticed at the first commit.
  const interruptions = options.membership?.standingAt(options.input)?.interruptions;
  return new KafkaPartitionWriter(options, await openIdentities(options, signal), interruptions);
}

class KafkaPartitionWriter implements PartitionWriter {
  readonly epoch: string;
  readonly #options: WriterOptions;
  readonly #identity: TransactionIdentity;
  readonly #offset: TransactionOffset;
  readonly #outputs: TransactionOutputs;
  #committing = false;
  /** The beginning of the next transaction, under way or done: what has failed of it. */
  #begun: Promise<readonly unknown[]> | undefined;
  #dead: AnySensoriumError | undefined;

  constructor(options: WriterOptions, identities: Identities, interruptions: number | undefined) {
    const identity = identities.current;
    this.#options = options;
    this.#identity = identity;
    this.#offset = new TransactionOffset({
      ...options,
      membership: options.membership,
      interruptions,
      identities,
      retrying: (kinds, attempt) => this.#retrying(kinds, attempt, joinMsMax),
      assertAlive: () => this.#assertAlive(),
    });
    this.#outputs = new TransactionOutputs({
      connections: options.connections,
      limits: options.limits,
      identity,
      addPartitions: (topics) =>
        this.#atCoordinator(harmless, (broker) =>
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
    // The commit dies of what fails here.
    this.#begun = failuresOf([this.#addOffsets(), this.#outputs.begin()]);
  }

  close(): Promise<void> {
    // A transaction that is open keeps its fate: the next opening settles it. Nothing more is sent
    // from here.
    this.#dead ??= new UnavailableError('The writer is closed', this.#place());
    return Promise.resolve();
  }

  async #transaction(commit: Commit): Promise<CommitResult> {
    const failedToBegin = await this.#begun;
    const added = failedToBegin !== undefined;
    await this.#assertSettled(failedToBegin ?? []);
    // Side by side, each step repeated by itself where the coordinator is busy: a row waits for
    // three answers, not four.
    const outputs = this.#outputs.produce(commit.records);
    await this.#assertSettled(await failuresOf([this.#commitOffset(commit, added), outputs]));
    const result = await outputs;
    // Past this request the outcome is what the broker says, or unknown: without an answer it may
    // still arrive, inside the next transaction.
    await this.#atCoordinator(endTxnKinds, (broker) =>
      broker.endTxn({ ...this.#identity, transactionResult: true }),
    );
    this.#begun = undefined;
    return result;
  }

  /**
   * @throws what a transaction failed of, a fence before all else. Aborts it where all that failed
   * was refused; where something may still arrive, the next opening settles it.
   */
  async #assertSettled(failures: readonly unknown[]): Promise<void> {
    if (failures.length === 0) return;
    if (failures.every(isRefusal)) await this.#abandon();
    throw failures.find((failure) => failureKind(failure) === 'fenced') ?? failures[0];
  }

  /**
   * Aborts the transaction of a writer that commits nothing more: nobody may open the partition
   * soon, an owner of the former version would not end it, and readers would wait until it times
   * out. No other request of it may be on its way. A closed writer may send this: where an owner of
   * this version has fenced it, the abort is refused.
   */
  async #abandon(): Promise<void> {
    const { connections, input } = this.#options;
    const { transactionalId } = this.#identity;
    try {
      const of = { transaction: transactionalId };
      const coordinator = await connections.coordinatorOf(of, input.topic);
      await coordinator.endTxn({ ...this.#identity, transactionResult: false });
    } catch (error) {
      const fields = { ...this.#place(), reason: String(error) };
      this.#options.logger.debug(fields, 'an abandoned transaction is left to its timeout');
    }
  }

  #addOffsets(): Promise<unknown> {
    const { groupId } = this.#options;
    return this.#atCoordinator(harmless, (broker) =>
      broker.addOffsetsToTxn({ ...this.#identity, groupId }),
    );
  }

  async #commitOffset({ nextOffset, metadata }: Commit, added: boolean): Promise<void> {
    if (!added) await this.#addOffsets();
    await this.#offset.commit(nextOffset, metadata);
  }

  #atCoordinator(
    kinds: ReadonlySet<FailureKind>,
    request: (broker: Broker) => Promise<unknown>,
  ): Promise<unknown> {
    const { connections, input } = this.#options;
    const of = { transaction: this.#identity.transactionalId };
    return this.#retrying(kinds, async () => {
      const broker = await connections.coordinatorOf(of, input.topic);
      this.#assertAlive();
      return request(broker);
    });
  }

  #retrying<T>(
    kinds: ReadonlySet<FailureKind>,
    attempt: () => Promise<T>,
    deadlineMs: number = busyPatience.deadlineMs,
  ): Promise<T> {
    const { connections, input } = this.#options;
    return retrying(attempt, {
      what: `A commit of ${input.topic}/${input.partition}`,
      details: this.#place(),
      kinds,
      ...busyPatience,
      deadlineMs,
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

// A coordinator that could not write its decision answers as one that moved. The decision may be in
// its log all the same; another EndTxn of the same transaction then finds it and changes nothing.
const endTxnKinds: ReadonlySet<FailureKind> = new Set(['busy', 'unsent', 'coordinator']);
