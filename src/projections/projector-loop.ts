// What the projector's thread does from its start to its end: projects, reports and answers to the supervisor. The root
// (projector-thread.ts) opens the log and the store for it.
import { repeatedly, type Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { ControlPort } from '../control-port.ts';
import { deferred } from '../deferred.ts';
import { ConfigError } from '../errors.ts';
import type { EventLog } from '../log/event-log.ts';
import type { Logger } from '../logger.ts';
import { createMetrics } from '../metrics.ts';
import type { FeatureStore } from '../stores/feature-store.ts';
import { createLiveRows } from './live.ts';
import { startProjector, type Projector } from './online.ts';
import type { ProjectorCommand, ProjectorEvent } from './protocol.ts';

export interface ProjectorParts {
  readonly config: Config;
  /** ProjectorCommand in, ProjectorEvent out. */
  readonly port: ControlPort;
  readonly log: EventLog;
  readonly store: FeatureStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

const statusIntervalMs = 1_000;

/** Projects until drained. @throws what the supervisor decides on, by its directive. */
export async function runOnlineProjection(parts: ProjectorParts): Promise<void> {
  const { clock, config, log, logger, port, store } = parts;
  const topic = config.process.outputTopic;
  const send = (event: ProjectorEvent): void => port.postMessage(event);
  const metrics = createMetrics();
  if ((await log.describeTopic(topic)) === undefined) {
    throw new ConfigError(`topic ${topic} does not exist: create it with \`topics create\``);
  }
  const live = createLiveRows(clock, (rows) => send({ type: 'rows', rows }));
  const failure = deferred<never>();
  const drained = deferred<void>();
  const projector = await startProjector({
    log,
    store,
    topic,
    groupId: `${config.process.groupId}-projection`,
    clock,
    logger,
    metrics,
    onRows: (rows) => live.offer(rows),
    onFailed: (error) => failure.reject(error),
  });
  const stopReporting = repeatedly(clock, statusIntervalMs, () => {
    send({ type: 'status', ...projector.status() });
  });
  port.on('message', (command: ProjectorCommand) => {
    answer(command, projector, metrics.registry, send).then(
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

async function answer(
  command: ProjectorCommand,
  projector: Projector,
  registry: { getMetricsAsJSON(): Promise<readonly object[]> },
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
    default:
      return command satisfies never;
  }
}
