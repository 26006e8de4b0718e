// The root of a worker thread: builds the log and the snapshot store, and runs the shards over
// them. Its one task ends only when drained, or rejects with what the supervisor must decide on.
import { systemClock } from '../clock.ts';
import { errorToData } from '../errors.ts';
import { openEventLog } from '../log/open.ts';
import { openLogger } from '../logger.ts';
import { openSchemas } from '../registry/open.ts';
import { openSnapshotStore } from '../stores/open.ts';
import { openTracer } from '../tracing/open.ts';
import type { WorkerTask } from './worker-data.ts';
import { runShards } from './worker-loop.ts';

/**
 * Runs one worker until it is drained. Rejects with `ErrorData`, whose directive the supervisor
 * follows.
 */
export async function runWorker({ config, workerIndex, port }: WorkerTask): Promise<void> {
  const closers: (() => Promise<void>)[] = [async () => port.close()];
  try {
    const logger = openLogger(config.process).child({ worker: workerIndex });
    const clientId = `${config.process.groupId}-${process.pid}-${workerIndex}`;
    const log = await openEventLog(config.process, { clientId, logger, clock: systemClock });
    closers.push(() => log.close());
    const snapshots = await openSnapshotStore(config.process, log);
    closers.push(() => snapshots.close());
    const tracer = await openTracer(config.process, logger);
    closers.push(async () => tracer?.close());
    const threadName = `worker ${workerIndex}`;
    const schemas = openSchemas(config, systemClock);
    const parts = {
      config,
      port,
      log,
      snapshots,
      schemas,
      clock: systemClock,
      logger,
      threadName,
      tracer,
    };
    await runShards(parts);
  } catch (error) {
    // Errors cross threads as data: a thrown class would arrive without its code and directive.
    // eslint-disable-next-line @typescript-eslint/only-throw-error
    throw errorToData(error);
  } finally {
    for (const close of closers.reverse()) await close();
  }
}
