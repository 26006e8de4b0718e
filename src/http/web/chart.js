// One sensor over time: its windows, the span of their readings, its baseline now, and the readings
// that were flagged, with the reason under the pointer or the arrow keys.
import uPlot from './uplot.js';

import { at, element, say } from './elements.js';
import { drawnFeature, flagReason, formatNumber, heading } from './model.js';
import { chartData, spanOf } from './chart-data.js';
import { axes, colour } from './plot.js';

const height = 240;
const rowsMax = 2_000;
const flagReachPx = 12;

let drawn;

/** Draws the sensor's history in the range of the view; resolves once it is drawn. */
export async function drawHistory(model, view, sensor) {
  const span = spanOf(view, Date.now());
  const parameters = new URLSearchParams({ from: span.fromMs, to: span.toMs, last: rowsMax });
  const url = `/sensors/${encodeURIComponent(view.sensor)}/history?${parameters}`;
  const answer = await fetch(url)
    .then((response) => response.json())
    .catch((error) => ({ message: String(error) }));
  if (answer.rows === undefined) return say('chart-note', answer.message);
  const data = chartData(answer.rows, { sensor, feature: drawnFeature(model), span });
  const count = answer.rows.length;
  const most = count === rowsMax ? `; only the last ${formatNumber(rowsMax)} are shown` : '';
  const unread = answer.unread > 0 ? '; older windows are not at hand without HISTORY_DIR' : '';
  say(
    'chart-note',
    count === 0
      ? 'No window closed in this time.'
      : `${formatNumber(count)} windows${most}${unread}`,
  );
  plot(data, { title: heading(model, drawnFeature(model)).text, span });
}

/** Frees the chart. */
export function clearHistory() {
  drawn?.destroy();
  drawn = undefined;
  say('chart-note', '');
}

function plot({ columns, flags }, { title, span }) {
  const box = at('chart');
  drawn?.destroy();
  const line = (label, stroke, more = {}) => ({ label, stroke, points: { show: false }, ...more });
  const [accent, bad, quiet] = [colour('--accent'), colour('--bad'), colour('--quiet')];
  const dash = { dash: [4, 4], width: 1, spanGaps: true };
  drawn = new uPlot(
    {
      width: box.clientWidth,
      height,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false } },
      scales: { x: { range: () => [span.fromMs / 1000, span.toMs / 1000] } },
      axes: axes(62),
      bands: [
        { series: [3, 2], fill: `${accent}26` },
        { series: [5, 4], fill: `${quiet}1f` },
      ],
      series: [
        {},
        line(title, accent, { width: 2 }),
        line('Least', 'transparent'),
        line('Greatest', 'transparent'),
        line('Baseline low', quiet, dash),
        line('Baseline high', quiet, dash),
        line('Flagged', bad, {
          ...{ paths: () => null, width: 0 },
          points: { show: true, size: 7, fill: bad, stroke: bad },
        }),
      ],
      hooks: { setCursor: [(chart) => tell(chart, { columns, flags, title })] },
    },
    columns,
    box,
  );
  box.onkeydown = (event) => move(event, columns[0]);
  at('chart-value').textContent = summary(columns, flags);
}

function summary(columns, flags) {
  const known = columns[1].filter(Number.isFinite);
  if (known.length === 0) return '';
  const [least, most] = [Math.min(...known), Math.max(...known)];
  const flagged =
    flags.size === 0 ? '' : `; ${flags.size} flagged reading${flags.size === 1 ? '' : 's'}`;
  const range = `From ${formatNumber(least)} to ${formatNumber(most)}${flagged}`;
  return `${range}. Arrow keys read the values.`;
}

/** Moves the cursor by one point, so that every value can be read without a pointer. */
function move(event, times) {
  const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
  if (step === undefined || times.length === 0) return;
  event.preventDefault();
  const from = drawn.cursor.idx ?? (step > 0 ? -1 : times.length);
  const index = Math.min(times.length - 1, Math.max(0, from + step));
  drawn.setCursor({ left: drawn.valToPos(times[index], 'x'), top: 10 });
}

function tell(chart, { columns, flags, title }) {
  const { idx: index, left } = chart.cursor;
  if (index === null || index === undefined || left < 0) return;
  const time = columns[0][index];
  const when = new Date(time * 1000).toLocaleString('en-GB');
  const value = columns[1][index];
  const span = !Number.isFinite(columns[2][index])
    ? ''
    : `, ${formatNumber(columns[2][index])} to ${formatNumber(columns[3][index])}`;
  const near = [...flags].find(([at]) => Math.abs(chart.valToPos(at, 'x') - left) <= flagReachPx);
  const words = !Number.isFinite(value) ? [] : [`${title} ${formatNumber(value)}${span}`];
  if (near !== undefined) words.push(...near[1].map((anomaly) => flagReason(anomaly)));
  at('chart-value').replaceChildren(element('strong', { text: when }), ` ${words.join(' · ')}`);
}
