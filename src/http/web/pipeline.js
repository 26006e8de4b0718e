// The pipeline over the last hours: throughput, lag and freshness as charts, and what changed.
import uPlot from './uplot.js';

import { at, element } from './elements.js';
import { formatDuration, formatNumber } from './model.js';
import { axes, colour } from './plot.js';

const refreshMs = 10_000;
const height = 130;
const charts = new Map();
const lines = [
  ['throughput', 'Readings per second', (slot, seconds) => slot.readings / seconds],
  ['lag', 'Readings to process', (slot) => slot.lag],
  ['freshness', 'Behind, in seconds', (slot) => slot.behindSeconds],
];
let askedMs = -Infinity;

/** Asks for the history and draws it, unless that was done seconds ago. */
export async function drawPipeline(nowMs) {
  if (performance.now() - askedMs < refreshMs) return;
  askedMs = performance.now();
  const answer = await fetch('/pipeline/history')
    .then((response) => response.json())
    .catch(() => undefined);
  if (answer?.slots === undefined) return;
  drawChanges(answer.changes, nowMs);
  const { slots, slotMs } = answer;
  at('pipeline').hidden = slots.length < 2;
  if (slots.length < 2) return;
  const times = slots.map((slot) => slot.atMs / 1000);
  for (const [id, text, valueOf] of lines) {
    drawLine(id, text, [times, slots.map((slot) => valueOf(slot, slotMs / 1000))]);
  }
  const sum = (name) => formatNumber(slots.reduce((total, slot) => total + slot[name], 0));
  const length = formatDuration((slots.at(-1).atMs - slots[0].atMs) / 1000);
  at('pipeline-note').textContent =
    `last ${length}: ${sum('restarts')} restarts, ${sum('moves')} moves of shards, ` +
    `${sum('deadLetters')} dead letters`;
}

function drawLine(id, text, data) {
  const box = at(id);
  const known = data[1].filter((value) => value !== null);
  const last = formatNumber(Math.round((known.at(-1) ?? 0) * 10) / 10);
  const most = formatNumber(Math.round(Math.max(0, ...known) * 10) / 10);
  box.setAttribute('aria-label', `${text}: now ${last}, at most ${most}`);
  at(`${id}-now`).textContent = last;
  const chart = charts.get(id);
  if (chart !== undefined && chart.width === box.clientWidth) return chart.setData(data);
  chart?.destroy();
  const options = {
    ...{ width: box.clientWidth, height, legend: { show: false }, cursor: { show: false } },
    axes: axes(56),
    scales: { y: { range: (_, least, greatest) => [0, Math.max(1, greatest * 1.1)] } },
    series: [{}, { stroke: colour('--accent'), width: 1.5, points: { show: false } }],
  };
  charts.set(id, new uPlot(options, data, box));
}

function drawChanges(changes, nowMs) {
  const hour = changes.filter(({ atMs }) => nowMs - atMs < 3_600_000);
  const items = hour.map(({ atMs, text }) =>
    element(
      'li',
      {},
      element('span', { text: new Date(atMs).toLocaleTimeString('en-GB'), class: 'quiet' }),
      element('span', { text }),
    ),
  );
  const none = element('li', { text: 'Nothing changed in the last hour.', class: 'quiet' });
  at('changes').replaceChildren(...(items.length === 0 ? [none] : items));
}
