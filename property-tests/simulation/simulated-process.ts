// One process of the simulation: the real router and shards over the simulated log, clock and snapshot store. Killing
// it is kill -9: nothing of it runs any more, what it had sent may or may not have arrived.
import { Router } from '../../src/actors/router.ts';
import type { ShardContext, ShardSettings } from '../../src/actors/shard-context.ts';
import { encodeFeatureRowJson } from '../../src/codecs/feature-row.ts';
import { CorruptSnapshotError, UnavailableError } from '../../src/errors.ts';
import { topicNames, type TopicNames } from '../../src/log/topics.ts';
import type { Logger } from '../../src/logger.ts';
import { createMetrics } from '../../src/metrics.ts';
import { featureDeclarations } from '../../src/sensors/features.ts';
import type { Semantics } from '../../src/sensors/shard-state.ts';
import type { SnapshotReference, SnapshotStore } from '../../src/stores/snapshot-store.ts';
import { processClock, type Scheduler } from './scheduler.ts';
import type { SimulatedBroker } from './simulated-log.ts';

export const simulatedTopics: TopicNames = topicNames({
  inputTopic: 'raw_readings',
  outputTopic: 'sensor_features',
});

export interface SimulatedProcess {
  readonly alive: boolean;
  readonly router: Router;
  readonly failures: readonly unknown[];
  kill(): void;
  drain(): Promise<void>;
}

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  fatal: () => undefined,
  child: () => silent,
};

/** Snapshots that outlive processes; a write may fail, take its time, or be cut by a kill. */
export function simulatedSnapshots(): Map<string, Uint8Array> {
  return new Map();
}

/** Returns a running process that has begun to join the group. */
export function startProcess(options: {
  readonly scheduler: Scheduler;
  readonly broker: SimulatedBroker;
  readonly snapshots: Map<string, Uint8Array>;
  readonly semantics: Semantics;
  readonly settings: ShardSettings;
  readonly partitions: number;
}): SimulatedProcess {
  const { scheduler, broker, snapshots, semantics, settings, partitions } = options;
  let alive = true;
  const failures: unknown[] = [];
  const clock = processClock(scheduler);
  const log = broker.connect(() => alive);
  const context: ShardContext = {
    log,
    snapshots: snapshotStore(scheduler, snapshots, broker, () => alive),
    semantics,
    settings,
    topics: simulatedTopics,
    clock,
    logger: silent,
    metrics: createMetrics(),
    sourcePartitions: partitions,
    rekeyedPartitions: partitions,
    journalPartitions: 1,
    encodeFeatureRow: (window, shard) =>
      encodeFeatureRowJson(window, { ...shard, features: featureDeclarations }),
    rekeying: { active: false, leastSourceMs: undefined },
  };
  const router = new Router(context, {
    shardChanged: () => undefined,
    failed: (error) => failures.push(error),
  });
  void router.join(log, '').catch((error: unknown) => failures.push(error));
  const stop = (): void => {
    alive = false;
    clock.stop();
  };
  return {
    get alive() {
      return alive;
    },
    router,
    failures,
    kill() {
      stop();
      // The group notices after the session timeout.
      scheduler.after(6_000, () => broker.rebalance());
    },
    async drain() {
      await router.drain();
      stop();
    },
  };
}

function snapshotStore(
  scheduler: Scheduler,
  stored: Map<string, Uint8Array>,
  broker: SimulatedBroker,
  alive: () => boolean,
): SnapshotStore {
  const after = <T>(effect: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      scheduler.after(scheduler.random() * 200, () => {
        if (!alive()) return;
        try {
          resolve(effect());
        } catch (error) {
          reject(error);
        }
      });
    });
  const keyOf = (shardKey: string, id: string): string => `${shardKey}/${id}`;
  return {
    write: (shardKey, id, bytes) =>
      after((): SnapshotReference => {
        const fault = broker.faults('snapshot');
        if (fault === 'before') throw new UnavailableError('disk full');
        // A torn snapshot that nobody noticed while writing.
        stored.set(keyOf(shardKey, id), fault === 'after' ? bytes.slice(0, 20) : bytes.slice());
        return { id, place: 'memory', length: bytes.length, checksum: 0 };
      }),
    read: (shardKey, reference) =>
      after(() => {
        const bytes = stored.get(keyOf(shardKey, reference.id));
        if (bytes?.length !== reference.length) {
          throw new CorruptSnapshotError(`snapshot ${reference.id} is missing or torn`);
        }
        return bytes;
      }),
    remove: (shardKey, reference) =>
      after(() => {
        stored.delete(keyOf(shardKey, reference.id));
      }),
    close: () => Promise.resolve(),
  };
}
