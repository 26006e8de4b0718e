// `export`: writes the history of feature rows to Parquet files, which Feast joins for training.
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import type { Command } from 'commander';

import { ConfigError } from '../errors.ts';
import type { EventLog } from '../log/event-log.ts';
import { featureTopics, type FeatureTopic } from '../log/topics.ts';
import {
  readCommittedRows,
  type CommittedRowsOptions,
  type CommittedRow,
} from '../projections/offline.ts';
import { readableAfterMs } from '../projections/readable.ts';
import { selectFeatures, type FeatureDeclaration } from '../sensors/features.ts';
import { writeFeatureFile } from '../stores/parquet/feature-file.ts';
import { logPlace, readConfig, withLog } from './command.ts';
import { printLine, withInterrupt, type CliContext } from './context.ts';
import { exportDays, isByDay, type DayFlags } from './export-days.ts';
import { parseRange } from './moment.ts';
import { createProgress, type Progress } from './progress.ts';

interface ExportFlags extends DayFlags {
  readonly from?: string;
  readonly to?: string;
  readonly lineage?: true;
}

interface Exported {
  readonly view: string;
  readonly path: string;
  rows: number;
  readonly sensors: Set<string>;
  /** Rows that lack at least one feature. */
  incomplete: number;
  badRows: number;
  firstMs: number;
  lastMs: number;
}

const badRowsShownMax = 10;

const help = `
A row is exported if its window ends after --from and at or before --to, so adjacent ranges never
share a row. The columns are those the FileSource of feature_repo/ expects: sensor_id,
event_timestamp (the window's end), created (when the row was committed), available_at (from when on
it counts as readable), window_start, and each feature of FEATURES with its declared type.

--out FILE.parquet holds one view. --out FOLDER holds several, each in
FOLDER/<view>/features.parquet; Feast finds them in feature_repo/data. An existing file is replaced
once the new one is complete.

--daily keeps a history that outlives the topic: FOLDER/<view>/<YYYY-MM-DD>.parquet by the UTC day of
event_timestamp, sorted by sensor and time. The next --daily or --follow continues where the last one
ended, and no row is ever written twice, even after a kill. --follow continues until it is stopped.
--migrate adds the features that FEATURES has gained to the days already written.

Only committed rows are read. The export writes nothing to the log and joins no group: it is safe
beside a running program.

Examples:
  node dist/main.js export --out feature_repo/data
  node dist/main.js export --follow --out feature_repo/data
  node dist/main.js export --from 2026-01-01 --to 2026-02-01 --out january.parquet
  WINDOWS=5m node dist/main.js export --views sensor_features_5m --out five-minutes.parquet`;

/** Adds `export`. */
export function addExport(program: Command, context: CliContext): void {
  program
    .command('export')
    .description('write the history of feature rows to Parquet, for training with Feast')
    .option('--from <time>', 'only windows that end after it (default: the oldest in the topic)')
    .option('--to <time>', 'only windows that end at or before it (default: the newest)')
    .requiredOption('--out <path>', 'a .parquet file, or a folder')
    .option('--views <names>', 'feature views, comma-separated (default: all; one file: the base)')
    .option('--lineage', 'add the topic, partition and offsets of each window’s readings')
    .option('--daily', 'keep a file a day, continued by each later --daily or --follow')
    .option('--follow', 'as --daily, and continue with new rows until stopped')
    .option('--migrate', 'as --daily, and add new FEATURES to the days already written')
    .option('--json', 'print the written files as JSON')
    .addHelpText('after', help)
    .action((flags: ExportFlags) => exportHistory(flags, context));
}

async function exportHistory(flags: ExportFlags, context: CliContext): Promise<void> {
  const config = readConfig(context);
  assertLocal(flags.out);
  if (isByDay(flags)) {
    assertWhole(flags);
    const views = viewsOf(flags.views, featureTopics(config));
    return exportDays(flags, context, { config, views });
  }
  const targets = targetsOf(flags, featureTopics(config));
  const range = parseRange(flags);
  const features = selectFeatures(config.semantics.features);
  const availableAfterMs = readableAfterMs(config);
  const startMs = context.clock.monotonicMs();
  const written = await withLog({ config, context, name: 'export', access: 'read' }, (log) =>
    withInterrupt(context, async (signal) => {
      const done: Exported[] = [];
      for (const target of targets) {
        const wanted = { ...target, ...range, features, availableAfterMs, flags, signal };
        done.push(await exportView(context, log, wanted));
      }
      return done;
    }),
  );
  if (flags.json === true) {
    printLine(context.out, JSON.stringify({ files: written.map(exportedJson) }));
    return;
  }
  const seconds = (context.clock.monotonicMs() - startMs) / 1_000;
  for (const exported of written) printLine(context.out, exportedLine(exported));
  const rows = written.reduce((sum, exported) => sum + exported.rows, 0);
  printLine(context.out, `${rows} rows from ${logPlace(config)} in ${seconds.toFixed(1)} s`);
}

interface Target extends FeatureTopic {
  readonly path: string;
}

function assertLocal(out: string): void {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(out)?.[1];
  if (scheme === undefined) return;
  throw new ConfigError(
    `--out ${out}: expected a file or folder of this machine, got ${scheme}://. Write to a folder ` +
      'and copy it (files appear whole), or mount the bucket',
  );
}

/** Day files hold every row of a view. */
function assertWhole({ from, to, lineage }: ExportFlags): void {
  const given = { '--from': from, '--to': to, '--lineage': lineage };
  for (const [option, value] of Object.entries(given)) {
    if (value === undefined) continue;
    throw new ConfigError(
      `${option} is not for --daily, --follow and --migrate: they keep all rows`,
    );
  }
}

function viewsOf(
  views: string | undefined,
  known: readonly FeatureTopic[],
): readonly FeatureTopic[] {
  if (views === undefined) return known;
  const wanted = views.split(',').map((text) => {
    const name = text.trim();
    const found = known.find(({ view }) => view === name);
    if (found !== undefined) return found;
    const all = known.map(({ view }) => view).join(', ');
    throw new ConfigError(`--views: expected one of ${all} (WINDOWS adds more), got ${name}`);
  });
  if (new Set(wanted).size < wanted.length) throw new ConfigError('--views names a view twice');
  return wanted;
}

function targetsOf({ out, views }: ExportFlags, known: readonly FeatureTopic[]): readonly Target[] {
  const intoFile = out.endsWith('.parquet');
  const wanted = viewsOf(views, views === undefined && intoFile ? known.slice(0, 1) : known);
  if (intoFile && wanted.length > 1) {
    throw new ConfigError(`--out ${out} is one file and holds one view: use a folder for several`);
  }
  return wanted.map((topic) => {
    const folder = join(out, topic.view);
    if (!intoFile && existsSync(join(folder, '_manifest.json'))) {
      throw new ConfigError(
        `${folder} holds day files, and would hold its rows twice: --daily goes on with them`,
      );
    }
    return { ...topic, path: intoFile ? out : join(folder, 'features.parquet') };
  });
}

type ViewExport = Target &
  Pick<CommittedRowsOptions, 'fromMs' | 'toMs' | 'signal' | 'availableAfterMs'> & {
    readonly features: readonly FeatureDeclaration[];
    readonly flags: ExportFlags;
  };

async function exportView(
  context: CliContext,
  log: EventLog,
  { path, view, flags, features, ...range }: ViewExport,
): Promise<Exported> {
  const exported: Exported = {
    ...{ view, path, sensors: new Set<string>() },
    ...{ rows: 0, incomplete: 0, badRows: 0, firstMs: Infinity, lastMs: -Infinity },
  };
  let progress: Progress | undefined;
  const history = readCommittedRows(log, {
    ...range,
    view,
    features,
    onBadRow: ({ topic, partition }, offset, error) => {
      exported.badRows += 1;
      if (exported.badRows > badRowsShownMax) return;
      printLine(context.err, `skipped ${topic}/${partition}@${offset}: ${error.message}`);
    },
    onProgress: ({ records, recordsTotal }) => {
      const title = `exporting ${view}`;
      progress ??= createProgress(context, { title, unit: 'records', total: recordsTotal });
      progress.update(records);
    },
  });
  const lineage = flags.lineage === true ? 'with lineage' : 'without lineage';
  try {
    await writeFeatureFile({ path, features, lineage }, counted(history, exported, features));
  } finally {
    progress?.stop();
  }
  for (const warning of warningsOf(exported)) printLine(context.err, `warning: ${warning}`);
  return exported;
}

async function* counted(
  history: AsyncIterable<CommittedRow>,
  exported: Exported,
  features: readonly FeatureDeclaration[],
): AsyncGenerator<CommittedRow> {
  for await (const committed of history) {
    const { sensor_id, window_end, features: values } = committed.row;
    exported.rows += 1;
    exported.sensors.add(sensor_id);
    if (features.some(({ name }) => values[name] === undefined)) exported.incomplete += 1;
    exported.firstMs = Math.min(exported.firstMs, window_end);
    exported.lastMs = Math.max(exported.lastMs, window_end);
    yield committed;
  }
}

function warningsOf({ view, rows, incomplete, badRows }: Exported): readonly string[] {
  return [
    ...(rows === 0 ? [`${view} has no row in this range; the file is empty`] : []),
    ...(incomplete === 0
      ? []
      : [
          `${incomplete} rows lack a feature of FEATURES (written as null): is FEATURES that of run?`,
        ]),
    ...(badRows > badRowsShownMax ? [`${badRows} records were not feature rows`] : []),
  ];
}

function exportedLine({ path, rows, sensors, firstMs, lastMs }: Exported): string {
  if (rows === 0) return `${path}: 0 rows`;
  const [first, last] = [firstMs, lastMs].map((ms) => new Date(ms).toISOString());
  return `${path}: ${rows} rows of ${sensors.size} sensors, window ends ${first} to ${last}`;
}

function exportedJson(exported: Exported): object {
  const { view, path, rows, sensors, incomplete, badRows, firstMs, lastMs } = exported;
  return {
    ...{ view, path, rows, sensors: sensors.size },
    first_event_timestamp: rows === 0 ? null : new Date(firstMs).toISOString(),
    last_event_timestamp: rows === 0 ? null : new Date(lastMs).toISOString(),
    rows_with_nulls: incomplete,
    bad_rows: badRows,
  };
}
