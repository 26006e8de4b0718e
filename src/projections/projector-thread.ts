// The root of the projector thread: opens the log and the store and projects from one to the other.
// Its one task ends when drained, or rejects with an error for the supervisor.
import { systemClock } from '../clock.ts';
import { errorToData } from '../errors.ts';
import { openEventLog } from '../log/open.ts';
import { openLogger } from '../logger.ts';
import { openFeatureStore } from '../stores/open.ts';
import { openTracer } from '../tracing/open.ts';
import { runOnlineProjection } from './projector-loop.ts';
import type { ProjectorTask } from './protocol.ts';

/**
 * Runs the projector until drained. Rejects with `ErrorData` whose directive the supervisor
 * follows.
 */
export async function runProjector({ config, port }: ProjectorTask): Promise<void> {
  const closers: (() => Promise<void>)[] = [async () => port.close()];
  try {
    const { process: settings } = config;
    const logger = openLogger(settings).child({ thread: 'projector' });
    const clientId = `${settings.groupId}-projection-${process.pid}`;
    const log = await openEventLog(settings, { clientId, logger, clock: systemClock });
    closers.push(() => log.close());
    const store = await openFeatureStore(config, logger);
    closers.push(() => store.close());
    const tracer = await openTracer(settings, logger);
    closers.push(async () => tracer?.close());
    const threadName = 'projector';
    const parts = { config, port, log, store, clock: systemClock, logger, threadName, tracer };
    await runOnlineProjection(parts);
  } catch (error) {
    // Errors cross threads as data: a thrown class would arrive without its code and directive.
    // eslint-disable-next-line @typescript-eslint/only-throw-error
    throw errorToData(error);
  } finally {
    for (const close of closers.reverse()) await close();
  }
}
