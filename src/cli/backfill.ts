// `backfill`: feature rows of files of readings, straight into the day files of the history and,
// with --redis, into the online store.
import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import type { Command } from 'commander';

import { backfill, type BackfillReport, type BackfillView } from '../backfill/backfill.ts';
import { sortReadings, type SortedReadings } from '../backfill/sorted-readings.ts';
import type { Config } from '../config/config.ts';
import { ConfigError, isSensoriumError, UnavailableError } from '../errors.ts';
import { featureTopics } from '../log/topics.ts';
import { openLogger } from '../logger.ts';
import { readableAfterMs } from '../projections/readable.ts';
import { selectFeatures } from '../sensors/features.ts';
import { semanticsFingerprint } from '../sensors/fingerprint.ts';
import { canonicalDeclaration } from '../sensors/input-declaration.ts';
import { openHistoryStore } from '../stores/open-history.ts';
import { claimFeatureStore, openFeatureStore } from '../stores/open.ts';
import { numberOption, readConfig } from './command.ts';
import { printLine, withInterrupt, type CliContext } from './context.ts';
import { partitionsDefault } from './ensure-topics.ts';
import {
  addFileFlags,
  fileOptions,
  filesHelp,
  unreadableText,
  type FileFlags,
} from './file-options.ts';
import { parseTime } from './moment.ts';
import { createProgress, type Progress } from './progress.ts';

interface BackfillFlags extends FileFlags {
  readonly file: readonly string[];
  readonly out?: string;
  readonly redis?: true;
  readonly replace?: true;
  readonly from?: string;
  readonly to?: string;
  readonly partitions: number;
  readonly skipUnreadable?: true;
  readonly json?: true;
}

const help = `
The readings are sorted by time and folded as run folds them, with the same settings. The rows are
those that run would have written: FOLDER/<view>/<YYYY-MM-DD>.parquet, beside those of HISTORY_DIR.
Nothing is sent to the input topic. Run the same command again after a kill: it goes on, and no row
is there twice.

Where the history has rows of the same sensors in that time, the command refuses: --to ends before
them, --replace puts the new rows in their place. A folder that run writes (HISTORY_DIR) is its own
while it runs: stop it for as long.

--redis also writes each sensor's newest row to the online store, unless a newer one is there.
${filesHelp}

Examples:
  node dist/main.js backfill --file data/machine_temperature_system_failure.csv --out feature_repo/data
  node dist/main.js backfill --file january/ --time-column ts --to 2026-02-01 --redis`;

/** Adds `backfill`. */
export function addBackfill(program: Command, context: CliContext): void {
  const command = program
    .command('backfill')
    .description('compute feature rows from files of old readings, into the history')
    .requiredOption('--file <paths...>', 'files, and folders of files')
    .option('--out <folder>', 'folder of the history (default: HISTORY_DIR)')
    .option('--redis', 'also write the newest rows to the online store (REDIS_URL)')
    .option('--replace', 'put the rows in the place of those of the same sensors and time')
    .option('--from <time>', 'only readings from here on')
    .option('--to <time>', 'only readings before, and windows that end by then')
    .option(
      '--partitions <number>',
      'partitions of the input topic; SENSORS_MAX and SENSOR_TTL count by partition',
      numberOption({ min: 1, max: 10_000 }),
      partitionsDefault,
    )
    .option('--skip-unreadable', 'take the other rows of files with unreadable ones')
    .option('--json', 'print the counts as JSON');
  addFileFlags(command.optionsGroup('The files:'));
  command
    .addHelpText('after', help)
    .action((flags: BackfillFlags) => backfillCommand(flags, context));
}

async function backfillCommand(flags: BackfillFlags, context: CliContext): Promise<void> {
  const config = readConfig(context);
  const out = flags.out ?? config.process.historyDir;
  if (out === undefined) throw new ConfigError('name the folder: --out FOLDER, or HISTORY_DIR');
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(out)) {
    throw new ConfigError(`--out ${out}: expected a folder of this machine`);
  }
  const range = {
    fromMs: flags.from === undefined ? -Infinity : parseTime(flags.from, '--from'),
    toMs: flags.to === undefined ? Infinity : parseTime(flags.to, '--to'),
  };
  const startMs = context.clock.monotonicMs();
  const result = await withInterrupt(context, (signal) =>
    resumable(signal, () => run({ flags, context, config, out, range, signal })),
  );
  const seconds = (context.clock.monotonicMs() - startMs) / 1_000;
  printResult(context, flags, { ...result, out, seconds });
}

interface Run {
  readonly flags: BackfillFlags;
  readonly context: CliContext;
  readonly config: Config;
  readonly out: string;
  readonly range: { readonly fromMs: number; readonly toMs: number };
  readonly signal: AbortSignal;
}

interface Result {
  readonly readings: SortedReadings;
  readonly report: BackfillReport;
  readonly online: { readonly written: number; readonly skipped: number } | undefined;
}

async function resumable<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!signal.aborted || (isSensoriumError(error) && error.directive === 'stop')) throw error;
    throw new UnavailableError('interrupted: the same command goes on', {}, error);
  }
}

async function run(options: Run): Promise<Result> {
  const { config, context, flags } = options;
  const paths = await pathsOf(flags.file);
  const readings = await sorted(options, paths);
  try {
    assertReadable(readings, flags, context);
    const logger = openLogger(config.process);
    // Before the history is written: a store of another pipeline would be noticed too late.
    if (flags.redis === true) await claimFeatureStore(config, logger);
    const report = await backfilled(options, paths, readings);
    const online = flags.redis === true ? await writeOnline(options, report) : undefined;
    return { readings, report, online };
  } finally {
    await readings.close();
  }
}

async function sorted(
  { config, context, flags, out, range, signal }: Run,
  paths: readonly string[],
): Promise<SortedReadings> {
  const progress = createProgress(context, {
    title: 'reading',
    unit: 'readings',
    total: undefined,
  });
  try {
    return await sortReadings({
      ...{ paths, ...range, folder: out, signal },
      latestMs: context.clock.nowMs() + config.semantics.maxAheadMs,
      declaration: config.semantics.input,
      options: fileOptions(flags, context),
      onProgress: (readings) => progress.update(readings),
    });
  } finally {
    progress.stop();
  }
}

function assertReadable(
  { readings, unreadable, unreadableFirst }: SortedReadings,
  flags: BackfillFlags,
  context: CliContext,
): void {
  if (unreadable > 0) {
    const first = unreadableFirst.map(({ path, reason, row }) => ({
      ...{ row, reason: flags.file.length > 1 ? `${reason} (${path})` : reason },
    }));
    const listed = `${unreadable} unreadable rows: ${unreadableText(first, unreadable)}`;
    if (flags.skipUnreadable !== true) {
      throw new ConfigError(`${listed}. Nothing was written; --skip-unreadable takes the others`);
    }
    printLine(context.err, `skipping ${listed}`);
  }
  if (readings === 0) throw new ConfigError('the files have no readings in this range');
}

async function backfilled(
  { config, context, flags, out, range, signal }: Run,
  paths: readonly string[],
  readings: SortedReadings,
): Promise<BackfillReport> {
  const features = selectFeatures(config.semantics.features);
  const { clock, err } = context;
  const views: BackfillView[] = [];
  let progress: Progress | undefined;
  try {
    for (const topic of featureTopics(config)) {
      const store = await openHistoryStore({
        ...{ ...topic, directory: out, features, clock, signal },
        ...{ intervalMs: config.process.historyIntervalMs },
        ...{ whenTaken: 'refuse', whenGrown: 'refuse' },
        onWait: (message) => printLine(err, message),
      });
      views.push({ ...topic, store });
    }
    progress = createProgress(context, {
      ...{ title: 'folding', unit: 'readings', total: readings.readings },
    });
    const shown = progress;
    return await backfill({
      id: await backfillId(paths, { config, flags, range }),
      ...{ readings, views, features, clock, signal, toMs: range.toMs },
      semantics: config.semantics,
      partitions: flags.partitions,
      availableAfterMs: readableAfterMs(config),
      whenOverlapping: flags.replace === true ? 'replace' : 'refuse',
      onProgress: (folded) => shown.update(folded),
    });
  } finally {
    progress?.stop();
    for (const { store } of views) await store.close();
  }
}

const rowsPerUpsert = 1_000;

async function writeOnline(
  { config, signal }: Run,
  { newest }: BackfillReport,
): Promise<{ readonly written: number; readonly skipped: number }> {
  const store = await openFeatureStore(config, openLogger(config.process));
  const counts = { written: 0, skipped: 0 };
  try {
    for (const [view, bySensor] of newest) {
      const rows = [...bySensor.values()];
      for (let from = 0; from < rows.length; from += rowsPerUpsert) {
        signal.throwIfAborted();
        const done = await store.upsert(rows.slice(from, from + rowsPerUpsert), view);
        counts.written += done.written;
        counts.skipped += done.skipped + (done.refused ?? 0);
      }
    }
    return counts;
  } finally {
    await store.close();
  }
}

/** Returns the files of `named`; those of a folder in the order of their names. */
async function pathsOf(named: readonly string[]): Promise<readonly string[]> {
  const paths: string[] = [];
  for (const path of named) {
    const facts = await stat(path).catch(() => undefined);
    if (facts === undefined) throw new ConfigError(`there is no file or folder ${path}`, { path });
    if (!facts.isDirectory()) paths.push(path);
    else paths.push(...(await filesIn(path)));
  }
  if (paths.length === 0) throw new ConfigError(`${named.join(', ')} holds no files`);
  return paths;
}

async function filesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile() && !/^[._]/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** Raise it where the order changes in which rows are made. */
const orderVersion = 1;

/** Returns the id of the backfill: the same for the same files, range and settings. */
async function backfillId(
  paths: readonly string[],
  { config, flags, range }: Pick<Run, 'config' | 'flags' | 'range'>,
): Promise<string> {
  const files = [];
  for (const path of paths) {
    const { size, mtimeMs } = await stat(path);
    files.push({ path: resolve(path), size, mtimeMs });
  }
  const { input } = config.semantics;
  const { column, decimalComma, sensorColumn, sensorId, separator, timeColumn } = flags;
  const identity = {
    ...{ orderVersion, files, from: String(range.fromMs), to: String(range.toMs) },
    ...{ column, decimalComma, sensorColumn, sensorId, separator, timeColumn },
    ...{ timeUnit: flags.timeUnit, timeZone: flags.timeZone, partitions: flags.partitions },
    input: input === undefined ? null : canonicalDeclaration(input),
    fingerprint: semanticsFingerprint(config.semantics).text,
    availableAfterMs: readableAfterMs(config),
  };
  return createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 32);
}

function printResult(
  { out: output, err }: CliContext,
  { json }: BackfillFlags,
  { online, out, readings, report, seconds }: Result & { out: string; seconds: number },
): void {
  const { openWindows, refused, rows, wasDone } = report;
  if (json === true) {
    const counts = {
      ...{ readings: readings.readings, left_out: readings.leftOut },
      ...{ unreadable: readings.unreadable, refused: Object.fromEntries(refused) },
      ...{ rows: Object.fromEntries(rows), open_windows: openWindows, was_done: wasDone },
      ...{ online: online ?? null, seconds },
    };
    return printLine(output, JSON.stringify(counts));
  }
  for (const [code, count] of refused) printLine(err, `refused: ${count} readings, ${code}`);
  if (openWindows > 0) printLine(err, `left out: ${openWindows} windows that have not ended`);
  for (const [view, count] of rows) {
    const already = wasDone ? ', all of them there before' : '';
    printLine(output, `${join(out, view)}: ${count} rows${already}`);
  }
  if (online !== undefined) {
    const { written, skipped } = online;
    printLine(output, `online store: ${written} sensors written, ${skipped} were up to date`);
  }
  const rate = Math.round(readings.readings / Math.max(seconds, 0.001));
  printLine(output, `${readings.readings} readings in ${seconds.toFixed(1)} s (${rate}/s)`);
}
