// What `replay` and `audit` open: the log and the snapshots, to read only, also beside a running
// process.
import { replayContext, type ReplayContext } from '../replay/replay-context.ts';
import { openSnapshotStore } from '../stores/open.ts';
import { withLog, type LogUse } from './command.ts';
import { withKeptRules } from './kept-config.ts';

/**
 * Opens what the past of shards is read from, for the time of `use`.
 * @throws ConfigError, UnavailableError
 */
export function withPastShards<T>(
  opened: Omit<LogUse, 'access'>,
  use: (past: ReplayContext) => Promise<T>,
): Promise<T> {
  const { config, context } = opened;
  return withLog({ ...opened, access: 'read' }, async (log, logger) => {
    const snapshots = await openSnapshotStore(config.process, log);
    try {
      const kept = await withKeptRules(log, config, context);
      return await use(await replayContext(kept, { log, snapshots, logger }));
    } finally {
      await snapshots.close();
    }
  });
}
