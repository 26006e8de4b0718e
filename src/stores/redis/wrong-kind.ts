// A Redis of another kind than its setting says: a node of a Cluster behind REDIS_URL, or a single
// server in REDIS_CLUSTER_NODES. No wait helps, so both are errors of the configuration.
import { ConfigError } from '../../errors.ts';

export const clusterNodesCure =
  'set REDIS_CLUSTER_NODES to host:port of its nodes, instead of REDIS_URL';

/** Returns the error for an answer that only the other kind of Redis gives. */
export function wrongKind(
  answer: string,
  { place, clustered }: { readonly place: string; readonly clustered: boolean },
): ConfigError | undefined {
  if (!clustered && /^(MOVED|ASK|CROSSSLOT) /.test(answer)) {
    return new ConfigError(`Redis at ${place} is a node of a Redis Cluster: ${clusterNodesCure}`, {
      redis: place,
    });
  }
  if (clustered && answer.includes('cluster support disabled')) {
    return new ConfigError(
      `Redis at ${place} is no node of a Redis Cluster: set REDIS_URL instead of REDIS_CLUSTER_NODES`,
      { redis: place },
    );
  }
  return undefined;
}
