// `backtest`: scores the readings of files as `run` would, and judges the alarms by labels.
import { existsSync, realpathSync } from 'node:fs';
import { basename } from 'node:path';

import { InvalidArgumentError, type Command } from 'commander';

import { backtest, type BacktestReport } from '../backtest/backtest.ts';
import { inputFiles } from '../backtest/input-files.ts';
import { readLabels } from '../backtest/labels.ts';
import { drawnMax, writePicture } from '../backtest/picture.ts';
import { reportJson } from '../backtest/report-json.ts';
import { reportLines, type ReportNames } from '../backtest/report-text.ts';
import type { Environment } from '../config/config.ts';
import { semanticsSettings } from '../config/settings.ts';
import { ConfigError } from '../errors.ts';
import { lengthOption, readConfig } from './command.ts';
import { printLine, type CliContext } from './context.ts';
import { addFileFlags, fileOptions, filesHelp, type FileFlags } from './file-options.ts';
import { createProgress, type Progress } from './progress.ts';

interface BacktestFlags extends FileFlags {
  readonly input: readonly string[];
  readonly labels?: string;
  readonly labelReach: number;
  readonly against?: Readonly<Record<string, string>>;
  readonly scores?: string;
  readonly plot?: string;
  readonly report?: string;
  readonly curve?: true;
  readonly json?: true;
}

const reportedMax = 60;
const hourMs = 3_600_000;
const progressAfterMs = 1_500;
const exitNothingRead = 1;

const help = `${filesHelp}
Several files, or a folder of them, are one history: a sensor that several files have goes on from one to the
next. A sensor without an id has the name of its file.

--labels is JSON in the form of the Numenta Anomaly Benchmark, or CSV with the columns sensor,start,end or
sensor,time. --scores writes one line per reading or unreadable row, in the order of the files:
sensor_id,timestamp,value,z,score,anomaly,alarm,reason. A score of 0.5 or more is an alarm. BASELINE,
ANOMALY_THRESHOLD and all other settings that change results apply.

Examples:
  node dist/main.js backtest --input data/machine_temperature_system_failure.csv --labels data/labels.json
  node dist/main.js backtest --input history/ --labels incidents.csv --report report.html
  node dist/main.js backtest --input readings.csv --labels labels.csv --curve --against "BASELINE=robust"
  BASELINE=cumulative node dist/main.js backtest --input readings.parquet --scores scores.csv --json`;

/** Adds `backtest`. */
export function addBacktest(
  program: Command,
  context: CliContext,
  setExitCode: (code: number) => void,
): void {
  const command = program
    .command('backtest')
    .description('score the readings of files and judge the alarms by labels')
    .requiredOption('--input <path...>', 'files or folders: timestamp,value[,sensor_id]')
    .option('--labels <file>', 'known anomalies: JSON by file, or CSV by sensor')
    .option(
      '--label-reach <length>',
      'a labelled moment is a window so far to either side',
      lengthOption,
      hourMs,
    )
    .option(
      '--against <settings>',
      'compare with other settings, e.g. "BASELINE=robust ANOMALY_THRESHOLD=4"',
      settingsOption,
    )
    .option('--scores <csv>', 'write the score of every row to this file')
    .option(
      '--report <html>',
      `write a page to show: series, alarms, labels (${reportedMax} sensors)`,
    )
    .option('--plot <svg>', `draw a picture of the series (up to ${drawnMax} sensors)`)
    .option('--curve', 'print alarms and hits over the sensitivity')
    .option('--json', 'print the summary as JSON')
    .addHelpText('after', help)
    .action(async (flags: BacktestFlags) => {
      const { rows, readings } = await backtestCommand(flags, context);
      if (rows > 0 && readings === 0) setExitCode(exitNothingRead);
    });
  addFileFlags(command);
}

async function backtestCommand(flags: BacktestFlags, context: CliContext): Promise<BacktestReport> {
  const { semantics } = readConfig(context);
  const against =
    flags.against === undefined ? undefined : readConfig(context, flags.against).semantics;
  const inputs = inputFiles(flags.input, [...own(flags.labels), ...own(flags.scores)]);
  refuseOverwriting(
    flags,
    inputs.map(({ path }) => path),
  );
  const labels =
    flags.labels === undefined
      ? undefined
      : await readLabels({
          labelsPath: flags.labels,
          inputPaths: inputs.map(({ path }) => path),
          reachMs: flags.labelReach,
        });
  const startedMs = context.clock.monotonicMs();
  const progress = lateProgress(context);
  const report = await backtest({
    ...{ inputs, file: fileOptions(flags, context), scoresPath: flags.scores, labels },
    tracesMax: tracesMax(flags),
    ...{ semantics, against, onProgress: progress.update },
  }).finally(() => progress.stop());
  const seconds = (context.clock.monotonicMs() - startedMs) / 1000;
  const names = namesOf(flags, context);
  const title = flags.input.map((path) => basename(path)).join(', ');
  for (const path of new Set([...own(flags.plot), ...own(flags.report)])) {
    writePicture(path, report, { title, names });
  }
  for (const warning of warnings(flags, report, labels?.unlabelled ?? [])) {
    printLine(context.err, `warning: ${warning}`);
  }
  const options = { seconds, names, curve: flags.curve === true };
  if (flags.json === true) printLine(context.out, JSON.stringify(reportJson(report, options)));
  else for (const line of reportLines(report, options)) printLine(context.out, line);
  return report;
}

function warnings(
  flags: BacktestFlags,
  { refused, rows, series, verdict }: BacktestReport,
  unlabelled: readonly string[],
): readonly string[] {
  const known = new Set(series.map(({ sensorId }) => sensorId));
  const strange = (verdict?.windows ?? [])
    .map(({ sensorId }) => sensorId)
    .filter((sensorId) => sensorId !== undefined && !known.has(sensorId));
  const strangers = [...new Set(strange)].slice(0, 5).join(', ');
  return [
    ...refused.map(({ reason }) => `${reason}; the file was not read to its end`),
    ...(rows === 0 ? [`${flags.input.join(', ')} has no rows`] : []),
    ...(unlabelled.length === 0
      ? []
      : [`no labels for ${unlabelled.slice(0, 5).join(', ')}: alarms there are not judged`]),
    ...(strangers === '' ? [] : [`labels name sensors without readings: ${strangers}`]),
  ];
}

function tracesMax({ plot, report }: BacktestFlags): number {
  const isPage = report !== undefined || /\.html?$/i.test(plot ?? '');
  return isPage ? reportedMax : plot === undefined ? 0 : drawnMax;
}

function namesOf({ against }: BacktestFlags, { env }: CliContext): ReportNames {
  const text = (names: readonly string[], values: Environment): string =>
    names.map((name) => `${name}=${values[name] ?? ''}`).join(' ');
  const set = Object.keys(semanticsSettings).filter((name) => (env[name] ?? '') !== '');
  return {
    configured: set.length === 0 ? 'default settings' : text(set, env),
    against: against === undefined ? '' : text(Object.keys(against), against),
  };
}

/** Returns a progress display that appears only where the work is long. */
function lateProgress(context: CliContext): { update(rows: number): void; stop(): void } {
  const startMs = context.clock.monotonicMs();
  let progress: Progress | undefined;
  return {
    update(rows) {
      if (context.clock.monotonicMs() - startMs < progressAfterMs) return;
      progress ??= createProgress(context, { title: 'backtest', unit: 'rows', total: undefined });
      progress.update(rows);
    },
    stop: () => progress?.stop(),
  };
}

function settingsOption(text: string): Readonly<Record<string, string>> {
  const pairs = text.trim().split(/\s+/);
  return Object.fromEntries(
    pairs.map((pair) => {
      const [name = '', ...value] = pair.split('=');
      const isKnown = name in semanticsSettings && name !== 'INPUT_SCHEMA';
      if (isKnown && value.length > 0) return [name, value.join('=')];
      throw new InvalidArgumentError(
        `Expected SETTING=value with a setting that changes results, such as BASELINE=robust.`,
      );
    }),
  );
}

function own(path: string | undefined): readonly string[] {
  return path === undefined ? [] : [path];
}

function refuseOverwriting(flags: BacktestFlags, inputs: readonly string[]): void {
  const real = (path: string): string => (existsSync(path) ? realpathSync(path) : path);
  const { labels, plot, report, scores } = flags;
  const paths = [...inputs, ...[labels, scores, plot, report].flatMap(own)].map(real);
  if (new Set(paths).size < paths.length) {
    throw new ConfigError(
      '--input, --labels, --scores, --plot and --report must be different files',
    );
  }
}
