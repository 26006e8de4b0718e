// Writes the pictures of a backtest: SVG of the series, or the page of the whole report.
import { writeFileSync } from 'node:fs';

import { ConfigError } from '../errors.ts';
import type { BacktestReport } from './backtest.ts';
import { drawChart } from './chart.ts';
import { count, rate } from './measures.ts';
import { reportPage } from './report-page.ts';
import type { ReportNames } from './report-text.ts';

/** Number of sensors in an SVG. */
export const drawnMax = 12;

export interface PictureText {
  readonly title: string;
  readonly names: ReportNames;
}

/**
 * Writes the report to `path`: a page if it ends in .html, else an SVG of its series.
 * @throws ConfigError if the file cannot be written.
 */
export function writePicture(path: string, report: BacktestReport, text: PictureText): void {
  const content = /\.html?$/i.test(path) ? reportPage(report, text) : picture(report, text);
  try {
    writeFileSync(path, content);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`cannot write ${path}: ${reason}`, { path }, error);
  }
}

function picture(report: BacktestReport, { title }: PictureText): string {
  const { semantics, verdict } = report;
  const traces = report.traces.slice(0, drawnMax);
  const { anomalyThreshold: threshold } = semantics;
  const windows = verdict?.windows;
  return drawChart({ title, notes: notes(report), traces, windows, threshold });
}

function notes({ alarms, semantics, sensors, traces, verdict }: BacktestReport): readonly string[] {
  const judged =
    verdict === undefined
      ? `${alarms} alarms`
      : `${verdict.windowsHit} of ${verdict.windows.length} labelled windows hit, ` +
        `${verdict.falseAlarms} false alarms (${rate(verdict.falseAlarmsPer1000)} per 1,000 readings)`;
  const hidden = sensors - Math.min(traces.length, drawnMax);
  const notDrawn = hidden > 0 ? ` · ${count(hidden, 'more sensor')} not drawn` : '';
  return [`baseline ${semantics.baseline} · ${judged}${notDrawn}`];
}
