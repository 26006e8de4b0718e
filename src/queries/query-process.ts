// The root of the process that answers one query of POST /query: opens the log, writes the result
// to the file of its task, and ends. What a query costs, or breaks, is this process's own.
import { setPriority } from 'node:os';

import { systemClock } from '../clock.ts';
import { errorToData } from '../errors.ts';
import { openEventLog } from '../log/open.ts';
import { openLogger } from '../logger.ts';
import { holdHistory } from '../stores/open-history.ts';
import { queryToFile } from './query.ts';
import type { QueryAnswer, QueryTask } from './query-runner.ts';
import { withQuerySources } from './query-sources.ts';

/** The pipeline of the parent comes first. */
const niceness = 10;

async function answer({ config, sql, path, format }: QueryTask): Promise<QueryAnswer> {
  const { historyDir } = config.process;
  const logger = openLogger(config.process).child({ process: 'query' });
  const interrupt = new AbortController();
  process.once('disconnect', () => interrupt.abort());
  const clientId = `sensorium-query-${process.pid}`;
  try {
    const log = await openEventLog(config.process, {
      ...{ clientId, logger, clock: systemClock, access: 'read' },
    });
    try {
      const hold = (folder: string) => (view: string) =>
        holdHistory(folder, view, systemClock.nowMs());
      await withQuerySources(
        {
          ...{ config, clock: systemClock, log, interrupt: interrupt.signal, threads: 1 },
          hold: historyDir === undefined ? undefined : hold(historyDir),
          onWarning: (message) => logger.warn({ sql }, message),
        },
        (sources, limits) => queryToFile(sql, sources, { ...limits, path, format }),
      );
      return { type: 'written' };
    } finally {
      await log.close();
    }
  } catch (error) {
    return { type: 'failed', error: errorToData(error) };
  }
}

setPriority(niceness);
process.once('message', (task: QueryTask) => {
  void answer(task).then((result) => process.send?.(result, () => process.disconnect()));
});
