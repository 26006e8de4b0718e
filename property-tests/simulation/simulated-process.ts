// One process of the simulation: the real router and shards over the simulated log, clock and snapshot store. Killing
// it is kill -9: nothing of it runs any more, what it had sent may or may not have arrived.
import { Router } from '../../src/actors/router.ts';
import type { ShardContext, ShardSettings } from '../../src/actors/shard-context.ts';
import { encodeFeatureRowJson } from '../../src/codecs/feature-row.ts';
import { featureTopics, topicNames, type TopicNames } from '../../src/log/topics.ts';
import type { Logger } from '../../src/logger.ts';
import { createMetrics } from '../../src/metrics.ts';
import { defaultFeatures } from '../../src/sensors/features.ts';
import type { Semantics } from '../../src/sensors/shard-state.ts';
import type { Scheduler } from './scheduler.ts';
import { Life, processClock } from './simulated-life.ts';
import type { SimulatedBroker } from './simulated-log.ts';
import type { SimulatedDisk } from './simulated-snapshots.ts';

export const simulatedTopics: TopicNames = topicNames({
  inputTopic: 'raw_readings',
  outputTopic: 'sensor_features',
  anomalyTopic: 'sensor_anomalies',
});

/** Returns the topics of feature rows by window length. */
export function simulatedFeatureTopics(semantics: Semantics): readonly string[] {
  const process = { outputTopic: simulatedTopics.output };
  return featureTopics({ process, semantics }).map(({ topic }) => topic);
}

export interface SimulatedProcess {
  readonly life: Life;
  readonly failures: readonly unknown[];
  kill(): void;
  /** SIGSTOP for `forMs`, then SIGCONT. */
  freeze(forMs: number): void;
  drain(): Promise<void>;
}

export interface ProcessOptions {
  readonly scheduler: Scheduler;
  readonly broker: SimulatedBroker;
  readonly disk: SimulatedDisk;
  readonly semantics: Semantics;
  readonly settings: ShardSettings;
  readonly partitions: number;
  /** Called when a fault inside a call ended the process. */
  readonly onCrash: () => void;
}

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  fatal: () => undefined,
  child: () => silent,
};

const sessionTimeoutMs = 6_000;

/** Returns a running process that has begun to join the group. */
export function startProcess(options: ProcessOptions): SimulatedProcess {
  const { scheduler, broker } = options;
  const failures: unknown[] = [];
  const life = new Life();
  const log = broker.connect(life);
  const router = new Router(shardContext(options, life), {
    shardChanged: () => undefined,
    failed: (error) => failures.push(error),
  });
  void router.join(log, '').catch((error: unknown) => failures.push(error));
  // The group notices a death after the session timeout.
  const noticed = (): void => {
    scheduler.after(sessionTimeoutMs, () => broker.group.rebalance());
  };
  life.onCrash = () => {
    noticed();
    options.onCrash();
  };
  return {
    life,
    failures,
    kill() {
      life.end();
      noticed();
    },
    freeze(forMs) {
      life.freeze();
      scheduler.after(forMs, () => life.thaw());
      if (forMs <= sessionTimeoutMs) return;
      scheduler.after(sessionTimeoutMs, () => {
        if (life.frozen) broker.group.expire(life);
      });
    },
    async drain() {
      await router.drain();
      life.end();
    },
  };
}

function shardContext(options: ProcessOptions, life: Life): ShardContext {
  const { scheduler, broker, disk, semantics, settings, partitions } = options;
  return {
    log: broker.connect(life),
    snapshots: disk.connect(life),
    semantics,
    settings,
    topics: simulatedTopics,
    featureTopics: simulatedFeatureTopics(semantics),
    clock: processClock(scheduler, life),
    logger: silent,
    metrics: createMetrics(),
    sourcePartitions: partitions,
    rekeyedPartitions: partitions,
    journalPartitions: 1,
    encodeFeatureRow: (window, shard) =>
      encodeFeatureRowJson(window, { ...shard, features: defaultFeatures }),
    rekeying: { active: false, leastSourceMs: undefined },
  };
}
