// The feature store of the simulation, outside every process: the newest row of each sensor in each
// view. It can be away, slow, lose its last writes at a failover though it had answered them
// (replication is asynchronous), or be wiped. A batch travels in several requests, as it does to
// Redis, so that a part of it may be written and the rest lost.
import { feastView } from '../../src/codecs/feast.ts';
import type { FeatureRow } from '../../src/codecs/feature-row.ts';
import { UnavailableError } from '../../src/errors.ts';
import type { FeatureStore, UpsertCounts } from '../../src/stores/feature-store.ts';
import type { Scheduler } from './scheduler.ts';
import type { Calls } from './simulated-calls.ts';
import type { Life } from './simulated-life.ts';

const rowsPerRequest = 3;

interface Write {
  readonly atMs: number;
  readonly key: string;
  readonly before: FeatureRow | undefined;
}

/** Key of a sensor's row of a view. */
export function storeKey(view: string, sensorId: string): string {
  return `${view}/${sensorId}`;
}

export class SimulatedFeatureStore {
  /** By `storeKey`. */
  readonly rows: Map<string, FeatureRow> = new Map();
  /** Sees every write just before it takes effect. */
  onWrite: (key: string, row: FeatureRow, stored: FeatureRow | undefined) => void = () => undefined;
  /** How long a request takes at most, ms each way. */
  travelMs = 20;
  #isAway = false;
  #interruptions = 0;
  /** Writes that a failover could still undo, oldest first. */
  #writes: Write[] = [];
  readonly #scheduler: Scheduler;
  readonly #calls: Calls;

  constructor(scheduler: Scheduler, calls: Calls) {
    this.#scheduler = scheduler;
    this.#calls = calls;
  }

  /** Refuses everything for `forMs`; every connection is lost. */
  goAway(forMs: number): void {
    this.#isAway = true;
    this.#interruptions += 1;
    this.#scheduler.after(forMs, () => (this.#isAway = false));
  }

  /** A replica without the writes of the last `lostMs` takes over after `forMs`. */
  failOver(lostMs: number, forMs: number): void {
    const sinceMs = this.#scheduler.nowMs - lostMs;
    for (const { atMs, key, before } of this.#writes.reverse()) {
      if (atMs < sinceMs) continue;
      if (before === undefined) this.rows.delete(key);
      else this.rows.set(key, before);
    }
    this.#writes = [];
    this.goAway(forMs);
  }

  /** FLUSHALL: no connection is lost. */
  wipe(): void {
    this.rows.clear();
    this.#writes = [];
  }

  /** One thread's connection. */
  connect(life: Life): FeatureStore {
    const interruptionsBefore = this.#interruptions;
    const call = <T>(name: 'upsert' | 'ping', effect: () => T): Promise<T> =>
      this.#calls.make(
        life,
        name,
        () => {
          if (this.#isAway) throw new UnavailableError('the feature store is away');
          return effect();
        },
        this.travelMs,
      );
    return {
      upsert: async (rows, view = feastView) => {
        const requests: Promise<number>[] = [];
        for (let at = 0; at < rows.length; at += rowsPerRequest) {
          const some = rows.slice(at, at + rowsPerRequest);
          requests.push(call('upsert', () => this.#write(some, view)));
        }
        const written = (await Promise.all(requests)).reduce((sum, count) => sum + count, 0);
        return { written, skipped: rows.length - written } satisfies UpsertCounts;
      },
      read: (sensorIds, view = feastView) =>
        call('ping', () =>
          sensorIds.map((id) => {
            const row = this.rows.get(storeKey(view, id));
            return row && { eventTimeMs: row.window_end, values: row.features };
          }),
        ),
      ping: () => call('ping', () => undefined),
      interruptions: () => this.#interruptions - interruptionsBefore,
      close: () => Promise.resolve(),
    };
  }

  #write(rows: readonly FeatureRow[], view: string): number {
    let written = 0;
    for (const row of rows) {
      const key = storeKey(view, row.sensor_id);
      const before = this.rows.get(key);
      if (before !== undefined && before.window_end >= row.window_end) continue;
      this.onWrite(key, row, before);
      this.rows.set(key, row);
      this.#writes.push({ atMs: this.#scheduler.nowMs, key, before });
      written += 1;
    }
    return written;
  }
}
