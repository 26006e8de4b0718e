// What `replay` and `audit` open: the log and the snapshots, to read only, also beside a running
// process.
import { pastContext, type PastContext } from '../past/past-context.ts';
import { openSnapshotStore } from '../stores/open.ts';
import { withLog, type LogUse } from './command.ts';
import { withKeptRules } from './kept-config.ts';

/**
 * Opens what the past of shards is read from, for the time of `use`.
 * @throws ConfigError, UnavailableError
 */
export function withPastShards<T>(
  opened: Omit<LogUse, 'access'>,
  use: (past: PastContext) => Promise<T>,
): Promise<T> {
  const { config, context } = opened;
  return withLog({ ...opened, access: 'read' }, async (log, logger) => {
    const snapshots = await openSnapshotStore(config.process, log);
    try {
      const kept = await withKeptRules(log, config, context);
      return await use(await pastContext(kept, { log, snapshots, logger }));
    } finally {
      await snapshots.close();
    }
  });
}
