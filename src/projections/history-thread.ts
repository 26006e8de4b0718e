// The root of the history thread: opens the log and keeps day files of its feature rows in
// HISTORY_DIR. Its one task ends when drained, or rejects with an error for the supervisor.
import { systemClock } from '../clock.ts';
import { ConfigError, errorToData } from '../errors.ts';
import { openEventLog } from '../log/open.ts';
import { openLogger } from '../logger.ts';
import { selectFeatures } from '../sensors/features.ts';
import { openHistoryStore } from '../stores/open-history.ts';
import { runHistoryProjection } from './history-loop.ts';
import type { HistoryTask } from './history-protocol.ts';

/**
 * Keeps the history until drained. Rejects with `ErrorData`; the supervisor follows its directive.
 */
export async function runHistory({ config, port }: HistoryTask): Promise<void> {
  const closers: (() => Promise<void>)[] = [async () => port.close()];
  try {
    const { process: settings, semantics } = config;
    const { historyDir: directory, historyIntervalMs: intervalMs } = settings;
    if (directory === undefined) throw new ConfigError('HISTORY_DIR is not set');
    const logger = openLogger(settings).child({ thread: 'history' });
    const clientId = `${settings.groupId}-history-${process.pid}`;
    const log = await openEventLog(settings, { clientId, logger, clock: systemClock });
    closers.push(() => log.close());
    const features = selectFeatures(semantics.features);
    const place = { directory, intervalMs, features, clock: systemClock };
    await runHistoryProjection({
      ...{ config, port, log, logger, clock: systemClock },
      openStore: (topic, options) =>
        openHistoryStore({
          ...{ ...place, ...topic, ...options },
          ...{ whenTaken: 'wait', whenGrown: 'refuse' },
        }),
    });
  } catch (error) {
    // Errors cross threads as data: a thrown class would arrive without its code and directive.
    // eslint-disable-next-line @typescript-eslint/only-throw-error
    throw errorToData(error);
  } finally {
    for (const close of closers.reverse()) await close();
  }
}
