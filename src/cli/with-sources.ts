// The history and the log for a command that reads both.
import { availableParallelism } from 'node:os';

import { Option } from 'commander';

import type { Config } from '../config/config.ts';
import type { EventLog } from '../log/event-log.ts';
import type { QueryLimits, QuerySources } from '../queries/query.ts';
import { withQuerySources } from '../queries/query-sources.ts';
import { holdHistory } from '../stores/open-history.ts';
import { withLog } from './command.ts';
import { printLine, withInterrupt, type CliContext } from './context.ts';

/** The flags of `historyOption` and `noLiveOption`. */
export interface SourceFlags {
  readonly history?: string;
  readonly live: boolean;
}

export const historyOption: Option = new Option(
  '--history <folder>',
  'day files of export or run (default: HISTORY_DIR)',
);
export const noLiveOption: Option = new Option('--no-live', 'read the files only, and open no log');

export interface SourcesAsked {
  /** HISTORY_DIR is where the history is. */
  readonly config: Config;
  readonly context: CliContext;
  /** Name of the command. */
  readonly name: string;
  /** False opens no log: only what is in files. */
  readonly live: boolean;
}

/** Runs `use` with the sources, within the limits of the settings. */
export function withSources<T>(
  asked: SourcesAsked,
  use: (sources: QuerySources, limits: QueryLimits) => Promise<T>,
): Promise<T> {
  const { config, context, live, name } = asked;
  const { clock, err } = context;
  const { historyDir } = config.process;
  const hold = (folder: string) => (view: string) => holdHistory(folder, view, clock.nowMs());
  const run = (log: EventLog | undefined): Promise<T> =>
    withInterrupt(context, (interrupt) =>
      withQuerySources(
        {
          ...{ config, clock, log, interrupt, threads: availableParallelism() },
          hold: historyDir === undefined ? undefined : hold(historyDir),
          onWarning: (message) => printLine(err, `warning: ${message}`),
        },
        use,
      ),
    );
  return live ? withLog({ config, context, name, access: 'read' }, run) : run(undefined);
}
