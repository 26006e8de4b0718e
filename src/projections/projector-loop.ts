// The life of the projector thread: projects, reports to the supervisor and answers its questions.
// The root, projector-thread.ts, opens the log and the store.
import { repeatedly, type Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import type { ControlPort } from '../control-port.ts';
import { deferred } from '../deferred.ts';
import { ConfigError, isSensoriumError } from '../errors.ts';
import type { EventLog } from '../log/event-log.ts';
import { featureTopics } from '../log/topics.ts';
import type { Logger } from '../logger.ts';
import { createMetrics } from '../metrics/pipeline-metrics.ts';
import { addThreadGauges } from '../metrics/thread-gauges.ts';
import type { FeatureStore } from '../stores/feature-store.ts';
import { createLiveRows } from './live.ts';
import { startProjector, type Projector, type ProjectorOptions } from './online.ts';
import { readableAfterMs } from './readable.ts';
import { RecentAnomalies } from './recent-anomalies.ts';
import type { ProjectorCommand, ProjectorEvent } from './protocol.ts';

export interface ProjectorParts {
  readonly config: Config;
  /** ProjectorCommand in, ProjectorEvent out. */
  readonly port: ControlPort;
  readonly log: EventLog;
  readonly store: FeatureStore;
  readonly clock: Clock;
  readonly logger: Logger;
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
  for (const { topic } of topics) {
    if ((await log.describeTopic(topic)) !== undefined) continue;
    throw new ConfigError(`topic ${topic} does not exist: create it with \`topics create\``);
  }
  const live = createLiveRows(clock, (rows) => send({ type: 'rows', rows }));
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
    ...servingOf(config),
    onRows: (rows) => live.offer(rows),
    onFailed: (error) => failure.reject(error),
  });
  const anomalies = new RecentAnomalies({
    log,
    topic: config.process.anomalyTopic,
    ...anomalyBounds,
  });
  const stopReporting = repeatedly(clock, statusIntervalMs, () => {
    send({ type: 'status', ...projector.status() });
  });
  port.on('message', (command: ProjectorCommand) => {
    answer(command, { projector, anomalies, registry: metrics.registry, logger }, send).then(
      (done) => done && drained.resolve(),
      (error: unknown) => failure.reject(error),
    );
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

/** Without SERVING_DELAY_MS a row is never early: its window cannot close sooner (ADR 19). */
function servingOf(config: Config): Pick<ProjectorOptions, 'serving'> {
  const { servingDelayMs: holdMsMax } = config.process;
  return holdMsMax === 0 ? {} : { serving: { afterMs: readableAfterMs(config), holdMsMax } };
}

interface Answering {
  readonly projector: Projector;
  readonly anomalies: RecentAnomalies;
  readonly registry: { getMetricsAsJSON(): Promise<readonly object[]> };
  readonly logger: Logger;
}

async function answer(
  command: ProjectorCommand,
  { projector, anomalies, registry, logger }: Answering,
  send: (event: ProjectorEvent) => void,
): Promise<boolean> {
  switch (command.type) {
    case 'drain':
      await projector.drain();
      return true;
    case 'metrics':
      send({
        type: 'metrics',
        requestId: command.requestId,
        metrics: await registry.getMetricsAsJSON(),
      });
      return false;
    case 'anomalies': {
      const { requestId, sensorId } = command;
      const found = await anomalies.of(sensorId).catch((error: unknown) => {
        // A question that cannot be answered ends no thread: neither an outage nor a right that is
        // missing.
        if (!isSensoriumError(error) || error.directive === 'crash') throw error;
        logger.warn({ sensorId, reason: error.message }, 'anomalies not read');
        return null;
      });
      send({ type: 'anomalies', requestId, anomalies: found });
      return false;
    }
    default:
      return command satisfies never;
  }
}
