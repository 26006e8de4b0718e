// `backtest`: scores the readings of a file as `run` would, and judges the alarms by labels.
import { existsSync, realpathSync } from 'node:fs';
import { basename } from 'node:path';

import type { Command } from 'commander';

import { backtest, type BacktestReport } from '../backtest/backtest.ts';
import { momentText } from '../backtest/chart-scale.ts';
import type { Verdict, WindowVerdict } from '../backtest/judge.ts';
import { readLabels } from '../backtest/labels.ts';
import { writePicture } from '../backtest/picture.ts';
import { ConfigError } from '../errors.ts';
import type { Semantics } from '../sensors/semantics.ts';
import { readConfig } from './command.ts';
import { printLine, type CliContext } from './context.ts';
import {
  addFileFlags,
  fileOptions,
  filesHelp,
  unreadableText,
  type FileFlags,
} from './file-options.ts';

interface BacktestFlags extends FileFlags {
  readonly input: string;
  readonly labels?: string;
  readonly scores?: string;
  readonly plot?: string;
  readonly json?: true;
}

const tracesMax = 12;
const exitNothingRead = 1;

const help = `${filesHelp}
--scores writes one line per reading or unreadable row, in the order of the file:
sensor_id,timestamp,value,z,score,anomaly,alarm,reason. A score of 0.5 or more is an alarm. BASELINE,
ANOMALY_THRESHOLD and all other settings that change results apply.

Examples:
  node dist/main.js backtest --input data/machine_temperature_system_failure.csv --labels data/labels.json
  node dist/main.js backtest --input readings.parquet --scores scores.csv --plot readings.svg
  BASELINE=cumulative node dist/main.js backtest --input readings.csv --json`;

/** Adds `backtest`. */
export function addBacktest(
  program: Command,
  context: CliContext,
  setExitCode: (code: number) => void,
): void {
  const command = program
    .command('backtest')
    .description('score the readings of a file and judge the alarms by labels')
    .requiredOption('--input <file>', 'CSV, NDJSON or Parquet: timestamp,value[,sensor_id]')
    .option('--labels <json>', 'known anomalous time ranges: a list, or an object keyed by file')
    .option('--scores <csv>', 'write the score of every row to this file')
    .option('--plot <file>', `draw an .svg or .html picture (up to ${tracesMax} sensors)`)
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
  refuseOverwriting(flags);
  const windows = flags.labels === undefined ? undefined : readLabels(flags.labels, flags.input);
  const startedMs = context.clock.monotonicMs();
  const report = await backtest({
    inputPath: flags.input,
    file: fileOptions(flags, context),
    scoresPath: flags.scores,
    windows,
    tracesMax: flags.plot === undefined ? 0 : tracesMax,
    semantics,
  });
  if (flags.plot !== undefined) {
    const { traces } = report;
    const { anomalyThreshold: threshold } = semantics;
    const title = basename(flags.input);
    writePicture(flags.plot, {
      title,
      notes: pictureNotes(report, semantics),
      traces,
      windows,
      threshold,
    });
  }
  const seconds = (context.clock.monotonicMs() - startedMs) / 1000;
  if (report.rows === 0) printLine(context.err, `warning: ${flags.input} has no rows`);
  if (flags.json === true) printLine(context.out, JSON.stringify(summaryJson(report, seconds)));
  else for (const line of summary(report, seconds)) printLine(context.out, line);
  return report;
}

function refuseOverwriting(flags: BacktestFlags): void {
  const real = (path: string): string => (existsSync(path) ? realpathSync(path) : path);
  const paths = [flags.input, flags.labels, flags.scores, flags.plot]
    .filter((path) => path !== undefined)
    .map(real);
  if (new Set(paths).size < paths.length) {
    throw new ConfigError('--input, --labels, --scores and --plot must be different files');
  }
}

function summary(report: BacktestReport, seconds: number): readonly string[] {
  const { rows, readings, unreadable, sensors, anomalies, alarms, windows, late } = report;
  const per1000 = (count: number): string => rate(readings === 0 ? 0 : (count * 1000) / readings);
  return [
    `${count(rows, 'row')}, ${count(readings, 'reading')} of ${count(sensors, 'sensor')} in ${seconds.toFixed(2)} s`,
    ...(unreadable > 0
      ? [
          `${count(unreadable, 'unreadable row')}: ` +
            unreadableText(report.unreadableFirst, unreadable),
        ]
      : []),
    `anomalies       ${anomalies} (${per1000(anomalies)} per 1,000 readings)`,
    `alarms          ${alarms} (${per1000(alarms)} per 1,000 readings)`,
    `feature windows ${windows}, ${late} readings too late for their window`,
    ...(report.verdict === undefined ? [] : verdictLines(report.verdict)),
  ];
}

function verdictLines(verdict: Verdict): readonly string[] {
  const { windows, windowsHit, falseAlarms, falseAlarmsPer1000 } = verdict;
  const { delayMeanMs, delayMaxMs } = verdict;
  return [
    `windows hit     ${windowsHit} of ${windows.length}`,
    `false alarms    ${falseAlarms} (${rate(falseAlarmsPer1000)} per 1,000 readings)`,
    ...(delayMeanMs === undefined || delayMaxMs === undefined
      ? []
      : [`detection delay ${span(delayMeanMs)} on average, ${span(delayMaxMs)} at most`]),
    ...windows.map((window) => `  ${windowLine(window)}`),
  ];
}

function windowLine({ startMs, endMs, labelMs, readings, firstAlarmMs }: WindowVerdict): string {
  const place = `${momentText(startMs)} to ${momentText(endMs)}`;
  if (readings === 0) return `${place}  no readings`;
  if (firstAlarmMs === undefined) return `${place}  missed`;
  const fromLabelMs = labelMs === undefined ? undefined : firstAlarmMs - labelMs;
  const label =
    fromLabelMs === undefined
      ? ''
      : `, ${span(Math.abs(fromLabelMs))} ${fromLabelMs < 0 ? 'before' : 'after'} the label`;
  return `${place}  hit after ${span(firstAlarmMs - startMs)}${label}`;
}

function summaryJson(report: BacktestReport, seconds: number): object {
  const { verdict } = report;
  return {
    rows: report.rows,
    readings: report.readings,
    unreadable: report.unreadable,
    sensors: report.sensors,
    anomalies: report.anomalies,
    alarms: report.alarms,
    feature_windows: report.windows,
    late_readings: report.late,
    seconds: Number(seconds.toFixed(3)),
    ...(verdict === undefined ? {} : { labels: verdictJson(verdict) }),
  };
}

function verdictJson(verdict: Verdict): object {
  return {
    windows: verdict.windows.length,
    windows_hit: verdict.windowsHit,
    false_alarms: verdict.falseAlarms,
    false_alarms_per_1000: verdict.falseAlarmsPer1000,
    readings_outside_windows: verdict.readingsOutside,
    detection_delay_ms_mean: verdict.delayMeanMs ?? null,
    detection_delay_ms_max: verdict.delayMaxMs ?? null,
    by_window: verdict.windows.map((window) => ({
      start: new Date(window.startMs).toISOString(),
      end: new Date(window.endMs).toISOString(),
      readings: window.readings,
      alarms: window.alarms,
      first_alarm:
        window.firstAlarmMs === undefined ? null : new Date(window.firstAlarmMs).toISOString(),
      delay_ms: window.firstAlarmMs === undefined ? null : window.firstAlarmMs - window.startMs,
    })),
  };
}

function pictureNotes(report: BacktestReport, semantics: Semantics): readonly string[] {
  const { verdict, sensors, traces, alarms } = report;
  const judged =
    verdict === undefined
      ? `${alarms} alarms`
      : `${verdict.windowsHit} of ${verdict.windows.length} labelled windows hit, ` +
        `${verdict.falseAlarms} false alarms (${rate(verdict.falseAlarmsPer1000)} per 1,000 readings)`;
  const hidden = sensors - traces.length;
  return [
    `baseline ${semantics.baseline} · ${judged}` +
      (hidden > 0 ? ` · ${count(hidden, 'more sensor')} not drawn` : ''),
  ];
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function rate(value: number): string {
  return value.toFixed(2);
}

function span(ms: number): string {
  const minutes = ms / 60_000;
  if (minutes < 1) return `${(ms / 1000).toFixed(1)} s`;
  if (minutes < 90) return `${minutes.toFixed(0)} min`;
  return minutes < 48 * 60 ? `${(minutes / 60).toFixed(1)} h` : `${(minutes / 1440).toFixed(1)} d`;
}
