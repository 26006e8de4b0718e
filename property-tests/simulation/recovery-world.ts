// One shard's recovery over the simulated broker, with virtual time and snapshots in a map: what a test does to broker,
// snapshots or the log's beginning between two recoveries is what happened while nobody owned the shard.
import { HeldPositions } from '../../src/actors/held-positions.ts';
import { JournalShards } from '../../src/actors/journal-shards.ts';
import {
  decodePositionMetadata,
  type PositionMetadata,
} from '../../src/actors/position-metadata.ts';
import { recoverShard, type Recovered } from '../../src/actors/recovery.ts';
import type { ShardContext, ShardSettings } from '../../src/actors/shard-context.ts';
import { CorruptSnapshotError } from '../../src/errors.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { TopicIds } from '../../src/log/topic-ids.ts';
import type { TopicPartition } from '../../src/records/record.ts';
import { createLogger } from '../../src/logger.ts';
import { createMetrics, type Metrics } from '../../src/metrics/pipeline-metrics.ts';
import type { Semantics } from '../../src/sensors/shard-state.ts';
import { historySemantics, type HistoryPlan } from './history.ts';
import { createScheduler, type Scheduler } from './scheduler.ts';
import { Life, processClock } from './simulated-life.ts';
import { SimulatedBroker } from './simulated-log.ts';
import { simulatedTopics } from './simulated-process.ts';
import { unwatchedSources } from './unwatched-sources.ts';

export const recoveredShard: TopicPartition = { topic: simulatedTopics.input, partition: 0 };
export const recoverySemantics: Semantics = historySemantics({
  inputKeying: 'auto',
  baseline: 'cumulative',
  sensorTtlMs: Infinity,
} as HistoryPlan);

export const recoverySettings: ShardSettings = {
  groupId: 'group',
  idleTimeoutMs: 1_000,
  commitIntervalMs: 100,
  snapshotIntervalMs: 1_000,
  transactionTimeoutMs: 60_000,
  openWindowsMax: 60,
  startingOffsets: 'earliest',
  acceptGap: false,
  anomalyEvents: 'all',
  outputFormat: 'json',
};

export interface RecoveryWorld {
  readonly scheduler: Scheduler;
  readonly broker: SimulatedBroker;
  readonly snapshots: Map<string, Uint8Array>;
  /** The first offset that the log still holds of the shard. */
  earliest: number;
  readonly metrics: Metrics;
  readonly context: ShardContext;
  recover(changes?: Partial<ShardContext>): Promise<Recovered>;
  committed(): PositionMetadata;
}

/** Returns a broker that nobody has used, with `holes` in its log, and how to recover its shard. */
export function recoveryWorld({ holes = 0 }: { readonly holes?: number } = {}): RecoveryWorld {
  const scheduler = createScheduler(1, 0);
  const broker = new SimulatedBroker(scheduler, { holes });
  broker.create(simulatedTopics.input, 1);
  broker.create(simulatedTopics.journal, 1);
  const snapshots = new Map<string, Uint8Array>();
  const connected = broker.connect(new Life());
  const metrics = createMetrics();
  const log: EventLog = {
    ...connected,
    offsets: async (place) => {
      const offsets = await connected.offsets(place);
      return place.topic === recoveredShard.topic
        ? { ...offsets, earliest: made.earliest }
        : offsets;
    },
  };
  const context: ShardContext = {
    log,
    snapshots: {
      write: () => Promise.reject(new Error('not written here')),
      read: async (_, { id }) => {
        const bytes = snapshots.get(id);
        if (bytes === undefined) throw new CorruptSnapshotError(`no snapshot ${id}`);
        return Promise.resolve(bytes);
      },
      remove: () => Promise.resolve(),
      close: () => Promise.resolve(),
    },
    semantics: recoverySemantics,
    settings: recoverySettings,
    topics: simulatedTopics,
    featureTopics: [simulatedTopics.output],
    clock: processClock(scheduler, new Life()),
    logger: createLogger('fatal'),
    metrics,
    sourcePartitions: 1,
    rekeyedPartitions: 1,
    journalPartitions: 1,
    formerJournalPartitions: [],
    encodeFeatureRow: () => new Uint8Array(0),
    sources: unwatchedSources,
    snapshotTurn: { taken: false },
    journalShards: new JournalShards(log),
    heldPositions: new HeldPositions(),
    topicIds: new TopicIds(log, [simulatedTopics.input, simulatedTopics.journal]),
  };
  const inVirtualTime = async <T>(work: Promise<T>): Promise<T> => {
    let done = false;
    const settled = work.finally(() => (done = true));
    settled.catch(() => undefined);
    await scheduler.runUntil(scheduler.nowMs + 60_000, () => done);
    return settled;
  };
  const made: RecoveryWorld = {
    scheduler,
    broker,
    snapshots,
    earliest: 0,
    metrics,
    context,
    recover: (changes = {}) => {
      const changed = { ...context, ...changes };
      const recovered = (async () => {
        const writer = await changed.log.openWriter('group', recoveredShard);
        return recoverShard(changed, recoveredShard, 'source', writer);
      })();
      return inVirtualTime(recovered);
    },
    committed: () => {
      const position = broker.commits.get(`group|${recoveredShard.topic}/0`);
      return decodePositionMetadata(position?.metadata ?? '', 'test');
    },
  };
  return made;
}
