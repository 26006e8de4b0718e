// The report of a backtest as lines for a terminal.
import { basename } from 'node:path';

import type { BacktestReport, UnreadableRow } from './backtest.ts';
import { momentText } from './chart-scale.ts';
import type { RunReport } from './configured-run.ts';
import type { Verdict, WindowVerdict } from './judge.ts';
import { count, per1000, rate, span } from './measures.ts';

export interface ReportNames {
  /** The two configurations, as a person would name them. */
  readonly configured: string;
  readonly against: string;
}

const windowsShown = 20;
const seriesShown = 20;

/** Returns the summary; with `curve`, also a table over the sensitivities. */
export function reportLines(
  report: BacktestReport,
  options: { readonly seconds: number; readonly curve: boolean; readonly names: ReportNames },
): readonly string[] {
  const { rows, readings, unreadable, sensors, anomalies, alarms, windows, late } = report;
  const { against, channels, files, verdict } = report;
  const ofFiles = files > 1 ? ` in ${files} files` : '';
  return [
    `${count(rows, 'row')}, ${count(readings, 'reading')} of ${count(sensors, 'sensor')}${ofFiles} in ${options.seconds.toFixed(2)} s`,
    ...(unreadable > 0
      ? [`${count(unreadable, 'unreadable row')}: ${unreadableText(report, files > 1)}`]
      : []),
    `anomalies       ${anomalies} (${rate(per1000(anomalies, readings))} per 1,000 readings)`,
    `alarms          ${alarms} (${rate(per1000(alarms, readings))} per 1,000 readings)`,
    `feature windows ${windows}, ${late} readings too late for their window`,
    ...(verdict === undefined ? [] : verdictLines(verdict)),
    ...(channels.length > 0 && channels[0]?.channel !== 'reading' ? channelLines(report) : []),
    ...(report.series.length > 1 ? seriesLines(report) : []),
    ...(options.curve ? curveLines(report) : []),
    ...(against === undefined ? [] : comparisonLines(report, against, options.names)),
  ];
}

function unreadableText(
  { unreadable, unreadableFirst }: Pick<BacktestReport, 'unreadable' | 'unreadableFirst'>,
  isNamed: boolean,
): string {
  const text = ({ path, row, reason }: UnreadableRow): string =>
    `${isNamed ? `${basename(path)} ` : ''}row ${row}: ${reason}`;
  const more = unreadable > unreadableFirst.length ? '; …' : '';
  return `${unreadableFirst.map(text).join('; ')}${more}`;
}

function verdictLines(verdict: Verdict): readonly string[] {
  const { windows, windowsHit, falseAlarms, falseAlarmsPer1000 } = verdict;
  const { delayMeanMs, delayMaxMs, precision, recall } = verdict;
  const shown = windows.length > windowsShown ? [] : windows;
  return [
    `windows hit     ${windowsHit} of ${windows.length}`,
    `false alarms    ${falseAlarms} (${rate(falseAlarmsPer1000)} per 1,000 readings)`,
    `precision       ${rate(precision)}, recall ${rate(recall)}`,
    ...(delayMeanMs === undefined || delayMaxMs === undefined
      ? []
      : [`detection delay ${span(delayMeanMs)} on average, ${span(delayMaxMs)} at most`]),
    ...shown.map((window) => `  ${windowLine(window, new Set(windows.map(nameOf)).size > 1)}`),
  ];
}

function windowLine(window: WindowVerdict, isNamed: boolean): string {
  const { startMs, endMs } = window;
  const name = isNamed && nameOf(window) !== '' ? `${nameOf(window)}  ` : '';
  return `${name}${momentText(startMs)} to ${momentText(endMs)}  ${windowResult(window)}`;
}

/** Returns the sensor or the file that a window is about; empty if it is about all. */
export function nameOf({ path, sensorId }: Pick<WindowVerdict, 'path' | 'sensorId'>): string {
  return sensorId ?? (path === undefined ? '' : basename(path));
}

/** Returns whether the window was hit, and how soon. */
export function windowResult(window: WindowVerdict): string {
  const { startMs, labelMs, readings, firstAlarmMs } = window;
  if (readings === 0) return 'no readings';
  if (firstAlarmMs === undefined) return 'missed';
  const fromLabelMs = labelMs === undefined ? undefined : firstAlarmMs - labelMs;
  const label =
    fromLabelMs === undefined
      ? ''
      : `, ${span(Math.abs(fromLabelMs))} ${fromLabelMs < 0 ? 'before' : 'after'} the label`;
  return `hit after ${span(firstAlarmMs - startMs)}${label}`;
}

function channelLines({ channels, verdict }: RunReport): readonly string[] {
  const isJudged = verdict !== undefined;
  return table([
    ['by rule', 'alarms', ...(isJudged ? ['in windows', 'false', 'windows hit'] : [])],
    ...channels.map(({ channel, alarms, trueAlarms, falseAlarms, windowsHit }) => [
      ...[channel, String(alarms)],
      ...(isJudged ? [trueAlarms, falseAlarms, windowsHit].map(String) : []),
    ]),
  ]);
}

function seriesLines({ series, verdict }: RunReport): readonly string[] {
  const isJudged = verdict !== undefined;
  const worst = series
    .toSorted((a, b) => b.falseAlarms - a.falseAlarms || b.alarms - a.alarms)
    .slice(0, seriesShown);
  const lines = table([
    ['by sensor', 'readings', 'alarms', ...(isJudged ? ['false', 'windows hit'] : [])],
    ...worst.map((one) => [
      ...[one.sensorId, String(one.readings), String(one.alarms)],
      ...(isJudged ? [String(one.falseAlarms), `${one.windowsHit} of ${one.windows}`] : []),
    ]),
  ]);
  const hidden = series.length - worst.length;
  return hidden > 0 ? [...lines, `  and ${hidden} more with fewer; --report lists all`] : lines;
}

function curveLines({ alarmsAt, readings, verdict }: RunReport): readonly string[] {
  if (verdict === undefined) {
    return table([
      ['sensitivity', 'alarms', 'per 1,000'],
      ...alarmsAt.map(({ sensitivity, alarms }) => [
        ...[String(sensitivity), String(alarms), rate(per1000(alarms, readings))],
      ]),
    ]);
  }
  return table([
    ['sensitivity', 'windows hit', 'false', 'per 1,000', 'precision', 'recall', 'mean delay'],
    ...verdict.curve.map((point) => [
      ...[String(point.sensitivity), String(point.windowsHit), String(point.falseAlarms)],
      ...[point.falseAlarmsPer1000, point.precision, point.recall].map(rate),
      span(point.delayMeanMs),
    ]),
  ]);
}

function comparisonLines(
  report: RunReport,
  against: RunReport,
  names: ReportNames,
): readonly string[] {
  return table([['comparison', names.configured, names.against], ...comparison(report, against)]);
}

/** Returns the measures of two configurations, a row each: what, of the first, of the second. */
export function comparison(
  report: RunReport,
  against: RunReport,
): readonly (readonly [string, string, string])[] {
  const row = (name: string, of: (run: RunReport) => string): [string, string, string] => [
    ...([name, of(report), of(against)] as const),
  ];
  const ofVerdict = (name: string, of: (verdict: Verdict) => string): [string, string, string] =>
    row(name, ({ verdict }) => (verdict === undefined ? '–' : of(verdict)));
  return [
    row('anomalies', ({ anomalies }) => String(anomalies)),
    row('alarms', ({ alarms }) => String(alarms)),
    row('alarms per 1,000', ({ alarms, readings }) => rate(per1000(alarms, readings))),
    ...(report.verdict === undefined
      ? []
      : [
          ofVerdict('windows hit', (one) => `${one.windowsHit} of ${one.windows.length}`),
          ofVerdict('false alarms', (one) => String(one.falseAlarms)),
          ofVerdict('false per 1,000', (one) => rate(one.falseAlarmsPer1000)),
          ofVerdict('precision', (one) => rate(one.precision)),
          ofVerdict('recall', (one) => rate(one.recall)),
          ofVerdict('mean delay', (one) => span(one.delayMeanMs)),
        ]),
  ];
}

/** Returns aligned lines; the first row is the header, the first column is text. */
function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    rows.reduce((most, row) => Math.max(most, (row[column] ?? '').length), 0),
  );
  return rows.map((row, at) => {
    const indent = at === 0 ? '' : '  ';
    const cells = row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column === 0
        ? `${indent}${cell}`.padEnd(Math.max(15, width + 2))
        : cell.padStart(width);
    });
    return cells.join('  ').trimEnd();
  });
}
