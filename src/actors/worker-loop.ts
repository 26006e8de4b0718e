// The life of a worker thread from start to end: prepares its shards, joins the consumer
// group, reports and answers to the supervisor. The root (worker.ts) opens the log and the snapshot
// store for it.
import { answerQuestion } from '../answers.ts';
import { repeatedly, type Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { ControlPort } from '../control-port.ts';
import { encodeFeatureRowAvro, encodeFeatureRowJson } from '../codecs/feature-row.ts';
import { deferred } from '../deferred.ts';
import { ConfigError } from '../errors.ts';
import type { EventLog } from '../log/event-log.ts';
import { TopicIds } from '../log/topic-ids.ts';
import { featureTopics, topicNames } from '../log/topics.ts';
import type { Logger } from '../logger.ts';
import { createMetrics, type Metrics } from '../metrics/pipeline-metrics.ts';
import { addThreadGauges } from '../metrics/thread-gauges.ts';
import type { CreateBaseline } from '../sensors/create-baseline.ts';
import { selectFeatures } from '../sensors/features.ts';
import type { SchemaSource } from '../registry/schema-source.ts';
import type { SnapshotStore } from '../stores/snapshot-store.ts';
import type { Tracer } from '../tracing/tracer.ts';
import { readGroupCounts } from './group-counts.ts';
import { HeldPositions } from './held-positions.ts';
import { JournalShards } from './journal-shards.ts';
import type { WorkerCommand, WorkerEvent, WorkerQuestion } from './protocol.ts';
import { WorkerShards } from './worker-shards.ts';
import type { ShardContext } from './shard-context.ts';
import { SourceWatch } from './source-watch.ts';

export interface WorkerParts {
  readonly config: Config;
  /** WorkerCommand in, WorkerEvent out. */
  readonly port: ControlPort;
  readonly log: EventLog;
  readonly snapshots: SnapshotStore;
  /** Left out where no record names a schema. */
  readonly schemas?: SchemaSource | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Left out where traces are off. */
  readonly tracer?: Tracer | undefined;
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
  const { clock, config, log, logger, port } = parts;
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
    if (command.type === 'drain') router.drain().then(drained.resolve, failure.reject);
    else void answerQuestion(command, () => answerTo(command, router, metrics), { logger, send });
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

async function answerTo(
  question: WorkerQuestion,
  router: WorkerShards,
  metrics: Metrics,
): Promise<WorkerEvent> {
  const { requestId } = question;
  switch (question.type) {
    case 'metrics': {
      const values = await metrics.registry.getMetricsAsJSON();
      return { type: 'metrics', requestId, metrics: values };
    }
    case 'sensor':
      return { type: 'sensor', requestId, sensor: router.sensor(question.sensorId) };
    case 'sensors':
      return { type: 'sensors', requestId, page: await router.sensors(question.search) };
    case 'retry':
      return { type: 'retry', requestId, outcome: await router.retry(question.retry) };
    case 'command':
      return { type: 'command', requestId, outcomes: await router.command(question.command) };
    default:
      return question satisfies never;
  }
}

async function shardContext(
  {
    clock,
    commitBytesMax,
    config,
    createBaseline,
    log,
    logger,
    schemas,
    snapshots,
    tracer,
  }: WorkerParts,
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
    schemas,
    tracer,
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
    heldPositions: new HeldPositions(),
    topicIds: new TopicIds(log, [topics.input, topics.rekeyed, topics.journal]),
    ...(createBaseline === undefined ? {} : { createBaseline }),
    ...(commitBytesMax === undefined ? {} : { commitBytesMax }),
  };
}

/** The embedded log ends no transaction; one that holds so much is split all the same. */
function transactionTimeoutMs({ process: { kafka } }: Config): number {
  return kafka?.transactionTimeoutMs ?? 60_000;
}
