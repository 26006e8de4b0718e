// Whether the process does its whole job now, and if not, why: pure over the tree.
import type { ShardPhase } from '../actors/protocol.ts';
import type { Readiness, ShardView, SupervisorTree, WorkerView } from './supervisor-view.ts';

const notYetRunning: ReadonlySet<ShardPhase> = new Set([
  'assigned',
  'restoring',
  'replaying',
  'failed',
]);

/**
 * Returns the shards of the worker that do not fold, and those that have failed and do not fold for
 * long enough yet to be well again: each with its phase and the failure that it waits after.
 */
export function shardsNotWell({ shards }: Pick<WorkerView, 'shards'>): readonly string[] {
  return shards
    .filter(({ phase, failedSinceMs }) => notYetRunning.has(phase) || failedSinceMs !== undefined)
    .map(described);
}

/**
 * As `shardsNotWell`, without those that have failed: of these it will be known soon what they
 * hold.
 */
export function shardsOnTheWay({ shards }: Pick<WorkerView, 'shards'>): readonly string[] {
  return shards
    .filter(({ phase }) => notYetRunning.has(phase) && phase !== 'failed')
    .map(described);
}

/** Returns the shards of the worker that have failed. */
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

/**
 * Returns ready iff every worker runs, none of its shards is on the way or failed, and the
 * projector is connected.
 */
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
    reasons.push(`projector not connected: ${projector.storeError ?? 'nothing heard yet'}`);
  }
  return { ready: reasons.length === 0, reasons };
}
