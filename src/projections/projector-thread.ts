// The root of the projector's thread: builds the log, the store and the projector, and answers the main thread. Its one
// task ends only when drained, or rejects with what the supervisor must decide on.
import { systemClock } from '../clock.ts';
import { deferred } from '../deferred.ts';
import { ConfigError, errorToData } from '../errors.ts';
import { openEventLog } from '../log/open.ts';
import { createLogger } from '../logger.ts';
import { createMetrics } from '../metrics.ts';
import { selectFeatures } from '../sensors/features.ts';
import { openFeatureStore } from '../stores/open.ts';
import { createLiveRows } from './live.ts';
import { startProjector, type Projector } from './online.ts';
import type { ProjectorCommand, ProjectorEvent, ProjectorTask } from './protocol.ts';

const statusIntervalMs = 1_000;

/** Runs the projector until it is drained. Rejects with `ErrorData`, whose directive the supervisor follows. */
export async function runProjector(task: ProjectorTask): Promise<void> {
  const closers: (() => Promise<void>)[] = [];
  try {
    await project(task, closers);
  } catch (error) {
    // Errors cross threads as data: a thrown class would arrive without its code and directive.
    // eslint-disable-next-line @typescript-eslint/only-throw-error
    throw errorToData(error);
  } finally {
    for (const close of closers.reverse()) await close();
    task.port.close();
  }
}

async function project(
  { config, port }: ProjectorTask,
  closers: (() => Promise<void>)[],
): Promise<void> {
  const { process: settings, semantics } = config;
  const send = (event: ProjectorEvent): void => port.postMessage(event);
  const logger = createLogger(settings.logLevel).child({ thread: 'projector' });
  const metrics = createMetrics();
  const groupId = `${settings.groupId}-projection`;
  const clientId = `${groupId}-${process.pid}`;
  const log = await openEventLog(settings, { clientId, logger, clock: systemClock });
  closers.push(() => log.close());
  const topic = settings.outputTopic;
  if ((await log.describeTopic(topic)) === undefined) {
    throw new ConfigError(`topic ${topic} does not exist: create it with \`topics create\``);
  }
  const store = await openFeatureStore(settings, {
    features: selectFeatures(semantics.features),
    logger,
  });
  closers.push(() => store.close());
  const live = createLiveRows(systemClock, (rows) => send({ type: 'rows', rows }));
  closers.push(async () => live.close());
  const failure = deferred<never>();
  const projector = await startProjector({
    log,
    store,
    topic,
    groupId,
    clock: systemClock,
    logger,
    metrics,
    onRows: (rows) => live.offer(rows),
    onFailed: (error) => failure.reject(error),
  });
  closers.push(() => projector.drain());
  const statusTimer = setInterval(() => {
    send({ type: 'status', ...projector.status() });
  }, statusIntervalMs);
  closers.push(async () => clearInterval(statusTimer));
  const drained = deferred<void>();
  port.on('message', (command: ProjectorCommand) => {
    answer(command, projector, metrics.registry, send).then(
      (done) => done && drained.resolve(),
      (error: unknown) => failure.reject(error),
    );
  });
  send({ type: 'running' });
  await Promise.race([drained.promise, failure.promise]);
  send({ type: 'drained' });
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
