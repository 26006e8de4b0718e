// The totals shown in the tree: pure.
import type { ProjectorView, SupervisorTree, WorkerView } from './supervisor-view.ts';

/** Returns the totals over all shards; counts are since the process started. */
export function totalsOf(
  workers: readonly WorkerView[],
  projector: ProjectorView,
): SupervisorTree['totals'] {
  const shards = workers.flatMap((worker) => worker.shards);
  const sum = (of: (shard: (typeof shards)[number]) => number): number =>
    shards.reduce((total, shard) => total + of(shard), 0);
  return {
    readings: sum((shard) => shard.readings),
    featureRows: sum((shard) => shard.featureRows),
    anomalies: sum((shard) => shard.anomalies),
    deadLetters: sum((shard) => shard.deadLetters),
    sensors: sum((shard) => shard.sensors),
    sensorsForgotten: sum((shard) => shard.sensorsForgotten),
    openWindows: sum((shard) => shard.openWindows),
    lag: sum((shard) => shard.lag),
    restarts: workers.reduce((total, { restarts }) => total + restarts, projector.restarts),
  };
}
