// Watches all through a chaos run, as a user's own consumers would: committed feature rows as they
// appear, and every sensor's row in Redis. Whatever they see must be so again at the end.
import { setTimeout as sleep } from 'node:timers/promises';

import type { ActualRow } from '../../property-tests/models/pipeline-oracle.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import type { FeatureStore } from '../../src/stores/feature-store.ts';

const pollMs = 250;
const problemsMax = 50;

export interface Watcher {
  readonly problems: readonly string[];
  stop(): Promise<void>;
}

export interface RowsWatcher extends Watcher {
  readonly rows: readonly ActualRow[];
  /** By sensor: the end of the newest window seen. */
  readonly newest: ReadonlyMap<string, number>;
}

/** Reads the output topic read-committed from its beginning, for ever. */
export function watchRows(log: EventLog, topic: string, partitions: number): RowsWatcher {
  const rows: ActualRow[] = [];
  const newest = new Map<string, number>();
  const problems: string[] = [];
  const lastStart = new Map<string, number>();
  let stopped = false;
  const see = (row: ActualRow, place: string): void => {
    rows.push(row);
    newest.set(row.sensor_id, Math.max(newest.get(row.sensor_id) ?? 0, row.window_end));
    const owner = `${row.lineage.topic} ${row.sensor_id}`;
    const before = lastStart.get(owner) ?? -Infinity;
    lastStart.set(owner, row.window_start);
    if (before < row.window_start || problems.length >= problemsMax) return;
    problems.push(`${place}: ${owner} ${row.window_start} came after ${before}`);
  };
  const follow = async (partition: number): Promise<void> => {
    for (let position = 0; !stopped; await sleep(pollMs)) {
      try {
        for await (const batch of log.read({ topic, partition, from: position })) {
          const cursor = batch.records();
          while (cursor.next()) {
            if (cursor.offset < position) continue;
            const { bytes, valueStart, valueEnd, offset } = cursor;
            const text = Buffer.from(bytes.subarray(valueStart, valueEnd)).toString();
            see(JSON.parse(text) as ActualRow, `${topic}/${partition}@${offset}`);
          }
          position = batch.nextOffset;
        }
      } catch (error) {
        if (error instanceof SyntaxError) problems.push(`a row is no JSON: ${error.message}`);
      }
    }
  };
  const following = Array.from({ length: partitions }, (_, partition) => follow(partition));
  return {
    rows,
    newest,
    problems,
    async stop() {
      stopped = true;
      await Promise.all(following);
    },
  };
}

export interface StoreWatcher extends Watcher {
  /** Every `<sensor> <window end>` ever seen. */
  readonly seen: ReadonlySet<string>;
  /** Times the store was looked at. */
  observations(): number;
  /** The store is about to lose what it holds, or just has: what was seen before no longer binds it. */
  forget(): void;
}

/** Looks at the row of every sensor over and over: none may ever become older. */
export function watchStore(store: FeatureStore, sensorIds: readonly string[]): StoreWatcher {
  const newest = new Map<string, number>();
  const seen = new Set<string>();
  const problems: string[] = [];
  let observations = 0;
  let life = 0;
  let stopped = false;
  const look = async (): Promise<void> => {
    const lifeBefore = life;
    const found = await store.read(sensorIds);
    if (life !== lifeBefore) return;
    observations += 1;
    sensorIds.forEach((sensorId, index) => {
      const eventTimeMs = found[index]?.eventTimeMs;
      const before = newest.get(sensorId);
      if (eventTimeMs !== undefined) {
        newest.set(sensorId, eventTimeMs);
        seen.add(`${sensorId} ${eventTimeMs}`);
      }
      if (before === undefined || (eventTimeMs ?? -Infinity) >= before) return;
      if (problems.length >= problemsMax) return;
      problems.push(`${sensorId} went back from ${before} to ${eventTimeMs ?? 'nothing'}`);
    });
  };
  const run = async (): Promise<void> => {
    for (; !stopped; await sleep(pollMs)) {
      // Away on purpose: there is nothing to see.
      await look().catch(() => undefined);
    }
  };
  const running = run();
  return {
    problems,
    seen,
    observations: () => observations,
    forget() {
      life += 1;
      newest.clear();
    },
    async stop() {
      stopped = true;
      await running;
    },
  };
}
