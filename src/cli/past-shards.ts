// What `replay` and `audit` open: the log and the snapshots, to read only, also beside a running process.
import { replayContext, type ReplayContext } from '../replay/replay-context.ts';
import { openSnapshotStore } from '../stores/open.ts';
import { withLog, type LogUse } from './command.ts';

/** Opens what the past of shards is read from, for the time of `use`. @throws ConfigError, UnavailableError */
export function withPastShards<T>(
  opened: Omit<LogUse, 'access'>,
  use: (past: ReplayContext) => Promise<T>,
): Promise<T> {
  const { config } = opened;
  return withLog({ ...opened, access: 'read' }, async (log, logger) => {
    const snapshots = await openSnapshotStore(config.process, log);
    try {
      return await use(await replayContext(config, { log, snapshots, logger }));
    } finally {
      await snapshots.close();
    }
  });
}
