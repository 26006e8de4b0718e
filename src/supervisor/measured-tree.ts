// The tree as its gauges read it.
import { partitionKey } from '../records/partition-key.ts';
import type { MeasuredTree } from '../metrics/tree-metrics.ts';
import { readinessOf } from './readiness.ts';
import type { ShardView, SupervisorTree } from './supervisor-view.ts';

/** Returns what the gauges show of `tree`: each partition once, as its owner knows it. */
export function measured(tree: SupervisorTree): MeasuredTree {
  const shards = new Map<string, ShardView>();
  for (const shard of tree.workers.flatMap((worker) => worker.shards)) {
    // During a rebalance two workers may list it; the new owner knows nothing yet.
    if (shard.knownAtMs !== null || !shards.has(partitionKey(shard))) {
      shards.set(partitionKey(shard), shard);
    }
  }
  const { nowMs, projector } = tree;
  return {
    nowMs,
    ready: readinessOf(tree).ready,
    shards: [...shards.values()],
    projectionLag: projector.lag,
    storeConnected: projector.connected,
  };
}
