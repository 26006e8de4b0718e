// Writes as a process of the former version would: under the former transactional id, its offsets
// as no member; and takes members out of their group, as a coordinator does that has not heard of
// them for too long.
import type { TopicPartition } from '../../../src/records/record.ts';
import { createClient } from '../../../src/log/kafka/client.ts';
import { Connections } from '../../../src/log/kafka/connections.ts';
import type { Broker, TransactionIdentity } from '../../../src/log/kafka/internals.ts';
import { kafkaOptions } from './kafka-harness.ts';

export class FormerOwner {
  readonly #connections = new Connections(createClient(kafkaOptions()));
  readonly #groupId: string;
  readonly #input: TopicPartition;
  #identity: TransactionIdentity | undefined;

  constructor(groupId: string, input: TopicPartition) {
    this.#groupId = groupId;
    this.#input = input;
  }

  /** Takes over: fences whoever had the former id. */
  async acquire(): Promise<void> {
    const { topic, partition } = this.#input;
    const transactionalId = `${this.#groupId}-${topic}-${partition}`;
    await this.#busy(async () => {
      const coordinator = await this.#connections.coordinatorOf(
        { transaction: transactionalId },
        topic,
      );
      const answer = await coordinator.initProducerId({
        transactionalId,
        transactionTimeout: 60_000,
      });
      this.#identity = { transactionalId, ...answer };
    });
  }

  /** Makes the offset part of a transaction that stays open. */
  async commitOffset(nextOffset: number): Promise<void> {
    const { topic, partition } = this.#input;
    const identity = this.#owned();
    const group = { groupId: this.#groupId };
    await this.#atCoordinator((broker) => broker.addOffsetsToTxn({ ...identity, ...group }));
    const offset = { partition, offset: String(nextOffset), metadata: 'former' };
    const coordinator = await this.#connections.coordinatorOf({ group: this.#groupId }, topic);
    const topics = [{ topic, partitions: [offset] }];
    await coordinator.txnOffsetCommit({ ...identity, ...group, topics });
  }

  async end(): Promise<void> {
    const identity = this.#owned();
    await this.#atCoordinator((broker) => broker.endTxn({ ...identity, transactionResult: true }));
  }

  /** Takes every member out of the group; they do not know it yet. */
  async expelMembers(): Promise<void> {
    const groupId = this.#groupId;
    const of = { group: groupId };
    const coordinator = await this.#connections.coordinatorOf(of, this.#input.topic);
    const { groups } = await coordinator.describeGroups({ groupIds: [groupId] });
    for (const member of groups.flatMap(({ members }) => members)) {
      const memberId: unknown = Reflect.get(member, 'memberId');
      const leave: unknown = Reflect.get(coordinator, 'leaveGroup');
      if (typeof leave !== 'function') throw new Error('kafkajs has no leaveGroup');
      await Reflect.apply(leave, coordinator, [{ groupId, memberId }]);
    }
  }

  close(): Promise<void> {
    return this.#connections.close();
  }

  #owned(): TransactionIdentity {
    if (this.#identity === undefined) throw new Error('acquire first');
    return this.#identity;
  }

  #atCoordinator(request: (broker: Broker) => Promise<unknown>): Promise<void> {
    const of = { transaction: this.#owned().transactionalId };
    return this.#busy(async () => {
      await request(await this.#connections.coordinatorOf(of, this.#input.topic));
    });
  }

  /** The markers of the transaction before may still be on their way. */
  async #busy(attempt: () => Promise<void>): Promise<void> {
    for (let left = 200; ; left -= 1) {
      try {
        return await attempt();
      } catch (error) {
        const type: unknown = error instanceof Error ? Reflect.get(error, 'type') : undefined;
        if (type !== 'CONCURRENT_TRANSACTIONS' || left === 0) throw error;
      }
    }
  }
}
