// The life of a worker thread from start to end: prepares its shards, joins the consumer
// group, reports and answers to the supervisor. The root (worker.ts) opens the log and the snapshot
// store for it.
import { repeatedly, type Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { ControlPort } from '../control-port.ts';
import { encodeFeatureRowAvro, encodeFeatureRowJson } from '../codecs/feature-row.ts';
import { deferred } from '../deferred.ts';
import { ConfigError, errorToData, isSensoriumError, type ErrorData } from '../errors.ts';
import type { EventLog } from '../log/event-log.ts';
import { featureTopics, topicNames } from '../log/topics.ts';
import type { Logger } from '../logger.ts';
import { createMetrics, type Metrics } from '../metrics/pipeline-metrics.ts';
import { addThreadGauges } from '../metrics/thread-gauges.ts';
import type { CreateBaseline } from '../sensors/create-baseline.ts';
import { selectFeatures } from '../sensors/features.ts';
import type { SnapshotStore } from '../stores/snapshot-store.ts';
import { readGroupCounts } from './group-counts.ts';
import { JournalShards } from './journal-shards.ts';
import type { CommandOutcome, WorkerCommand, WorkerEvent } from './protocol.ts';
import { WorkerShards } from './worker-shards.ts';
import type { ShardContext } from './shard-context.ts';
import { SourceWatch } from './source-watch.ts';

export interface WorkerParts {
  readonly config: Config;
  /** WorkerCommand in, WorkerEvent out. */
  readonly port: ControlPort;
  readonly log: EventLog;
  readonly snapshots: SnapshotStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** For the gauges of this thread; left out where many share one, as in simulations. */
  readonly threadName?: string;
  /** The baseline that the semantics name, unless a test brings one of its own. */
  readonly createBaseline?: CreateBaseline;
  /** Bytes that one transaction may hold, where a test wants few. */
  readonly commitBytesMax?: number;
}

const statusIntervalMs = 1_000;

/**
 * Runs the shards of one worker until it is drained.
 * @throws what the supervisor decides on, by its directive.
 */
export async function runShards(parts: WorkerParts): Promise<void> {
  const { clock, config, log, port } = parts;
  const metrics = createMetrics();
  if (parts.threadName !== undefined) addThreadGauges(metrics.registry, parts.threadName);
  const send = (event: WorkerEvent): void => port.postMessage(event);
  const failure = deferred<never>();
  const drained = deferred<void>();
  const router = new WorkerShards(await shardContext(parts, metrics), {
    shardChanged: (shard) => send({ type: 'shard', shard }),
    failed: (error) => failure.reject(error),
  });
  const report = (): void => {
    const { unconfirmedMs } = router;
    send({
      type: 'status',
      shards: router.statuses(),
      unconfirmedMs: Number.isFinite(unconfirmedMs) ? unconfirmedMs : null,
    });
  };
  const stopReporting = repeatedly(clock, statusIntervalMs, report);
  port.on('message', (command: WorkerCommand) => {
    answer(command, router, metrics, send).then(
      (done) => done && drained.resolve(),
      (error: unknown) => failure.reject(error),
    );
  });
  try {
    await Promise.race([router.join(log, config.process.advertisedUrl ?? ''), failure.promise]);
    send({ type: 'running' });
    report();
    await Promise.race([drained.promise, failure.promise]);
    send({ type: 'drained' });
  } finally {
    stopReporting();
    // The thread outlives a task that failed, and the next task runs in it: nothing of this one may
    // stay behind.
    await router.abandon();
  }
}

async function answer(
  command: WorkerCommand,
  router: WorkerShards,
  metrics: Metrics,
  send: (event: WorkerEvent) => void,
): Promise<boolean> {
  switch (command.type) {
    case 'drain':
      await router.drain();
      return true;
    case 'metrics': {
      const values = await metrics.registry.getMetricsAsJSON();
      send({ type: 'metrics', requestId: command.requestId, metrics: values });
      return false;
    }
    case 'sensor': {
      const sensor = router.sensor(command.sensorId);
      send({ type: 'sensor', requestId: command.requestId, sensor });
      return false;
    }
    case 'sensors': {
      const sensorIds = router.sensorIds(command.limit);
      send({ type: 'sensors', requestId: command.requestId, sensorIds });
      return false;
    }
    case 'retry': {
      const outcome = await router.retry(command.retry);
      send({ type: 'retry', requestId: command.requestId, outcome });
      return false;
    }
    case 'command':
      send({ type: 'command', requestId: command.requestId, ...(await obey(router, command)) });
      return false;
    default:
      return command satisfies never;
  }
}

/** A command that cannot be obeyed now is the asker's to repeat, not the worker's to die of. */
async function obey(
  router: WorkerShards,
  { command }: Extract<WorkerCommand, { type: 'command' }>,
): Promise<{ outcomes: readonly CommandOutcome[]; error?: ErrorData }> {
  try {
    return { outcomes: await router.command(command) };
  } catch (error) {
    if (!isSensoriumError(error) || error.directive !== 'retry') throw error;
    return { outcomes: [], error: errorToData(error) };
  }
}

async function shardContext(
  { clock, commitBytesMax, config, createBaseline, log, logger, snapshots }: WorkerParts,
  metrics: Metrics,
): Promise<ShardContext> {
  const { semantics } = config;
  const topics = topicNames(config.process);
  const features = selectFeatures(semantics.features);
  const encode =
    config.process.outputFormat === 'avro' ? encodeFeatureRowAvro : encodeFeatureRowJson;
  const partitionsOf = async (topic: string): Promise<number> => {
    const description = await log.describeTopic(topic);
    if (description !== undefined) return description.partitions;
    throw new ConfigError(`topic ${topic} does not exist: create it with \`topics create\``, {
      topic,
    });
  };
  const { groupId } = config.process;
  const counts = await readGroupCounts(log, { groupId, topics, partitionsNow: partitionsOf });
  return {
    log,
    snapshots,
    semantics,
    settings: { ...config.process, transactionTimeoutMs: transactionTimeoutMs(config) },
    topics,
    featureTopics: featureTopics(config).map(({ topic }) => topic),
    clock,
    logger,
    metrics,
    ...counts,
    encodeFeatureRow: (window, shard) => encode(window, { ...shard, features }),
    sources: new SourceWatch({
      ...{ clock, log, logger, semantics, topics },
      settings: config.process,
      sourcePartitions: counts.sourcePartitions,
    }),
    snapshotTurn: { taken: false },
    journalShards: new JournalShards(log),
    ...(createBaseline === undefined ? {} : { createBaseline }),
    ...(commitBytesMax === undefined ? {} : { commitBytesMax }),
  };
}

/** The embedded log ends no transaction; one that holds so much is split all the same. */
function transactionTimeoutMs({ process: { kafka } }: Config): number {
  return kafka?.transactionTimeoutMs ?? 60_000;
}
