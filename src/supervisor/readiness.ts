// Decides whether the process is doing its whole job, and why not: a pure function of the tree.
import type { ShardPhase } from '../actors/protocol.ts';
import type { Readiness, ShardView, SupervisorTree, WorkerView } from './supervisor-view.ts';

const notYetRunning: ReadonlySet<ShardPhase> = new Set([
  'assigned',
  'restoring',
  'replaying',
  'failed',
]);

/**
 * Returns a description of each unhealthy shard: not running yet, failed, or recovered from a
 * failure too recently. Each names its phase and its failure.
 */
export function shardsNotWell({ shards }: Pick<WorkerView, 'shards'>): readonly string[] {
  return shards
    .filter(({ phase, failedSinceMs }) => notYetRunning.has(phase) || failedSinceMs !== undefined)
    .map(described);
}

/** Returns a description of each shard that is still starting: it will soon know its sensors. */
export function shardsOnTheWay({ shards }: Pick<WorkerView, 'shards'>): readonly string[] {
  return shards
    .filter(({ phase }) => notYetRunning.has(phase) && phase !== 'failed')
    .map(described);
}

/** Returns a description of each failed shard. */
export function shardsFailed({ shards }: Pick<WorkerView, 'shards'>): readonly string[] {
  return shards.filter(({ phase }) => phase === 'failed').map(described);
}

function described({ topic, partition, phase, error, failedSinceMs }: ShardView): string {
  const isFailed = phase === 'failed' ? '' : ', failed';
  const since =
    failedSinceMs === undefined ? '' : `${isFailed} since ${new Date(failedSinceMs).toISOString()}`;
  const failure = error === undefined ? '' : `: ${error.message}`;
  return `shard ${topic}/${partition} ${phase}${since}${failure}`;
}

/** Returns ready if every worker runs, all shards are healthy and the projector is connected. */
export function readinessOf(tree: SupervisorTree): Readiness {
  const reasons: string[] = [];
  if (tree.state === 'draining' || tree.state === 'stopped')
    reasons.push(`supervisor ${tree.state}`);
  for (const worker of tree.workers) {
    const cause = worker.lastError === null ? '' : `: ${worker.lastError.message}`;
    if (worker.state !== 'running') reasons.push(`worker ${worker.index} ${worker.state}${cause}`);
    reasons.push(...shardsNotWell(worker));
  }
  const { projector } = tree;
  if (projector.state !== 'running') {
    const cause = projector.lastError === null ? '' : `: ${projector.lastError.message}`;
    reasons.push(`projector ${projector.state}${cause}`);
  } else if (!projector.connected) {
    reasons.push(`projector not connected: ${projector.storeError ?? 'no report yet'}`);
  }
  return { ready: reasons.length === 0, reasons };
}
