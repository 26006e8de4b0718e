// The last known numbers of each shard, whichever worker reported them. A shard that a worker has
// just received, or whose worker has ended, has no numbers of its own: it would show 0 sensors and
// no lag in the middle of an outage. Its last numbers stay, with the time at which they were true.
import type { ShardStatus } from '../actors/protocol.ts';
import { partitionKey } from '../records/partition-key.ts';
import type { ShardView, WorkerView } from './supervisor-view.ts';

type Counts = Pick<ShardStatus, 'readings' | 'featureRows' | 'anomalies' | 'deadLetters'>;

interface Known {
  /** The last report that knew anything. */
  readonly status: ShardStatus;
  /** Counts of former owners in this process: each owner begins at 0. */
  readonly before: Counts;
}

const nothingCounted: Counts = {
  readings: 0,
  featureRows: 0,
  anomalies: 0,
  deadLetters: 0,
};

export class KnownShards {
  readonly #known = new Map<string, Known>();

  /** Takes in what a worker reports. */
  note(status: ShardStatus): void {
    if (status.knownAtMs === null) return;
    const key = partitionKey(status);
    const earlier = this.#known.get(key);
    const isNewOwner = earlier !== undefined && status.readings < earlier.status.readings;
    const before = earlier?.before ?? nothingCounted;
    this.#known.set(key, { status, before: isNewOwner ? sum(before, earlier.status) : before });
  }

  /** Returns the workers with the last numbers of every shard that knows none itself. */
  filled(workers: readonly WorkerView[]): readonly WorkerView[] {
    const shards = workers.flatMap((worker) => worker.shards);
    const holding = shards.filter(isHeld);
    const held = new Set(holding.map(partitionKey));
    const telling = new Set(
      holding.filter(({ knownAtMs }) => knownAtMs !== null).map(partitionKey),
    );
    return workers.map((worker) => ({
      ...worker,
      shards: worker.shards
        // Of a worker that has ended, while another holds the partition.
        .filter((shard) => isHeld(shard) || !held.has(partitionKey(shard)))
        .map((shard) => this.#filled(shard, telling)),
    }));
  }

  #filled(shard: ShardView, telling: ReadonlySet<string>): ShardView {
    const key = partitionKey(shard);
    const known = this.#known.get(key);
    if (known === undefined) return shard;
    if (shard.knownAtMs !== null) return { ...shard, ...sum(known.before, shard) };
    // During a rebalance the former owner may still be listed: its numbers count once.
    if (telling.has(key)) return shard;
    const { phase, unansweredMs, error, failedSinceMs } = shard;
    const { position, highWatermark } = known.status;
    return {
      ...known.status,
      ...sum(known.before, known.status),
      lag: Math.max(0, highWatermark - position),
      ...{ phase, unansweredMs },
      ...(error === undefined ? {} : { error }),
      ...(failedSinceMs === undefined ? {} : { failedSinceMs }),
    };
  }
}

function isHeld({ phase }: ShardView): boolean {
  return phase !== 'released';
}

function sum(left: Counts, right: Counts): Counts {
  return {
    readings: left.readings + right.readings,
    featureRows: left.featureRows + right.featureRows,
    anomalies: left.anomalies + right.anomalies,
    deadLetters: left.deadLetters + right.deadLetters,
  };
}
