// The life of the projector thread: projects, reports to the supervisor and answers its questions.
// The root, projector-thread.ts, opens the log and the store.
import { answerQuestion } from '../answers.ts';
import { repeatedly, type Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { ControlPort } from '../control-port.ts';
import { deferred } from '../deferred.ts';
import { ConfigError } from '../errors.ts';
import type { EventLog } from '../log/event-log.ts';
import { featureTopics } from '../log/topics.ts';
import type { Logger } from '../logger.ts';
import { createMetrics } from '../metrics/pipeline-metrics.ts';
import { addThreadGauges } from '../metrics/thread-gauges.ts';
import type { FeatureStore } from '../stores/feature-store.ts';
import type { Tracer } from '../tracing/tracer.ts';
import { createLiveRows } from './live.ts';
import { startProjector, type ProjectorOptions } from './online.ts';
import { readableAfterMs } from './readable.ts';
import { RecentAnomalies } from './recent-anomalies.ts';
import { drawnFeature, RecentWindows } from './recent-windows.ts';
import type { ProjectorCommand, ProjectorEvent, ProjectorQuestion } from './protocol.ts';

export interface ProjectorParts {
  readonly config: Config;
  /** ProjectorCommand in, ProjectorEvent out. */
  readonly port: ControlPort;
  readonly log: EventLog;
  readonly store: FeatureStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Left out where traces are off. */
  readonly tracer?: Tracer | undefined;
  /** For the gauges of this thread; left out where many share one, as in simulations. */
  readonly threadName?: string;
}

const statusIntervalMs = 1_000;
/** 20,000 anomalies at most in memory, some 5 MB. */
const anomalyBounds = { anomaliesPerSensorMax: 20, sensorsMax: 1_000, tailRecordsMax: 5_000 };

/** Projects until drained. @throws an error whose directive the supervisor follows. */
export async function runOnlineProjection(parts: ProjectorParts): Promise<void> {
  const { clock, config, log, logger, port, store } = parts;
  const topics = featureTopics(config);
  const send = (event: ProjectorEvent): void => port.postMessage(event);
  const metrics = createMetrics();
  if (parts.threadName !== undefined) addThreadGauges(metrics.registry, parts.threadName);
  await assertTopics(log, topics);
  const live = createLiveRows(clock, (rows) => send({ type: 'rows', rows }));
  const windows = new RecentWindows({
    sensorsMax: config.process.pageSensorsMax,
    windowsPerSensor: 30,
    feature: drawnFeature(config.semantics.features),
  });
  const failure = deferred<never>();
  const drained = deferred<void>();
  const projector = await startProjector({
    log,
    store,
    topics,
    groupId: `${config.process.groupId}-projection`,
    clock,
    logger,
    metrics,
    tracer: parts.tracer,
    ...servingOf(config),
    onRows: (rows) => {
      live.offer(rows);
      for (const row of rows) windows.add(row);
    },
    onFailed: (error) => failure.reject(error),
  });
  const anomalies = new RecentAnomalies({
    log,
    topic: config.process.anomalyTopic,
    ...anomalyBounds,
  });
  const answering = { anomalies, windows, registry: metrics.registry };
  const stopReporting = repeatedly(clock, statusIntervalMs, () => {
    send({ type: 'status', ...projector.status() });
  });
  port.on('message', (command: ProjectorCommand) => {
    if (command.type === 'drain') projector.drain().then(drained.resolve, failure.reject);
    else void answerQuestion(command, () => answerTo(command, answering), { logger, send });
  });
  send({ type: 'running' });
  try {
    await Promise.race([drained.promise, failure.promise]);
    send({ type: 'drained' });
  } finally {
    stopReporting();
    await projector.drain();
    live.close();
  }
}

async function assertTopics(
  log: EventLog,
  topics: readonly { readonly topic: string }[],
): Promise<void> {
  for (const { topic } of topics) {
    if ((await log.describeTopic(topic)) !== undefined) continue;
    throw new ConfigError(`topic ${topic} does not exist: create it with \`topics create\``);
  }
}

/** Without SERVING_DELAY_MS a row is never early: its window cannot close sooner (ADR 19). */
function servingOf(config: Config): Pick<ProjectorOptions, 'serving'> {
  const { servingDelayMs: holdMsMax } = config.process;
  return holdMsMax === 0 ? {} : { serving: { afterMs: readableAfterMs(config), holdMsMax } };
}

interface Answering {
  readonly anomalies: RecentAnomalies;
  readonly windows: RecentWindows;
  readonly registry: { getMetricsAsJSON(): Promise<readonly object[]> };
}

async function answerTo(
  question: ProjectorQuestion,
  { anomalies, windows, registry }: Answering,
): Promise<ProjectorEvent> {
  const { requestId } = question;
  switch (question.type) {
    case 'metrics':
      return { type: 'metrics', requestId, metrics: await registry.getMetricsAsJSON() };
    case 'anomalies':
      return { type: 'anomalies', requestId, anomalies: await anomalies.of(question.sensorId) };
    case 'windows': {
      const found = question.sensorIds.map((id) => windows.of(id));
      return { type: 'windows', requestId, windows: found };
    }
    default:
      return question satisfies never;
  }
}
