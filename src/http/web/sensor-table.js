// The table of sensors: one page of the server's list, searched, filtered and sorted there.
import { at, element, say } from './elements.js';
import {
  drawnFeature,
  formatFeature,
  formatNumber,
  heading,
  listNote,
  sparkline,
  takeSensors,
} from './model.js';
import { refreshedList } from './refreshed-list.js';
import { changedView, filters, listUrl, sorts, urlOf } from './view.js';

const rowsShown = 50;
const refreshMs = 2_000;
const typingMs = 200;

/**
 * Returns the table. `navigation.view()` is the view to show, `navigation.go(change)` changes it.
 */
export function sensorTable(model, navigation) {
  const rows = new Map();
  let typing;
  connectTools(navigation, (change) => {
    clearTimeout(typing);
    typing = setTimeout(() => navigation.go(change), 'search' in change ? typingMs : 0);
  });
  return refreshedList({
    refreshMs,
    url: () => listUrl(navigation.view(), rowsShown),
    draw: (answer) => {
      if (answer.items === undefined) at('sensors-note').textContent = answer.message;
      else {
        takeSensors(model, answer);
        draw(model, navigation, rows);
      }
    },
  });
}

function connectTools(navigation, change) {
  const options = (choices) => choices.map(([value, text]) => element('option', { value, text }));
  at('sort').replaceChildren(...options(sorts));
  at('only').replaceChildren(...options(filters));
  at('tools').addEventListener('submit', (event) => event.preventDefault());
  at('filter').addEventListener('input', () => change({ search: at('filter').value }));
  at('only').addEventListener('change', () => change({ filter: at('only').value }));
  at('sort').addEventListener('change', () => change({ sort: at('sort').value }));
  at('shard').addEventListener('change', () => change({ shard: at('shard').value }));
  at('first-page').addEventListener('click', () => navigation.go({ cursor: '' }));
  at('next-page').addEventListener('click', () => {
    navigation.go({ cursor: at('next-page').dataset.cursor });
    at('sensors-title').focus();
  });
}

/** Shows the view in the tools above the table, after a load or a step back. */
export function showTools(view, shards) {
  if (document.activeElement !== at('filter')) at('filter').value = view.search;
  at('only').value = view.filter;
  at('sort').value = view.sort;
  const names = [...new Set([...shards, ...(view.shard === '' ? [] : [view.shard])])];
  if (at('shard').childElementCount !== names.length + 1) {
    at('shard').replaceChildren(
      element('option', { value: '', text: 'All shards' }),
      ...names.map((name) => element('option', { value: name, text: name })),
    );
  }
  at('shard').value = view.shard;
}

function draw(model, navigation, rows) {
  const { listed } = model;
  const view = navigation.view();
  const isSearch = view.search.trim() !== '' || view.filter !== '' || view.shard !== '';
  say('sensors-note', listNote(listed, isSearch));
  at('pages').hidden = listed.next === null && view.cursor === '';
  at('first-page').disabled = view.cursor === '';
  at('next-page').disabled = listed.next === null;
  at('next-page').dataset.cursor = listed.next ?? '';
  at('none-found').hidden = listed.items.length > 0 || listed.total === 0;
  drawHead(model);
  const shown = listed.items.map((item) => {
    const made = sensorRow(model, navigation, item);
    const old = rows.get(item.sensor_id);
    if (old !== undefined && old.outerHTML === made.outerHTML) return old;
    const focused = old?.contains(document.activeElement);
    old?.replaceWith(made);
    if (focused) made.querySelector('a').focus();
    rows.set(item.sensor_id, made);
    return made;
  });
  const ids = new Set(listed.items.map((item) => item.sensor_id));
  for (const id of rows.keys()) if (!ids.has(id)) rows.delete(id);
  const body = at('sensor-rows');
  const same =
    shown.length === body.childElementCount && shown.every((row, i) => body.children[i] === row);
  // Moving rows takes the keyboard focus out of the table, so they move only if the list differs.
  if (!same) body.replaceChildren(...shown);
}

function drawHead(model) {
  const columns = model.columns.join();
  if (at('sensor-head').dataset.columns === columns) return;
  at('sensor-head').dataset.columns = columns;
  const head = ({ text, unit = '', title = '' }, kind = '') =>
    element(
      'th',
      { text, title, scope: 'col', class: kind },
      ...(unit === '' ? [] : [element('span', { text: ` ${unit}`, class: 'quiet' })]),
    );
  at('sensor-head').replaceChildren(
    head({ text: 'Sensor' }),
    head({ text: 'State' }),
    head({ text: `${heading(model, drawnFeature(model)).text}, last windows` }),
    ...model.columns.map((name) => head(heading(model, name), 'number')),
    head({ text: 'Window end' }, 'number'),
  );
}

/** Returns a link to the sensor that opens it here. */
export function sensorLink(navigation, id) {
  const href = urlOf(changedView(navigation.view(), { sensor: id }));
  const link = element('a', { text: id, href, class: 'link' });
  link.addEventListener('click', (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    navigation.go({ sensor: id });
  });
  return link;
}

const stateTones = { steady: 'good', warming: 'wait', quarantined: 'bad', idle: 'off' };

function sensorRow(model, navigation, item) {
  const { sensor_id: id, features, lifecycle, window_end: endMs } = item;
  const isAnomalous = (features?.anomaly_count ?? 0) > 0;
  const made = element('tr', isAnomalous || item.alarmed ? { class: 'anomalous' } : {});
  const state = lifecycle === 'idle' ? 'silent' : lifecycle;
  const pill = (text, tone) => element('span', { text, class: 'pill', 'data-tone': tone });
  made.append(
    element('th', { scope: 'row' }, sensorLink(navigation, id)),
    element(
      'td',
      {},
      ...(item.alarmed ? [pill('alarmed', 'bad')] : []),
      pill(state, stateTones[lifecycle] ?? 'wait'),
    ),
    element('td', {}, sparklineOf(model, model.windows.get(id) ?? [])),
  );
  for (const column of model.columns) {
    const text = formatFeature(model, column, features?.[column]);
    const value = element('td', { class: 'number' });
    const isBadge = column === 'anomaly_count' && isAnomalous;
    if (isBadge) value.append(element('span', { text, class: 'badge' }));
    else value.textContent = text;
    made.append(value);
  }
  const known = typeof endMs === 'number';
  const end = known ? new Date(endMs).toLocaleTimeString('en-GB') : '–';
  const title = known ? new Date(endMs).toISOString() : 'no window has closed';
  made.append(element('td', { text: end, class: 'number', title }));
  return made;
}

function sparklineOf(model, windows) {
  const known = windows.filter(([, value]) => Number.isFinite(value));
  if (known.length === 0) return element('span', { text: '–', class: 'quiet' });
  const box = { width: 132, height: 30, padding: 4 };
  const values = known.map(([, value]) => value);
  const { path, points } = sparkline(values, box);
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const range = `${formatNumber(Math.min(...values))} to ${formatNumber(Math.max(...values))}`;
  svg.setAttribute('role', 'img');
  svg.setAttribute(
    'aria-label',
    `${heading(model, drawnFeature(model)).text} over the last ${known.length} windows: ${range}`,
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
    const anomalous = known[index][2] > 0;
    if (last || anomalous) {
      shape('circle', { cx: x, cy: y, r: last ? 2.8 : 2.2, class: anomalous ? 'anomaly' : '' });
    }
  });
  return svg;
}
