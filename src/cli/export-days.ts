// `export --daily` and `--follow`: the history of feature rows in a file a day, which goes on from
// where it ended and outlives the topic.
import { join } from 'node:path';

import type { Config } from '../config/config.ts';
import { ConfigError } from '../errors.ts';
import type { EventLog } from '../log/event-log.ts';
import type { FeatureTopic } from '../log/topics.ts';
import type { FollowProgress } from '../projections/history.ts';
import { keepHistory } from '../projections/keep-history.ts';
import { readableAfterMs } from '../projections/readable.ts';
import { selectFeatures } from '../sensors/features.ts';
import { openHistoryStore } from '../stores/open-history.ts';
import { logPlace, withLog } from './command.ts';
import { printLine, withInterrupt, type CliContext } from './context.ts';

export interface DayFlags {
  readonly out: string;
  readonly views?: string;
  readonly json?: true;
  readonly daily?: true;
  readonly follow?: true;
  readonly migrate?: true;
}

interface DayExport {
  readonly config: Config;
  readonly views: readonly FeatureTopic[];
}

interface Kept extends FeatureTopic {
  readonly folder: string;
  readonly progress: FollowProgress | undefined;
  readonly badRows: number;
}

const badRowsShownMax = 10;

/** Returns whether `flags` ask for day files. */
export function isByDay({ daily, follow, migrate }: DayFlags): boolean {
  return daily === true || follow === true || migrate === true;
}

/** Keeps day files of `views`, up to the topics' ends or until interrupted. */
export async function exportDays(
  flags: DayFlags,
  context: CliContext,
  { config, views }: DayExport,
): Promise<void> {
  if (flags.out.endsWith('.parquet')) {
    throw new ConfigError(`--out ${flags.out} is one file: name a folder for day files`);
  }
  const startMs = context.clock.monotonicMs();
  const kept = await withLog({ config, context, name: 'export', access: 'read' }, (log) =>
    withInterrupt(context, async (signal) => {
      if (flags.follow === true) {
        printLine(context.err, `following ${logPlace(config)} into ${flags.out}; ^C to stop`);
      }
      const failed = new AbortController();
      const either = AbortSignal.any([signal, failed.signal]);
      const all = views.map((view) =>
        keepView(flags, context, { config, log, ...view, signal: either }).catch(
          (error: unknown) => {
            failed.abort();
            throw error;
          },
        ),
      );
      const settled = await Promise.allSettled(all);
      for (const result of settled) if (result.status === 'rejected') throw result.reason;
      return Promise.all(all);
    }),
  );
  if (flags.json === true) return printLine(context.out, JSON.stringify({ views: kept }));
  const seconds = (context.clock.monotonicMs() - startMs) / 1_000;
  for (const view of kept) printLine(context.out, keptLine(view));
  printLine(context.out, `from ${logPlace(config)} in ${seconds.toFixed(1)} s`);
}

interface ViewOptions extends FeatureTopic {
  readonly config: Config;
  readonly log: EventLog;
  readonly signal: AbortSignal;
}

async function keepView(
  flags: DayFlags,
  context: CliContext,
  { config, log, topic, view, signal }: ViewOptions,
): Promise<Kept> {
  const { clock, err } = context;
  const features = selectFeatures(config.semantics.features);
  const { historyIntervalMs: intervalMs } = config.process;
  let badRows = 0;
  const progress = await keepHistory({
    ...{ log, topic, view, features, clock, signal },
    availableAfterMs: readableAfterMs(config),
    follow: flags.follow === true ? 'on' : 'once',
    atEnd: 'publish',
    commitIntervalMs: intervalMs,
    openStore: () =>
      openHistoryStore({
        ...{ directory: flags.out, topic, view, features, intervalMs, clock, signal },
        whenTaken: 'refuse',
        whenGrown: flags.migrate === true ? 'migrate' : 'refuse',
        onWait: (message) => printLine(err, message),
      }),
    onBadRow: ({ partition }, offset, error) => {
      badRows += 1;
      if (badRows > badRowsShownMax) return;
      printLine(err, `left out ${topic}/${partition}@${offset}: ${error.message}`);
    },
    onGap: ({ partition, from, to }) =>
      printLine(
        err,
        `warning: ${topic}/${partition} begins at offset ${to}, and the history had read up to ` +
          `${from}: ${to - from} records are lost to it. Give the topic a longer retention.ms`,
      ),
    onRetry: (error) => printLine(err, `trying again: ${error.message}`),
  });
  return { topic, view, folder: join(flags.out, view), progress, badRows };
}

function keptLine({ folder, progress }: Kept): string {
  if (progress === undefined) return `${folder}: stopped`;
  const { records, newestMs } = progress;
  const until = newestMs === undefined ? '' : `, windows that end up to ${isoOf(newestMs)}`;
  return `${folder}: ${records} records read${until}`;
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
