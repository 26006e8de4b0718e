// One kafkajs cluster with what kafkajs asks again and again kept: leaders from its metadata,
// coordinators until one answers that it is not (trap 15: FindCoordinator was three requests of
// every commit). Requests only; no retries here.
import type { TopicPartition } from '../../records/record.ts';
import { failureKind } from './failures.ts';
import {
  createCluster,
  createErrorFromCode,
  type Broker,
  type Client,
  type Cluster,
} from './internals.ts';

const metadataMaxAgeMs = 300_000;
const unknownTopicOrPartition = 3;

export type CoordinatorOf = { readonly group: string } | { readonly transaction: string };

export class Connections {
  readonly #cluster: Cluster;
  readonly #coordinators: Map<string, number> = new Map();

  constructor(client: Client) {
    this.#cluster = createCluster(client, metadataMaxAgeMs);
  }

  /** Returns any broker that answers. */
  async anyBroker(): Promise<Broker> {
    return this.#cluster.brokerPool.findConnectedBroker();
  }

  /** Returns the number of partitions of a topic that exists. */
  async partitionsOf(topic: string): Promise<number> {
    await this.#know(topic);
    const partitions = this.#cluster.findTopicPartitionMetadata(topic);
    return partitions.length;
  }

  /** Returns the broker that leads the partition. */
  async leaderOf({ topic, partition }: TopicPartition): Promise<Broker> {
    await this.#know(topic);
    const metadata = this.#cluster.findTopicPartitionMetadata(topic);
    const leader = metadata.find(({ partitionId }) => partitionId === partition)?.leader;
    // Added since the metadata was read: a retry reads it again.
    if (leader === undefined) throw createErrorFromCode(unknownTopicOrPartition);
    return this.#cluster.findBroker({ nodeId: leader });
  }

  /**
   * Returns the coordinator of a group or a transactional id. `topic` is one that exists: kafkajs
   * needs it.
   */
  async coordinatorOf(of: CoordinatorOf, topic: string): Promise<Broker> {
    await this.#know(topic);
    const key = coordinatorKey(of);
    let nodeId = this.#coordinators.get(key);
    if (nodeId === undefined) {
      const broker = await this.anyBroker();
      const answer = await broker.findGroupCoordinator(
        'group' in of
          ? { groupId: of.group, coordinatorType: 0 }
          : { groupId: of.transaction, coordinatorType: 1 },
      );
      nodeId = answer.coordinator.nodeId;
      this.#coordinators.set(key, nodeId);
    }
    return this.#cluster.findBroker({ nodeId });
  }

  /** Drops what a failed request has shown to be stale; the next call asks again. */
  async recover(error: unknown): Promise<void> {
    const kind = failureKind(error);
    if (kind === 'coordinator' || kind === 'unsent' || kind === 'indefinite') {
      this.#coordinators.clear();
    }
    if (kind === 'coordinator' || kind === 'busy') return;
    try {
      await this.#cluster.refreshMetadata();
    } catch {
      // One topic that is gone fails the metadata of all: forget which were wanted, each is named
      // again when used.
      this.#cluster.targetTopics.clear();
    }
  }

  async close(): Promise<void> {
    await this.#cluster.disconnect();
  }

  async #know(topic: string): Promise<void> {
    const { targetTopics } = this.#cluster;
    if (targetTopics.has(topic) && this.#cluster.isConnected()) {
      return this.#cluster.refreshMetadataIfNecessary();
    }
    await this.#cluster.connect();
    await this.#cluster.addMultipleTargetTopics([topic]);
    await this.#cluster.refreshMetadataIfNecessary();
  }
}

function coordinatorKey(of: CoordinatorOf): string {
  return 'group' in of ? `group ${of.group}` : `transaction ${of.transaction}`;
}
