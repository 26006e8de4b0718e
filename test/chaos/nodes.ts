// The blows of a chaos run against a cluster of three brokers. One node is away at a time, but for `killTwoNodes`.
import { setTimeout as sleep } from 'node:timers/promises';

import { nodeIds, type NodeId, type Role, type ThreeBrokers } from '../cluster/three-brokers.ts';
import { eventually } from '../integration/program.ts';
import { transactionalIdsOf } from '../../src/log/kafka/transactional-id.ts';
import type { Bench } from './bench.ts';
import type { NodeBlow, NodeRole } from './schedule.ts';

// Whoever asks may ask the node that is away, or one that does not know the new leader yet.
const findMsMax = 60_000;
const syncMsMax = 120_000;

/** Carries the blow out; where nodes cannot be cut off, that blow does nothing. */
export async function strikeNodes(
  bench: Bench,
  cluster: ThreeBrokers,
  blow: NodeBlow,
): Promise<void> {
  switch (blow.kind) {
    case 'killNode': {
      const node = await nodeOf(bench, cluster, blow.role);
      cluster.signal(node, 'SIGKILL');
      await sleep(blow.forMs);
      await cluster.start([node]);
      break;
    }
    case 'freezeNode': {
      const node = await nodeOf(bench, cluster, blow.role);
      cluster.signal(node, 'SIGSTOP');
      await sleep(blow.forMs);
      cluster.signal(node, 'SIGCONT');
      break;
    }
    case 'cutOffNode': {
      if (cluster.cutOff === undefined) return;
      const node = await nodeOf(bench, cluster, blow.role);
      cluster.cutOff(node);
      await sleep(blow.forMs);
      cluster.rejoin(node);
      break;
    }
    case 'rollNodes':
      for (const node of nodeIds) {
        await cluster.shutDown(node);
        await cluster.start([node]);
        await cluster.inSync(syncMsMax);
      }
      break;
    case 'killTwoNodes': {
      const survivor = await nodeOf(bench, cluster, 'inputLeader');
      const others = nodeIds.filter((node) => node !== survivor);
      for (const node of others) cluster.signal(node, 'SIGKILL');
      await sleep(blow.forMs);
      await cluster.start(others);
      break;
    }
    default:
      return blow satisfies never;
  }
  // The next blow must meet a whole cluster: two nodes away are a fault of their own.
  await cluster.inSync(syncMsMax);
}

function nodeOf({ topics }: Bench, cluster: ThreeBrokers, name: NodeRole): Promise<NodeId> {
  const input = { topic: topics.input, partition: 0 };
  const roles: Readonly<Record<NodeRole, Role>> = {
    inputLeader: { leaderOf: input },
    outputLeader: { leaderOf: { topic: topics.output, partition: 0 } },
    group: { coordinatorOf: topics.groupId },
    transactions: { transactionsOf: transactionalIdsOf(topics.groupId, input).current },
  };
  return eventually(() => cluster.nodeOf(roles[name]), { timeoutMs: findMsMax });
}
