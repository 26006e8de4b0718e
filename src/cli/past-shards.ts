// Opens the log and the snapshots read-only for `replay` and `audit`, even beside a running
// process.
import { pastContext, type PastContext } from '../past/past-context.ts';
import { openSchemas } from '../registry/open.ts';
import { openSnapshotStore } from '../stores/open.ts';
import { withLog, type LogUse } from './command.ts';
import { withKeptRules } from './kept-config.ts';

/**
 * Opens the log and the snapshots, runs `use` and closes them.
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
      const schemas = openSchemas(kept, context.clock);
      return await use(await pastContext(kept, { log, snapshots, logger, schemas }));
    } finally {
      await snapshots.close();
    }
  });
}
