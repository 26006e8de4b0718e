// The live page: receives `/live` once a second and draws the model. Text is inserted as text,
// never as markup: a sensor id may be hostile.
import { at, element } from './elements.js';
import {
  anomaliesNow,
  drawnFeature,
  emptyModel,
  firstWindow,
  formatDuration,
  formatFeature,
  formatNumber,
  heading,
  isAnomalous,
  knownAge,
  quarantined,
  sparkline,
  takeFeatures,
  takeStatus,
  totalsAge,
  visibleSensors,
} from './model.js';
import { showSensor } from './sensor-dialog.js';
import { themes } from './theme.js';

const phaseTones = {
  running: 'good',
  recovering: 'bad',
  failed: 'bad',
  fenced: 'bad',
  released: 'off',
  stopped: 'off',
};
const model = emptyModel();
const sensorRows = new Map();
const cell = (text, attributes = {}) => element('td', { text, ...attributes });
const number = (value) => cell(formatNumber(value), { class: 'number' });
const pill = (text) =>
  element('span', { text, class: 'pill', 'data-tone': phaseTones[text] ?? 'wait' });

function drawStatus({ tree, readiness }) {
  const status = at('status');
  status.textContent = readiness.ready ? 'ready' : tree.state === 'failed' ? 'failed' : 'not ready';
  status.dataset.tone = readiness.ready ? 'good' : tree.state === 'failed' ? 'bad' : 'wait';
  at('uptime').textContent = `up ${formatDuration(tree.uptimeSeconds)}`;
  at('reasons').hidden = readiness.ready;
  at('reasons').textContent = readiness.reasons.join(' · ');
}

function drawTiles({ tree }) {
  const { totals, projector } = tree;
  const rate = model.rate === undefined ? '' : `${formatNumber(Math.round(model.rate))} per second`;
  const anomalies = anomaliesNow(model);
  const ageMs = totalsAge(tree);
  at('tiles').classList.toggle('stale', ageMs !== undefined);
  const asOf = ageMs === undefined ? undefined : `as of ${behindText(ageMs)}`;
  const tiles = [
    ['Readings', totals.readings, asOf ?? rate],
    ['Sensors', totals.sensors, `${formatNumber(totals.openWindows)} open windows`],
    ['Feature rows', totals.featureRows, 'closed windows'],
    ['Anomalies', anomalies, 'in the last windows', anomalies > 0 ? 'alert' : ''],
    ['Dead letters', totals.deadLetters, 'late or bad', totals.deadLetters > 0 ? 'warn' : ''],
    ['Lag', totals.lag, asOf ?? 'readings to process'],
    ['Projection lag', projector.lag, projector.connected ? 'rows to store' : 'store unreachable'],
  ];
  at('tiles').replaceChildren(
    ...tiles.map(([name, value, note, tone = '']) =>
      element(
        'div',
        { class: 'tile', 'data-tone': tone },
        element('dt', { text: name }),
        element('dd', { text: formatNumber(value) }),
        element('dd', { text: note, class: 'quiet' }),
      ),
    ),
  );
}

let quarantinesDrawn = '';

function drawQuarantines({ tree }) {
  const { total, sensors } = quarantined(tree);
  // Redrawing would take the keyboard focus out of the list.
  const drawn = JSON.stringify([total, sensors]);
  if (drawn === quarantinesDrawn) return;
  quarantinesDrawn = drawn;
  at('quarantined').hidden = total === 0;
  const some = sensors.length < total ? ` (${sensors.length} shown)` : '';
  at('quarantined-note').textContent =
    `${formatNumber(total)} in quarantine${some}; their readings become dead letters until released`;
  at('quarantined-sensors').replaceChildren(
    ...sensors.map(({ id, reason, place }) =>
      element(
        'li',
        {},
        sensorLink(id),
        element('span', { text: place, class: 'quiet' }),
        element('p', { text: reason, class: 'error' }),
      ),
    ),
  );
}

function drawWaiting({ tree }) {
  const waiting = model.sensors.size === 0;
  at('waiting').hidden = !waiting;
  at('sensors-scroll').hidden = waiting;
  if (!waiting) return;
  const first = firstWindow(tree);
  const bar = at('waiting-bar');
  if (first === undefined) {
    at('waiting-text').textContent = 'Waiting for the first reading…';
    bar.removeAttribute('value');
  } else {
    const seconds = `${first.seconds} second${first.seconds === 1 ? '' : 's'}`;
    at('waiting-text').textContent = `First windows close in about ${seconds}.`;
    bar.value = first.done;
  }
}

function drawSensorHead() {
  const head = ({ text, unit = '', title = '' }, kind = '') =>
    element(
      'th',
      { text, title, scope: 'col', class: kind },
      ...(unit === '' ? [] : [element('span', { text: ` ${unit}`, class: 'quiet' })]),
    );
  at('sensor-head').replaceChildren(
    head({ text: 'Sensor' }),
    head({ text: `${heading(model, drawnFeature(model)).text}, last windows` }),
    ...model.columns.map((name) => head(heading(model, name), 'number')),
    head({ text: 'Window end' }, 'number'),
  );
}

function sparklineOf(rows) {
  const box = { width: 132, height: 30, padding: 4 };
  const drawn = drawnFeature(model);
  const values = rows.map((row) => row.features[drawn] ?? 0);
  const { path, points } = sparkline(values, box);
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const range = `${formatNumber(Math.min(...values))} to ${formatNumber(Math.max(...values))}`;
  svg.setAttribute('role', 'img');
  svg.setAttribute(
    'aria-label',
    `${heading(model, drawn).text} over the last ${rows.length} windows: ${range}`,
  );
  svg.setAttribute('viewBox', `0 0 ${box.width} ${box.height}`);
  svg.setAttribute('class', 'spark');
  const shape = (tag, attributes) => {
    const made = document.createElementNS(svg.namespaceURI, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    svg.append(made);
  };
  shape('path', { d: path });
  points.forEach(({ x, y }, index) => {
    const last = index === points.length - 1;
    const anomalous = isAnomalous(rows[index]);
    if (last || anomalous) {
      shape('circle', { cx: x, cy: y, r: last ? 2.8 : 2.2, class: anomalous ? 'anomaly' : '' });
    }
  });
  return svg;
}

function sensorLink(id) {
  const link = element('button', { text: id, type: 'button', class: 'link' });
  link.addEventListener('click', () => showSensor(id));
  return link;
}

function sensorRow(id) {
  const rows = model.sensors.get(id);
  const row = rows.at(-1);
  const made = element('tr', isAnomalous(row) ? { class: 'anomalous' } : {});
  made.append(
    element('th', { scope: 'row' }, sensorLink(id)),
    element('td', {}, sparklineOf(rows)),
  );
  for (const column of model.columns) {
    const value = cell(formatFeature(model, column, row.features[column]), { class: 'number' });
    if (column === 'anomaly_count' && isAnomalous(row)) {
      value.replaceChildren(element('span', { text: value.textContent, class: 'badge' }));
    }
    made.append(value);
  }
  const end = new Date(row.window_end).toLocaleTimeString('en-GB');
  made.append(cell(end, { class: 'number', title: new Date(row.window_end).toISOString() }));
  return made;
}

function drawSensors(changed) {
  if (model.sensors.size === 0) return;
  if (at('sensor-head').childElementCount === 0) drawSensorHead();
  for (const id of changed) {
    const made = sensorRow(id);
    const old = sensorRows.get(id);
    const focused = old?.contains(document.activeElement);
    old?.replaceWith(made);
    if (focused) made.querySelector('button').focus();
    sensorRows.set(id, made);
  }
  const options = { filter: at('filter').value, onlyAnomalous: at('only-anomalous').checked };
  const visible = visibleSensors(model, options).map((id) => sensorRows.get(id));
  const body = at('sensor-rows');
  const same =
    visible.length === body.childElementCount &&
    visible.every((row, i) => body.children[i] === row);
  // Moving rows takes the keyboard focus out of the table, so they move only if the list differs.
  if (!same) body.replaceChildren(...visible);
  const shown = visible.length === model.sensors.size ? '' : `${visible.length} of `;
  at('sensors-note').textContent =
    `${shown}${model.sensors.size} shown, last closed window of each`;
}

function drawShards({ tree }) {
  const shards = tree.workers
    .flatMap((worker) => worker.shards.map((shard) => ({ shard, worker })))
    .sort((a, b) => shardName(a.shard).localeCompare(shardName(b.shard), 'en', { numeric: true }));
  const rows = shards.map(({ shard, worker }) => {
    const behind = shard.watermarkMs === null ? '–' : behindText(tree.nowMs - shard.watermarkMs);
    const ageMs = knownAge(shard, tree.nowMs);
    const known = Number.isFinite(ageMs) ? `as of ${behindText(ageMs)}` : 'nothing known yet';
    const note =
      ageMs === undefined ? [] : [element('span', { text: ` ${known}`, class: 'quiet' })];
    return element(
      'tr',
      ageMs === undefined ? {} : { class: 'stale' },
      element('th', { text: shardName(shard), scope: 'row' }),
      element('td', {}, pill(shard.phase), ...note),
      number(shard.position),
      number(shard.lag),
      cell(behind),
      number(shard.sensors),
      number(worker.index),
    );
  });
  const none = element('tr', {}, cell('No partition is assigned yet.', { colspan: 7 }));
  at('shard-rows').replaceChildren(...(rows.length === 0 ? [none] : rows));
}

const shardName = ({ topic, partition }) => `${topic} / ${partition}`;

function behindText(ms) {
  return ms >= 0 ? `${formatDuration(ms / 1000)} ago` : `${formatDuration(-ms / 1000)} ahead`;
}

function drawThreads({ tree }) {
  const thread = (name, view, note) => {
    const restarts = view.restarts === 0 ? '' : ` · restarted ${view.restarts}×`;
    const item = element('li', {}, element('strong', { text: name }), pill(view.state));
    item.append(element('span', { text: note + restarts, class: 'quiet' }));
    if (view.lastError !== null) {
      const when = behindText(tree.nowMs - view.lastError.atMs);
      item.append(element('p', { text: `${when}: ${view.lastError.message}`, class: 'error' }));
    }
    return item;
  };
  const { projector } = tree;
  const connected = projector.connected ? 'connected' : 'not connected';
  const projection = `${connected} · ${formatNumber(projector.lag)} rows behind`;
  at('threads').replaceChildren(
    ...tree.workers.map((worker) => {
      const shards = `${worker.shards.length} shard${worker.shards.length === 1 ? '' : 's'}`;
      return thread(`Worker ${worker.index}`, worker, shards);
    }),
    thread('Projection', projector, projection),
  );
}

function draw(changed) {
  const event = model.last;
  if (event === undefined) return;
  drawStatus(event);
  drawTiles(event);
  drawQuarantines(event);
  drawWaiting(event);
  drawSensors(changed);
  drawShards(event);
  drawThreads(event);
}

function listen() {
  const source = new EventSource('/live');
  source.addEventListener('status', (event) => draw(takeStatus(model, JSON.parse(event.data))));
  source.addEventListener('error', () => {
    at('status').textContent = 'disconnected, reconnecting';
    at('status').dataset.tone = 'bad';
    // The browser reconnects a broken stream by itself, but gives up on a refused one (503).
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
  });
}

themes();
at('filter').addEventListener('input', () => drawSensors([]));
at('only-anomalous').addEventListener('change', () => drawSensors([]));
// If this fails, the columns show their bare names.
fetch('/features')
  .then(async (answer) => takeFeatures(model, await answer.json()))
  .catch((error) => console.warn('/features', error))
  .finally(listen);
