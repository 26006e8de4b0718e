// `project --rebuild`: refills the online store from the topics of feature rows, for example after
// Redis was wiped.
import type { Command } from 'commander';

import type { TopicPartition } from '../records/record.ts';
import { featureTopics } from '../log/topics.ts';
import { rebuild, type RebuildProgress } from '../projections/rebuild.ts';
import { claimFeatureStore, openFeatureStore } from '../stores/open.ts';
import { readConfig, withLog } from './command.ts';
import { printLine, withInterrupt, type CliContext } from './context.ts';
import { createProgress, type Progress } from './progress.ts';

interface ProjectFlags {
  readonly rebuild: true;
  readonly json?: true;
}

const badRowsShownMax = 10;

const examples = `
It is safe at any time, even while \`run\` writes to the same store: only newer windows are written.

Example:
  KAFKA_BROKERS=localhost:9092 REDIS_URL=redis://localhost:6379 node dist/main.js project --rebuild`;

/** Adds `project --rebuild`. */
export function addProject(program: Command, context: CliContext): void {
  program
    .command('project')
    .description('refill the online store from the topics of feature rows')
    .requiredOption(
      '--rebuild',
      'read all rows and write each sensor’s newest window of each length',
    )
    .option('--json', 'print the counts as JSON')
    .addHelpText('after', examples)
    .action((flags: ProjectFlags) => project(flags, context));
}

async function project({ json }: ProjectFlags, context: CliContext): Promise<void> {
  const config = readConfig(context);
  const startMs = context.clock.monotonicMs();
  const result = await withLog({ config, context, name: 'project' }, async (log, logger) => {
    await claimFeatureStore(config, logger);
    const store = await openFeatureStore(config, logger);
    try {
      return await withInterrupt(context, (signal) =>
        rebuildShown(context, { config, log, store, signal }),
      );
    } finally {
      await store.close();
    }
  });
  if (json === true) {
    printLine(context.out, JSON.stringify(result));
    return;
  }
  const seconds = ((context.clock.monotonicMs() - startMs) / 1_000).toFixed(1);
  const { records, written, skipped, refused, badRows } = result;
  printLine(
    context.out,
    `${records} records read in ${seconds} s: ${written} sensors written, ${skipped} were up to date` +
      (refused > 0 ? `, ${refused} refused by the store` : '') +
      (badRows > 0 ? `, ${badRows} records were not feature rows` : ''),
  );
}

async function rebuildShown(
  context: CliContext,
  {
    config,
    log,
    store,
    signal,
  }: {
    readonly config: ReturnType<typeof readConfig>;
    readonly log: Parameters<typeof rebuild>[0];
    readonly store: Parameters<typeof rebuild>[1];
    readonly signal: AbortSignal;
  },
): Promise<RebuildProgress> {
  const topics = featureTopics(config);
  let progress: Progress | undefined;
  let badRows = 0;
  const onBadRow = (of: TopicPartition, offset: number, error: Error): void => {
    badRows += 1;
    if (badRows > badRowsShownMax) return;
    printLine(context.err, `skipped ${of.topic}/${of.partition}@${offset}: ${error.message}`);
  };
  try {
    return await rebuild(
      log,
      store,
      { topics, clock: context.clock, signal, onBadRow },
      (counts) => {
        progress ??= createProgress(context, {
          title: 'projecting',
          unit: 'records',
          total: counts.recordsTotal,
        });
        progress.update(counts.records);
      },
    );
  } finally {
    progress?.stop();
  }
}
