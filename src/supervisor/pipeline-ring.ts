// The pipeline over the last hours, in bounded memory: one slot every ten seconds, six hours of
// them, and the last changes of state. It is this process's memory: after a restart it is empty.
import { partitionKey } from '../records/partition-key.ts';
import type { ThreadView } from './supervised-thread.ts';
import type { ShardView, SupervisorTree } from './supervisor-view.ts';

export interface PipelineSlot {
  readonly atMs: number;
  /** Counts of this slot. */
  readonly readings: number;
  readonly featureRows: number;
  readonly anomalies: number;
  readonly deadLetters: number;
  readonly restarts: number;
  /** Shards that committed in this slot. */
  readonly committing: number;
  /** Shards that came or went: a rebalance moves them. */
  readonly moves: number;
  /** As the slot ended. */
  readonly lag: number;
  readonly projectionLag: number;
  /** From the watermark that is furthest behind to the clock, s; null before the first reading. */
  readonly behindSeconds: number | null;
}

export interface PipelineChange {
  readonly atMs: number;
  readonly kind: 'process' | 'thread' | 'shard' | 'quarantine';
  readonly text: string;
}

export interface PipelineHistory {
  readonly slotMs: number;
  /** Oldest first. */
  readonly slots: readonly PipelineSlot[];
  /** Newest first. */
  readonly changes: readonly PipelineChange[];
}

const slotMs = 10_000;
const slotsMax = 2_160;
const changesMax = 200;

export class PipelineRing {
  readonly #slots: PipelineSlot[] = [];
  #changes: PipelineChange[] = [];
  #before: SupervisorTree | undefined;
  /** The tree as the current slot began. */
  #slotBegan: SupervisorTree | undefined;
  #moves = 0;

  /** Takes in the tree as it is now; called every second. */
  note(tree: SupervisorTree): void {
    const before = this.#before;
    this.#before = tree;
    this.#slotBegan ??= tree;
    if (before === undefined) return;
    const { changes, moves } = changesBetween(before, tree);
    this.#moves += moves;
    this.#changes = [...changes.reverse(), ...this.#changes].slice(0, changesMax);
    // A clock that was set back would otherwise stop the slots until it has caught up.
    const passedMs = tree.nowMs - this.#slotBegan.nowMs;
    if (passedMs < slotMs && passedMs >= 0) return;
    this.#slots.push(slotBetween(this.#slotBegan, tree, this.#moves));
    if (this.#slots.length > slotsMax) this.#slots.shift();
    this.#slotBegan = tree;
    this.#moves = 0;
  }

  history(): PipelineHistory {
    return { slotMs, slots: this.#slots, changes: this.#changes };
  }
}

function slotBetween(from: SupervisorTree, to: SupervisorTree, moves: number): PipelineSlot {
  // Counts of a shard that left go with it.
  const grown = (name: keyof SupervisorTree['totals']): number =>
    Math.max(0, to.totals[name] - from.totals[name]);
  const shards = shardsOf(to);
  const watermarks = shards.flatMap(({ watermarkMs }) => (watermarkMs === null ? [] : watermarkMs));
  return {
    atMs: to.nowMs,
    readings: grown('readings'),
    featureRows: grown('featureRows'),
    anomalies: grown('anomalies'),
    deadLetters: grown('deadLetters'),
    restarts: grown('restarts'),
    committing: shards.filter(({ lastCommitMs }) => (lastCommitMs ?? 0) >= from.nowMs).length,
    moves,
    lag: to.totals.lag,
    projectionLag: to.projector.lag,
    behindSeconds:
      watermarks.length === 0 ? null : Math.max(0, to.nowMs - Math.min(...watermarks)) / 1_000,
  };
}

const shardsOf = (tree: SupervisorTree): readonly ShardView[] =>
  tree.workers.flatMap((worker) => worker.shards);
const byKey = (tree: SupervisorTree): ReadonlyMap<string, ShardView> =>
  new Map(shardsOf(tree).map((shard) => [partitionKey(shard), shard]));

/** Returns the changes in order, and how many of them are moves of shards. */
function changesBetween(
  before: SupervisorTree,
  now: SupervisorTree,
): { readonly changes: PipelineChange[]; readonly moves: number } {
  const atMs = now.nowMs;
  const changes: PipelineChange[] = [];
  let moves = 0;
  const add = (kind: PipelineChange['kind'], text: string): void =>
    void changes.push({ atMs, kind, text });
  const move = (text: string): void => {
    moves += 1;
    add('shard', text);
  };
  if (before.state !== now.state) add('process', `the process is ${now.state}`);
  const [threads, old] = [threadsOf(now), new Map(threadsOf(before))];
  for (const [name, { state, restarts, lastError }] of threads) {
    const earlier = old.get(name);
    if (restarts > (earlier?.restarts ?? restarts)) {
      add('thread', `${name} was started again: ${lastError?.message ?? 'it ended'}`);
    } else if (earlier !== undefined && earlier.state !== state) {
      add('thread', `${name} is ${state}`);
    }
  }
  const [current, earlierShards] = [byKey(now), byKey(before)];
  for (const [name, shard] of current) {
    const earlier = earlierShards.get(name);
    if (earlier === undefined) move(`${name} came to this process`);
    else if (earlier.phase !== shard.phase) {
      const reason = shard.error === undefined ? '' : `: ${shard.error.message}`;
      add('shard', `${name} is ${shard.phase}${reason}`);
    }
    const quarantined = shard.quarantined - (earlier?.quarantined ?? shard.quarantined);
    if (quarantined > 0) add('quarantine', `${name}: ${quarantined} sensors quarantined`);
    if (quarantined < 0) add('quarantine', `${name}: ${-quarantined} sensors released`);
  }
  for (const name of earlierShards.keys()) {
    if (!current.has(name)) move(`${name} left this process`);
  }
  return { changes, moves };
}

function threadsOf(tree: SupervisorTree): readonly (readonly [string, ThreadView])[] {
  const workers = tree.workers.map((worker) => [`worker ${worker.index}`, worker] as const);
  return [...workers, ['projection', tree.projector]];
}
