// A Kafka of three brokers for tests: each may be killed, frozen, cut off, stopped and started, and
// the one that leads a partition or coordinates a group or a transactional id can be found.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { freePort } from '../free-port.ts';
import { openNodeNetwork } from './node-network.ts';
import { runScript } from '../integration/own-services.ts';
import { eventually } from '../integration/program.ts';
import { administer } from '../integration/topics.ts';
import type { TopicPartition } from '../../src/records/record.ts';

export type NodeId = 1 | 2 | 3;
export const nodeIds: readonly NodeId[] = [1, 2, 3];

/** A node's role for a client; each role moves to another node when its node dies. */
export type Role =
  | { readonly leaderOf: TopicPartition }
  | { readonly coordinatorOf: string }
  | { readonly transactionsOf: string };

export interface ThreeBrokers {
  /** Addresses of all three. */
  readonly brokers: string;
  /** Address of one. */
  addressOf(node: NodeId): string;
  /** Where a node keeps its topics. */
  dataOf(node: NodeId): string;
  /** Starts the nodes that are down; resolves once each answers. */
  start(nodes?: readonly NodeId[]): Promise<void>;
  signal(node: NodeId, signal: NodeJS.Signals): void;
  /** SIGTERM: the node hands its partitions over and ends. */
  shutDown(node: NodeId): Promise<void>;
  /** Returns the node that plays the role now. */
  nodeOf(role: Role): Promise<NodeId>;
  /** Cuts the node off from clients and the others while it runs on; undefined where that needs root. */
  readonly cutOff: ((node: NodeId) => void) | undefined;
  /** Ends a cut. */
  rejoin(node: NodeId): void;
  /** Resolves once every replica of every partition is in sync. @throws after `timeoutMs` */
  inSync(timeoutMs?: number): Promise<void>;
  stop(): Promise<void>;
}

// Of scripts/kafka/server.properties.in: partitions of __consumer_offsets and __transaction_state.
const internalPartitions = 4;

/** Starts the three, their data under `folder`. */
export async function startThreeBrokers(folder: string): Promise<ThreeBrokers> {
  const ports: number[] = [];
  // One after the other, so that no port is found twice.
  for (const _ of nodeIds) ports.push(await freePort({ inARow: 2 }));
  const network = openNodeNetwork(nodeIds);
  const voters = nodeIds
    .map((node) => `${node}@${network.hostOf(node)}:${portOf(node) + 1}`)
    .join(',');
  function portOf(node: NodeId): number {
    return ports[node - 1] ?? 0;
  }
  const homeOf = (node: NodeId): string => join(folder, `node-${node}`);
  const script = (command: string, node: NodeId): Promise<void> =>
    runScript(
      [command, 'kafka'],
      {
        ...process.env,
        SERVICES_DIR: homeOf(node),
        KAFKA_KIND: 'node',
        KAFKA_PORT: String(portOf(node)),
        KAFKA_NODE: String(node),
        KAFKA_VOTERS: voters,
        KAFKA_HOST: network.hostOf(node),
        KAFKA_NETNS: network.namespaceOf(node) ?? '',
      },
      homeOf(node),
    );
  const addressOf = (node: NodeId): string => `${network.hostOf(node)}:${portOf(node)}`;
  const brokers = nodeIds.map(addressOf).join(',');
  const start = async (nodes: readonly NodeId[] = nodeIds): Promise<void> => {
    // All of them end before one that failed is reported.
    const started = await Promise.allSettled(nodes.map((node) => script('start', node)));
    for (const each of started) if (each.status === 'rejected') throw each.reason;
  };
  const cluster: ThreeBrokers = {
    brokers,
    addressOf,
    dataOf: (node) => join(homeOf(node), `kafka-${portOf(node)}`, 'data'),
    start,
    signal(node, signal) {
      const file = join(homeOf(node), `kafka-${portOf(node)}.pid`);
      process.kill(Number(readFileSync(file, 'utf8')), signal);
    },
    shutDown: (node) => script('stop', node),
    cutOff: network.cut,
    rejoin: network.rejoin,
    nodeOf: (role) => findNode(brokers, role),
    inSync: (timeoutMs = 60_000) => waitInSync(brokers, timeoutMs),
    async stop() {
      await Promise.all(nodeIds.map((node) => script('stop', node)));
      network.remove();
    },
  };
  await start().catch(async (error: unknown) => {
    await cluster.stop();
    throw error;
  });
  return cluster;
}

async function findNode(brokers: string, role: Role): Promise<NodeId> {
  const { topic, partition } = placeOf(role);
  let leader: number | undefined;
  await administer(brokers, async (admin) => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    leader = topics[0]?.partitions.find(({ partitionId }) => partitionId === partition)?.leader;
  });
  const node = nodeIds.find((each) => each === leader);
  if (node === undefined) throw new Error(`${topic}/${partition} is led by ${String(leader)}`);
  return node;
}

/** The leader of a group's partition of __consumer_offsets coordinates it; so with transactional ids. */
function placeOf(role: Role): TopicPartition {
  if ('leaderOf' in role) return role.leaderOf;
  if ('coordinatorOf' in role) {
    return {
      topic: '__consumer_offsets',
      partition: javaHash(role.coordinatorOf) % internalPartitions,
    };
  }
  return {
    topic: '__transaction_state',
    partition: javaHash(role.transactionsOf) % internalPartitions,
  };
}

/** Java's String.hashCode without its sign, as the broker places groups and transactional ids. */
function javaHash(text: string): number {
  let hash = 0;
  for (let at = 0; at < text.length; at += 1)
    hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0;
  return hash & 0x7fffffff;
}

async function waitInSync(brokers: string, timeoutMs: number): Promise<void> {
  await eventually(
    () =>
      administer(brokers, async (admin) => {
        const { topics } = await admin.fetchTopicMetadata();
        const behind = topics.flatMap(({ name, partitions }) =>
          partitions
            .filter(({ replicas, isr }) => isr.length < replicas.length)
            .map(({ partitionId }) => `${name}/${partitionId}`),
        );
        if (behind.length > 0) throw new Error(`not in sync: ${behind.join(', ')}`);
      }),
    { timeoutMs },
  );
}
