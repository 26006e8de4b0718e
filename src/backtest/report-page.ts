// The report of a backtest as one HTML page: figures, curve, tables, and a panel a sensor. It loads
// nothing, runs nothing, and shows ids and paths as text.
import { basename } from 'node:path';

import type { BacktestReport } from './backtest.ts';
import { chartStyles, drawLegend, drawPanel } from './chart.ts';
import type { RunReport } from './configured-run.ts';
import { drawCurve } from './curve-chart.ts';
import { escapeMarkup } from './escape-markup.ts';
import type { Verdict } from './judge.ts';
import { count, per1000, rate, span } from './measures.ts';
import { momentText } from './chart-scale.ts';
import { comparison, nameOf, windowResult, type ReportNames } from './report-text.ts';

type Cell = string | number;

const styles = `body{margin:0 auto;padding:24px;max-width:1200px;color:#1f2733;background:#fff;
font:14px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
h1{font-size:22px;margin:0}h2{font-size:17px;margin:32px 0 8px}p{margin:4px 0}.quiet{color:#667085}
.tiles{display:flex;flex-wrap:wrap;gap:12px;margin:20px 0}.tile{flex:1 1 130px;border:1px solid #e6e8ec;border-radius:8px;padding:10px 14px}
.tile b{display:block;font-size:22px;font-weight:600}.side{display:flex;flex-wrap:wrap;gap:32px;align-items:flex-start}
.side svg{width:560px;max-width:100%}svg{width:100%;height:auto;display:block}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{padding:4px 12px 4px 0;border-bottom:1px solid #e6e8ec;text-align:right}
th{font-weight:600;color:#667085}th:first-child,td:first-child,td.text,th.text{text-align:left}td:first-child{overflow-wrap:anywhere}
figure{margin:12px 0;break-inside:avoid}figcaption{color:#667085}.here td{font-weight:600}
${chartStyles}`;

/** Returns the text of the page. */
export function reportPage(
  report: BacktestReport,
  { title, names }: { readonly title: string; readonly names: ReportNames },
): string {
  const { against, verdict } = report;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Backtest of ${escapeMarkup(title)}</title>
<style>${styles}</style>
</head>
<body>
<h1>Backtest of ${escapeMarkup(title)}</h1>
<p class="quiet">${escapeMarkup(heading(report, names))}</p>
${tiles(report)}
${against === undefined ? '' : comparisonPart(report, against, names)}
${verdict === undefined ? '' : curvePart(verdict, against?.verdict, names)}
${channelPart(report)}
${seriesPart(report)}
${verdict === undefined ? '' : windowsPart(verdict)}
${refusedPart(report)}
${panels(report, names)}
</body>
</html>
`;
}

function heading(report: BacktestReport, names: ReportNames): string {
  const { files, readings, sensors, unreadable } = report;
  const range = timeRange(report);
  return [
    names.configured,
    `${count(readings, 'reading')} of ${count(sensors, 'sensor')}`,
    ...(files > 1 ? [`${files} files`] : []),
    ...(unreadable > 0 ? [count(unreadable, 'unreadable row')] : []),
    ...(range === undefined ? [] : [range]),
  ].join(' · ');
}

function timeRange({ firstMs, lastMs }: RunReport): string | undefined {
  return firstMs > lastMs ? undefined : `${momentText(firstMs)} to ${momentText(lastMs)} UTC`;
}

function tiles({ alarms, readings, verdict }: RunReport): string {
  const shown: readonly (readonly [string, string])[] =
    verdict === undefined
      ? [
          [String(alarms), 'alarms'],
          [rate(per1000(alarms, readings)), 'alarms per 1,000 readings'],
        ]
      : [
          [`${verdict.windowsHit} of ${verdict.windows.length}`, 'labelled windows hit'],
          [rate(verdict.recall), 'recall'],
          [rate(verdict.precision), 'precision'],
          [String(verdict.falseAlarms), 'false alarms'],
          [rate(verdict.falseAlarmsPer1000), 'false alarms per 1,000 readings'],
          [span(verdict.delayMeanMs), 'mean delay'],
        ];
  const tile = ([value, name]: readonly [string, string]): string =>
    `<div class="tile"><b>${value}</b><span class="quiet">${name}</span></div>`;
  return `<div class="tiles">${shown.map(tile).join('')}</div>`;
}

function comparisonPart(report: RunReport, against: RunReport, names: ReportNames): string {
  return `<h2>Comparison</h2>
${table(['', names.configured, names.against], comparison(report, against))}`;
}

function curvePart(verdict: Verdict, against: Verdict | undefined, names: ReportNames): string {
  const verdicts = against === undefined ? [verdict] : [verdict, against];
  const key =
    against === undefined
      ? ''
      : `; blue: ${escapeMarkup(names.configured)}, orange: ${escapeMarkup(names.against)}`;
  const rows = verdict.curve.map((point): readonly Cell[] => [
    ...[point.sensitivity, point.windowsHit, point.falseAlarms],
    ...[point.falseAlarmsPer1000, point.precision, point.recall].map(rate),
    span(point.delayMeanMs),
  ]);
  const headers = ['sensitivity', 'hit', 'false', 'per 1,000', 'precision', 'recall', 'mean delay'];
  return `<h2>Sensitivity</h2>
<p class="quiet">A reading is loud from a score of 3 / sensitivity on. The ring is the sensitivity of 1${key}.</p>
<div class="side">${drawCurve(verdicts)}
${table(headers, rows, (row) => row[0] === 1)}</div>`;
}

function channelPart({ channels, verdict }: RunReport): string {
  if (channels.length === 0 || channels[0]?.channel === 'reading') return '';
  const isJudged = verdict !== undefined;
  const rows = channels.map((one): readonly Cell[] => [
    ...[one.channel, one.alarms],
    ...(isJudged ? [one.trueAlarms, one.falseAlarms, one.windowsHit] : []),
  ]);
  const headers = ['rule', 'alarms', ...(isJudged ? ['in windows', 'false', 'windows hit'] : [])];
  return `<h2>Alarms by rule</h2>\n${table(headers, rows)}`;
}

function seriesPart({ series, verdict }: RunReport): string {
  const isJudged = verdict !== undefined;
  const rows = series.map((one): readonly Cell[] => [
    ...[one.sensorId, one.readings, one.anomalies, one.alarms],
    ...(isJudged ? [one.falseAlarms, `${one.windowsHit} of ${one.windows}`] : []),
  ]);
  const headers = [
    ...['sensor', 'readings', 'anomalies', 'alarms'],
    ...(isJudged ? ['false', 'windows hit'] : []),
  ];
  return `<h2>Sensors</h2>\n${table(headers, rows)}`;
}

function windowsPart({ windows }: Verdict): string {
  const rows = windows.map((window): readonly Cell[] => [
    ...[nameOf(window), momentText(window.startMs), momentText(window.endMs), window.alarms],
    windowResult(window),
  ]);
  return `<h2>Labelled windows</h2>\n${table(['of', 'from', 'to', 'alarms', 'result'], rows)}`;
}

function refusedPart({ refused }: BacktestReport): string {
  if (refused.length === 0) return '';
  const rows = refused.map(({ path, reason }) => [basename(path), reason]);
  return `<h2>Files not read to their end</h2>\n${table(['file', 'reason'], rows)}`;
}

function panels(report: BacktestReport, names: ReportNames): string {
  const { against, sensors, traces } = report;
  if (traces.length === 0) return '';
  const hidden = sensors - traces.length;
  const drawn = [...traces.keys()].map((at) => {
    const panel = panelOf(report, at, at);
    const other = against?.traces[at];
    if (against === undefined || other === undefined) return `<figure>${panel}</figure>`;
    return `<figure><figcaption>${escapeMarkup(names.configured)}</figcaption>${panel}
<figcaption>${escapeMarkup(names.against)}</figcaption>${panelOf(against, at, traces.length + at)}</figure>`;
  });
  const legend = {
    windows: report.verdict?.windows,
    threshold: report.semantics.anomalyThreshold,
  };
  return `<h2>Series</h2>
${hidden > 0 ? `<p class="quiet">The first ${traces.length} sensors; ${hidden} more are not drawn.</p>` : ''}
${drawLegend(legend)}
${drawn.join('\n')}`;
}

function panelOf({ semantics, traces, verdict }: RunReport, at: number, place: number): string {
  const trace = traces[at];
  if (trace === undefined) return '';
  const { anomalyThreshold: threshold } = semantics;
  return drawPanel(trace, { windows: verdict?.windows, threshold, place });
}

function table(
  headers: readonly string[],
  rows: readonly (readonly Cell[])[],
  isMarked: (row: readonly Cell[]) => boolean = () => false,
): string {
  const row = (cells: readonly Cell[]): string =>
    `<tr${isMarked(cells) ? ' class="here"' : ''}>${cells.map((cell) => `<td>${escapeMarkup(String(cell))}</td>`).join('')}</tr>`;
  const head = headers.map((header) => `<th>${escapeMarkup(header)}</th>`).join('');
  return `<table><thead><tr>${head}</tr></thead><tbody>${rows.map(row).join('\n')}</tbody></table>`;
}
