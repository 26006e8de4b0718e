// Three brokers and a Redis as the services of a chaos run.
import { join } from 'node:path';

import { abortedIn, startOwnServices, type OwnServices } from '../integration/own-services.ts';
import { startThreeBrokers, nodeIds, type ThreeBrokers } from './three-brokers.ts';

export interface ClusterServices {
  readonly cluster: ThreeBrokers;
  readonly services: OwnServices;
}

/** Starts them, their data under `folder`; `services.stop` stops all. */
export async function startClusterServices(folder: string): Promise<ClusterServices> {
  const [cluster, redis] = await Promise.all([
    startThreeBrokers(folder),
    startOwnServices(join(folder, 'redis'), ['redis']),
  ]);
  const services: OwnServices = {
    ...redis,
    brokers: cluster.brokers,
    // Each node has a copy.
    abortedCommits: () => Math.max(...nodeIds.map((node) => abortedIn(cluster.dataOf(node)))),
    async stop() {
      await Promise.all([cluster.stop(), redis.stop()]);
    },
  };
  return { cluster, services };
}
