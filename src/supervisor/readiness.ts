// Decides whether the process is doing its whole job, and why not: a pure function of the tree.
import type { ShardPhase } from '../lifecycles/shard-lifecycle.ts';
import type { Readiness, ShardView, SupervisorTree, WorkerView } from './supervisor-view.ts';

const notYetRunning: ReadonlySet<ShardPhase> = new Set([
  'assigned',
  'restoring',
  'replaying',
  'recovering',
  'fenced',
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

/** A member whose heartbeats fail for this long may have lost its partitions to others. */
const unconfirmedMsMax = 5_000;
/**
 * A fetch that finds nothing is answered after half a second; a rebalance takes a second or two.
 */
const unansweredMsMax = 5_000;

/**
 * Returns ready iff every worker runs and is in its group, each of its shards folds and hears from
 * the log, and the projector is connected.
 */
export function readinessOf(tree: SupervisorTree): Readiness {
  const reasons: string[] = [];
  if (tree.state === 'draining' || tree.state === 'stopped')
    reasons.push(`supervisor ${tree.state}`);
  for (const worker of tree.workers) {
    const cause = worker.lastError === null ? '' : `: ${worker.lastError.message}`;
    if (worker.state !== 'running') reasons.push(`worker ${worker.index} ${worker.state}${cause}`);
    else reasons.push(...outOfGroup(worker));
    reasons.push(...shardsNotWell(worker), ...shardsUnanswered(worker));
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

function outOfGroup({ index, unconfirmedMs }: WorkerView): readonly string[] {
  if (unconfirmedMs === null)
    return [`worker ${index} is out of its consumer group, joining again`];
  if (unconfirmedMs <= unconfirmedMsMax) return [];
  return [`worker ${index} has had no answer to a heartbeat for ${inSeconds(unconfirmedMs)}`];
}

function shardsUnanswered({ shards }: WorkerView): readonly string[] {
  return shards
    .filter(({ phase, unansweredMs }) => phase === 'running' && unansweredMs > unansweredMsMax)
    .map(
      ({ topic, partition, unansweredMs }) =>
        `shard ${topic}/${partition} running, its fetches unanswered for ${inSeconds(unansweredMs)}`,
    );
}

function inSeconds(ms: number): string {
  return `${Math.floor(ms / 1_000)} s`;
}
