// The live page: receives `/live` once a second and draws the model. Text is inserted as text,
// never as markup: a sensor id may be hostile.
import { alarmList, showAlarmTools } from './alarms.js';
import { deadLetterList } from './dead-letters.js';
import { at, element } from './elements.js';
import { drawFailedShards } from './failed-shards.js';
import {
  emptyModel,
  firstWindow,
  formatDuration,
  formatNumber,
  knownAge,
  quarantined,
  takeFeatures,
  takeStatus,
  totalsAge,
} from './model.js';
import { navigate } from './navigation.js';
import { drawPipeline } from './pipeline.js';
import { showSensor } from './sensor-dialog.js';
import { sensorLink, sensorTable, showTools } from './sensor-table.js';
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
const navigation = navigate(show);
const table = sensorTable(model, navigation);
const alarms = alarmList(navigation);
const letters = deadLetterList(navigation);
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
  const ageMs = totalsAge(tree);
  at('tiles').classList.toggle('stale', ageMs !== undefined);
  const asOf = ageMs === undefined ? undefined : `as of ${behindText(ageMs)}`;
  const tiles = [
    ['Readings', totals.readings, asOf ?? rate],
    ['Sensors', totals.sensors, `${formatNumber(totals.openWindows)} open windows`],
    ['Feature rows', totals.featureRows, 'closed windows'],
    ['Anomalies', totals.anomalies, 'in closed windows', totals.anomalies > 0 ? 'alert' : ''],
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
        sensorLink(navigation, id),
        element('span', { text: place, class: 'quiet' }),
        element('p', { text: reason, class: 'error' }),
      ),
    ),
  );
}

function drawWaiting({ tree }) {
  const { listed } = model;
  const noSensor = (listed?.total ?? 0) === 0;
  const noWindow = listed?.items.some((item) => typeof item.window_end === 'number') !== true;
  const isSearch = listed?.matching !== listed?.total;
  const waiting = noSensor || (noWindow && !isSearch && tree.totals.featureRows === 0);
  at('waiting').hidden = !waiting;
  at('sensors-scroll').hidden = noSensor;
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

function drawShards({ tree }) {
  const shards = tree.workers
    .flatMap((worker) => worker.shards.map((shard) => ({ shard, worker })))
    .sort((a, b) => naturally(shardName(a.shard), shardName(b.shard)));
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

const naturally = new Intl.Collator('en', { numeric: true }).compare;
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
  const process = element('li', {}, element('strong', { text: 'Process' }), pill(tree.state));
  const children = element('ul', { class: 'branch' });
  for (const worker of tree.workers) {
    const shards = `${worker.shards.length} shard${worker.shards.length === 1 ? '' : 's'}`;
    const item = thread(`Worker ${worker.index}`, worker, shards);
    if (worker.shards.length > 0) item.append(shardBranch(worker.shards));
    children.append(item);
  }
  children.append(thread('Projection', projector, projection));
  if (tree.history !== null) children.append(thread('History', tree.history, 'day files'));
  process.append(children);
  at('threads').replaceChildren(process);
}

function shardBranch(shards) {
  const items = shards.map((shard) => {
    const item = element('li', {}, element('span', { text: shardName(shard) }), pill(shard.phase));
    if (shard.error !== undefined) {
      item.append(element('p', { text: shard.error.message, class: 'error' }));
    }
    return item;
  });
  return element('ul', { class: 'branch' }, ...items);
}

function draw() {
  const event = model.last;
  if (event === undefined) return;
  drawStatus(event);
  drawTiles(event);
  drawFailedShards(event.tree);
  drawQuarantines(event);
  drawWaiting(event);
  drawShards(event);
  drawThreads(event);
  drawPipeline(event.tree.nowMs);
  showTools(navigation.view(), shardNames(event));
}

function shardNames({ tree }) {
  const shards = tree.workers.flatMap((worker) => worker.shards);
  return shards.map(({ topic, partition }) => `${topic}/${partition}`).sort(naturally);
}

/** Shows the view that the URL names: at the load, after a change, after a step back. */
function show(view, before) {
  showTools(view, model.last === undefined ? [] : shardNames(model.last));
  showAlarmTools(view);
  showSensor(model, navigation);
  if (before !== undefined && view.sensor !== before.sensor) return;
  table.refresh();
  alarms.refresh();
  letters.refresh();
}

function listen() {
  const source = new EventSource('/live?rows=false');
  source.addEventListener('status', (event) => {
    takeStatus(model, JSON.parse(event.data));
    draw();
    table.tick();
    alarms.tick();
    letters.tick();
  });
  source.addEventListener('error', () => {
    at('status').textContent = 'disconnected, reconnecting';
    at('status').dataset.tone = 'bad';
    // The browser reconnects a broken stream by itself, but gives up on a refused one (503).
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
  });
}

themes();
// If this fails, the columns show their bare names.
fetch('/features')
  .then(async (answer) => takeFeatures(model, await answer.json()))
  .catch((error) => console.warn('/features', error))
  .finally(() => {
    navigation.begin();
    listen();
  });
