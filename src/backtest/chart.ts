// The picture of a backtest as SVG: a panel a sensor with its readings, the band they were held
// against, alarms and label windows; below it the score. No script, no font, no other file.
import { pixelColumns, unbroken, type PixelColumn } from './chart-columns.ts';
import { momentText, numberText, numberTicks, timeTicks, toPx, type Scale } from './chart-scale.ts';
import { escapeMarkup } from './escape-markup.ts';
import type { LabelWindow } from './label-window.ts';
import type { Trace } from './trace.ts';

export interface ChartContent {
  readonly title: string;
  /** Lines of small text under the title. */
  readonly notes: readonly string[];
  readonly traces: readonly Trace[];
  /** Labelled windows; undefined without labels: then no alarm is called false. */
  readonly windows: readonly LabelWindow[] | undefined;
  /** Half width of the band in standard deviations. */
  readonly threshold: number;
}

const width = 1200;
const left = 64;
const right = 16;
const plotWidth = width - left - right;
const seriesHeight = 260;
const scoreHeight = 48;
const betweenPx = 10;
const panelHeight = 20 + seriesHeight + betweenPx + scoreHeight + 42;
const headHeight = 70;
const gapColumns = 6;

const colours = {
  series: '#2563a8',
  band: '#9dc3ec',
  window: '#f2b84b',
  alarm: '#c81e4a',
  trueAlarm: '#15803d',
  score: '#6b4fa0',
  grid: '#e6e8ec',
  text: '#1f2733',
  faint: '#667085',
};

/** Rules for the parts of a panel. */
export const chartStyles: string = `text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:${colours.text}}
.faint{fill:${colours.faint}}.title{font-size:17px;font-weight:600}.end{text-anchor:end}.middle{text-anchor:middle}
.grid{stroke:${colours.grid}}.series{fill:none;stroke:${colours.series};stroke-width:1.1;stroke-linejoin:round}
.band{fill:${colours.band};fill-opacity:.38}.window{fill:${colours.window};fill-opacity:.28}
.score{fill:${colours.score};fill-opacity:.75}.limit{stroke:${colours.alarm};stroke-dasharray:3 3}
.label{stroke:#b7791f;stroke-dasharray:2 3}`;

/** Returns the SVG text; it shows the whole range of times and values. */
export function drawChart(content: ChartContent): string {
  const { traces } = content;
  const height = headHeight + Math.max(1, traces.length) * panelHeight + 6;
  const panels = traces.map((trace, place) =>
    panel(trace, { content, place, top: headHeight + place * panelHeight }),
  );
  const empty = `<text class="faint" x="${left}" y="${headHeight + 40}">no readings</text>`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" ` +
      `height="${height}" role="img" aria-label="${escapeMarkup(content.title)}">`,
    `<style>${chartStyles}</style>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text class="title" x="${left}" y="24">${escapeMarkup(content.title)}</text>`,
    ...content.notes.map(
      (note, line) =>
        `<text class="faint" x="${left}" y="${43 + line * 15}">${escapeMarkup(note)}</text>`,
    ),
    legend(content),
    ...(panels.length === 0 ? [empty] : panels),
    '</svg>\n',
  ].join('\n');
}

/** Returns one sensor's panel as an SVG text of its own; `place` tells panels of a page apart. */
export function drawPanel(
  trace: Trace,
  content: Pick<ChartContent, 'windows' | 'threshold'> & { readonly place: number },
): string {
  const { place } = content;
  const name = escapeMarkup(`Readings, band and alarms of ${trace.sensorId}`);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${panelHeight}" role="img" aria-label="${name}">`,
    panel(trace, { content, place, top: 12 }),
    '</svg>',
  ].join('\n');
}

/** Returns the marks of the picture and their meaning, as an SVG text of its own. */
export function drawLegend(content: Pick<ChartContent, 'windows' | 'threshold'>): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} 34" role="img" aria-label="Legend">${legend(content)}</svg>`;
}

function panel(
  trace: Trace,
  { content, place, top }: { content: Pick<ChartContent, 'windows'>; place: number; top: number },
): string {
  const x = timeScale(trace);
  const columns = pixelColumns(trace, { fromMs: x.from, toMs: x.to, columns: plotWidth });
  const seriesTop = top + 20;
  const y = valueScale(columns, seriesTop);
  const scoreTop = seriesTop + seriesHeight + betweenPx;
  const counts = `${trace.values.length} readings, ${trace.anomalies} anomalies, ${trace.alarms.length} alarms`;
  const clip = `panel-${place}`;
  return [
    `<text x="${left}" y="${top + 6}">${escapeMarkup(trace.sensorId)}<tspan class="faint" dx="8">${counts}</tspan></text>`,
    `<clipPath id="${clip}"><rect x="${left}" y="${seriesTop}" width="${plotWidth}" height="${seriesHeight}"/></clipPath>`,
    ...valueGrid(y),
    ...timeGrid(x, seriesTop, scoreTop + scoreHeight),
    ...labelWindows(windowsOf(trace, content.windows ?? []), x, seriesTop, scoreTop + scoreHeight),
    `<g clip-path="url(#${clip})">`,
    ...unbroken(columns, gapColumns).flatMap((run) => [bandPath(run, y), seriesPath(run, y)]),
    '</g>',
    scorePath(columns, scoreTop),
    `<line class="limit" x1="${left}" x2="${width - right}" y1="${scoreTop + scoreHeight / 2}" y2="${scoreTop + scoreHeight / 2}"/>`,
    `<text class="faint end" x="${left - 8}" y="${scoreTop + scoreHeight / 2 + 4}">score</text>`,
    ...alarmMarks(trace, { x, y, bottom: scoreTop + scoreHeight }),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

function timeScale({ timesMs }: Trace): Scale {
  let [from, to] = [Infinity, -Infinity];
  for (let at = 0; at < timesMs.length; at += 1) {
    from = Math.min(from, timesMs.at(at));
    to = Math.max(to, timesMs.at(at));
  }
  return { from, to: to > from ? to : from + 1, fromPx: left, toPx: left + plotWidth };
}

function valueScale(columns: readonly PixelColumn[], top: number): Scale {
  const min = columns.reduce((least, column) => Math.min(least, column.min), Infinity);
  const max = columns.reduce((most, column) => Math.max(most, column.max), -Infinity);
  const margin = max > min ? (max / 2 - min / 2) * 0.12 : Math.max(Math.abs(max) * 0.01, 1e-9);
  return { from: min - margin, to: max + margin, fromPx: top + seriesHeight, toPx: top };
}

function valueGrid(y: Scale): readonly string[] {
  return numberTicks(y, 6).map(({ at, text }) => {
    const py = px(toPx(y, at));
    return (
      `<line class="grid" x1="${left}" x2="${width - right}" y1="${py}" y2="${py}"/>` +
      `<text class="faint end" x="${left - 8}" y="${px(toPx(y, at) + 4)}">${text}</text>`
    );
  });
}

function timeGrid(x: Scale, top: number, bottom: number): readonly string[] {
  return timeTicks(x, 14).map(({ at, text }) => {
    const tick = px(toPx(x, at));
    return (
      `<line class="grid" x1="${tick}" x2="${tick}" y1="${top}" y2="${bottom}"/>` +
      `<text class="faint middle" x="${tick}" y="${bottom + 16}">${text}</text>`
    );
  });
}

function labelWindows(
  windows: readonly LabelWindow[],
  x: Scale,
  top: number,
  bottom: number,
): readonly string[] {
  return windows
    .filter(({ startMs, endMs }) => endMs >= x.from && startMs <= x.to)
    .map(({ startMs, endMs, labelMs }) => {
      const from = Math.max(x.fromPx, toPx(x, startMs));
      const to = Math.max(from + 1, Math.min(x.toPx, toPx(x, endMs)));
      const title = `<title>labelled ${momentText(startMs)} to ${momentText(endMs)}</title>`;
      const rectangle = `<rect class="window" x="${px(from)}" y="${top}" width="${px(to - from)}" height="${bottom - top}">${title}</rect>`;
      if (labelMs === undefined) return rectangle;
      const label = px(toPx(x, labelMs));
      return `${rectangle}<line class="label" x1="${label}" x2="${label}" y1="${top}" y2="${bottom}"/>`;
    });
}

function bandPath(run: readonly PixelColumn[], y: Scale): string {
  const known = run.filter(({ low }) => !Number.isNaN(low));
  if (known.length < 2) return '';
  const upper = known.map((column) => point(column.place, column.high, y));
  const lower = known.toReversed().map((column) => point(column.place, column.low, y));
  return `<path class="band" d="M${[...upper, ...lower].join('L')}Z"/>`;
}

function seriesPath(run: readonly PixelColumn[], y: Scale): string {
  const points = run.flatMap(({ place, first, min, max, last }) =>
    [first, min, max, last]
      .filter((value, at, all) => at === 0 || value !== all[at - 1])
      .map((value) => point(place, value, y)),
  );
  // A line of zero length is visible only with round ends.
  const d = points.length === 1 ? `M${points[0] ?? ''}h0.1` : `M${points.join('L')}`;
  return `<path class="series" stroke-linecap="round" d="${d}"/>`;
}

function scorePath(columns: readonly PixelColumn[], top: number): string {
  const bottom = top + scoreHeight;
  const bars = columns
    .filter(({ scoreMax }) => scoreMax > 0.005)
    .map(
      ({ place, scoreMax }) => `M${left + place} ${bottom}h1v${px(-scoreMax * scoreHeight)}h-1z`,
    );
  return bars.length === 0 ? '' : `<path class="score" d="${bars.join('')}"/>`;
}

/** Returns the windows that are about the trace. */
function windowsOf(trace: Trace, windows: readonly LabelWindow[]): readonly LabelWindow[] {
  return windows.filter(
    ({ path, sensorId }) =>
      (path === undefined || trace.paths.includes(path)) &&
      (sensorId === undefined || sensorId === trace.sensorId),
  );
}

function alarmMarks(
  trace: Trace,
  place: { x: Scale; y: Scale; bottom: number },
): readonly string[] {
  return trace.alarms.map(({ at, channel, isTrue }) => {
    const timeMs = trace.timesMs.at(at);
    const colour = isTrue === true ? colours.trueAlarm : colours.alarm;
    const x = px(toPx(place.x, timeMs));
    const top = place.y.toPx;
    const rule = channel === 'reading' ? '' : ` (${channel})`;
    const title = `alarm${rule} ${momentText(timeMs)}, value ${numberText(trace.values.at(at))}, score ${trace.scores.at(at).toFixed(3)}`;
    return (
      `<g stroke="${colour}" fill="${colour}"><title>${title}</title>` +
      `<line x1="${x}" x2="${x}" y1="${top}" y2="${place.bottom}" stroke-opacity=".45"/>` +
      `<path d="M${x} ${px(toPx(place.y, trace.values.at(at)))}m-3.2 0a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0 -6.4 0" stroke="#fff"/>` +
      `<path d="M${x} ${top + 1}l-5 -8h10z" stroke="none"/></g>`
    );
  });
}

function legend({ windows, threshold }: Pick<ChartContent, 'windows' | 'threshold'>): string {
  const entries: readonly (readonly [string, string])[] = [
    [`<rect width="16" height="10" y="-9" class="band"/>`, `mean ± ${threshold} sd`],
    ...(windows === undefined
      ? ([[mark(colours.alarm), 'alarm']] as const)
      : ([
          [`<rect width="16" height="10" y="-9" class="window"/>`, 'labelled window'],
          [mark(colours.trueAlarm), 'alarm in a window'],
          [mark(colours.alarm), 'alarm outside'],
        ] as const)),
  ];
  const entryWidth = 144;
  const start = width - right - entries.length * entryWidth;
  return entries
    .map(
      ([shape, text], place) =>
        `<g transform="translate(${start + place * entryWidth} 22)">${shape}<text class="faint" x="22">${text}</text></g>`,
    )
    .join('\n');
}

function mark(colour: string): string {
  return `<path d="M8 0l-5 -9h10z" fill="${colour}"/>`;
}

function point(place: number, value: number, y: Scale): string {
  return `${left + place + 0.5} ${px(toPx(y, value))}`;
}

function px(value: number): string {
  // Clamped: SVG viewers fail on huge numbers, and anything outside is invisible anyway.
  return String(Number(Math.max(-9999, Math.min(99999, value)).toFixed(1)));
}
