// The root of a worker thread: builds what its shards need, joins the consumer group, answers the supervisor. Its one
// task ends only when drained, or rejects with what the supervisor must decide on.
import { systemClock } from '../clock.ts';
import type { Config } from '../config.ts';
import { encodeFeatureRowAvro, encodeFeatureRowJson } from '../codecs/feature-row.ts';
import { deferred } from '../deferred.ts';
import { ConfigError, errorToData } from '../errors.ts';
import type { EventLog } from '../log/event-log.ts';
import { openEventLog } from '../log/open.ts';
import { topicNames } from '../log/topics.ts';
import { createLogger, type Logger } from '../logger.ts';
import { createMetrics, type Metrics } from '../metrics.ts';
import { selectFeatures } from '../sensors/features.ts';
import { openSnapshotStore } from '../stores/open.ts';
import type { ShardStatus, WorkerCommand, WorkerEvent } from './protocol.ts';
import { Router } from './router.ts';
import type { ShardContext } from './shard-context.ts';
import type { WorkerTask } from './worker-data.ts';

const statusIntervalMs = 1_000;

/** Runs one worker until it is drained. @throws what the supervisor decides on, by its directive. */
export async function runWorker({ config, workerIndex, port }: WorkerTask): Promise<void> {
  const logger = createLogger(config.process.logLevel).child({ worker: workerIndex });
  const metrics = createMetrics();
  const send = (event: WorkerEvent): void => port.postMessage(event);
  const clientId = `${config.process.groupId}-${process.pid}-${workerIndex}`;
  const log = await openEventLog(config.process, { clientId, logger, clock: systemClock });
  const context = await shardContext(config, log, logger, metrics);
  const failure = deferred<never>();
  const drained = deferred<void>();
  const router = new Router(context, {
    shardChanged: (shard) => send({ type: 'shard', shard }),
    failed: (error) => failure.reject(error),
  });
  const statusTimer = setInterval(() => {
    const shards = router.statuses();
    observeShards(metrics, shards);
    send({ type: 'status', shards });
  }, statusIntervalMs);
  port.on('message', (command: WorkerCommand) => {
    answer(command, router, metrics, send).then(
      (done) => done && drained.resolve(),
      (error: unknown) => failure.reject(error),
    );
  });
  try {
    await Promise.race([router.join(log, config.process.advertisedUrl ?? ''), failure.promise]);
    send({ type: 'running' });
    await Promise.race([drained.promise, failure.promise]);
    send({ type: 'drained' });
  } catch (error) {
    // Errors cross threads as data: a thrown class would arrive without its code and directive.
    // eslint-disable-next-line @typescript-eslint/only-throw-error
    throw errorToData(error);
  } finally {
    clearInterval(statusTimer);
    await context.snapshots.close();
    await log.close();
    port.close();
  }
}

async function answer(
  command: WorkerCommand,
  router: Router,
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
    default:
      return command satisfies never;
  }
}

async function shardContext(
  config: Config,
  log: EventLog,
  logger: Logger,
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
  return {
    log,
    snapshots: await openSnapshotStore(config.process, log),
    semantics,
    settings: config.process,
    topics,
    clock: systemClock,
    logger,
    metrics,
    sourcePartitions: await partitionsOf(topics.input),
    rekeyedPartitions: await partitionsOf(topics.rekeyed),
    journalPartitions: await partitionsOf(topics.journal),
    encodeFeatureRow: (window, shard) => encode(window, { ...shard, features }),
    rekeying: { active: false, leastSourceMs: undefined },
  };
}

function observeShards(metrics: Metrics, shards: readonly ShardStatus[]): void {
  for (const gauge of [
    metrics.lagRecords,
    metrics.watermarkDelaySeconds,
    metrics.sensors,
    metrics.openWindows,
  ]) {
    gauge.reset();
  }
  for (const shard of shards) {
    const labels = { topic: shard.topic, partition: String(shard.partition) };
    metrics.lagRecords.set(labels, shard.highWatermark - shard.position);
    metrics.sensors.set(labels, shard.sensors);
    metrics.openWindows.set(labels, shard.openWindows);
    if (shard.watermarkMs !== null) {
      metrics.watermarkDelaySeconds.set(labels, (systemClock.nowMs() - shard.watermarkMs) / 1_000);
    }
  }
}
