// A dialog with one sensor: its windows over time, and its state as the shard that owns it has it.
import { at, element } from './elements.js';
import { clearHistory, drawHistory } from './chart.js';
import { ranges, spanOf } from './chart-data.js';
import {
  formatNumber,
  lastHeard,
  learnedText,
  noFlags,
  flagReason,
  quarantineReason,
} from './model.js';
import { alarmWords } from './operator-text.js';
import { offerCommands } from './sensor-commands.js';

let shown = { sensor: '', range: '' };
let asked = 0;

/** Opens the dialog for the sensor of the view and fills it; closes it where there is none. */
export async function showSensor(model, navigation) {
  const view = navigation.view();
  const { sensor: id, range } = view;
  if (id === shown.sensor && range === shown.range) return;
  const isNew = id !== shown.sensor;
  shown = { sensor: id, range };
  if (id === '') {
    clearHistory();
    return at('sensor').close();
  }
  at('sensor').onclose = () => {
    if (shown.sensor !== '') navigation.go({ sensor: '', range: '1h' });
  };
  showRanges(view, navigation);
  if (isNew) showLoading(id);
  const question = (asked += 1);
  const { facts, sensor } = await askSensor(id);
  if (question !== asked || shown.sensor !== id) return;
  const terms = facts.flatMap(([name, value]) => [
    element('dt', { text: name }),
    element('dd', { text: value }),
  ]);
  at('sensor-facts').replaceChildren(...terms);
  if (sensor?.alarms !== undefined) offerCommands(id, sensor.alarms);
  at('sensor-flags-title').hidden = sensor === undefined;
  at('sensor-flags').hidden = sensor === undefined;
  at('sensor-flags').replaceChildren(...(sensor === undefined ? [] : flags(sensor)));
  await drawHistory(model, view, sensor);
}

function showLoading(id) {
  clearHistory();
  at('sensor-title').textContent = id;
  at('sensor-facts').replaceChildren(element('dd', { text: 'loading…' }));
  at('sensor-flags-title').hidden = true;
  at('sensor-flags').replaceChildren();
  at('chart-value').textContent = '';
  at('sensor-command-note').textContent = '';
  offerCommands(id);
  if (!at('sensor').open) at('sensor').showModal();
}

function showRanges(view, navigation) {
  const buttons = ranges.map(([name, text]) => {
    const pressed = String(name === view.range);
    const button = element('button', { text, type: 'button', 'aria-pressed': pressed });
    button.addEventListener('click', () => navigation.go({ range: name }));
    return button;
  });
  at('ranges').replaceChildren(...buttons);
  const { fromMs, toMs } = spanOf(view, Date.now());
  const [from, to] = [at('range-from'), at('range-to')];
  from.value = localTime(fromMs);
  to.value = localTime(toMs);
  const change = () => {
    const [start, end] = [Date.parse(from.value), Date.parse(to.value)];
    if (start < end) navigation.go({ range: `${start}-${end}` });
  };
  from.onchange = change;
  to.onchange = change;
}

/** Returns the time as an input of dates takes it: local, to the minute. */
function localTime(timeMs) {
  const offsetMs = new Date(timeMs).getTimezoneOffset() * 60_000;
  return new Date(timeMs - offsetMs).toISOString().slice(0, 16);
}

async function askSensor(id) {
  try {
    const response = await fetch(`/sensors/${encodeURIComponent(id)}`);
    const sensor = await response.json();
    if (!response.ok) return { facts: [['Not available', sensor.message]] };
    return { facts: sensorFacts(sensor), sensor };
  } catch (error) {
    return { facts: [['Not available', String(error)]] };
  }
}

function sensorFacts(sensor) {
  const { baseline, learned, open_windows: openWindows, presence, quarantine } = sensor;
  return [
    ['Lifecycle', sensor.lifecycle],
    ...(quarantine === undefined
      ? []
      : [['Quarantined', `${quarantineReason(quarantine)}; since offset ${quarantine.offset}`]]),
    ...(sensor.alarms?.open ?? []).map((alarm) => [
      'Alarm',
      alarmWords({ ...alarm, muted_until: sensor.alarms.muted_until }, Date.now()),
    ]),
    ...(presence === undefined ? [] : [['Last heard', lastHeard(presence)]]),
    ['Owner', `${sensor.topic} / ${sensor.partition}, valid at offset ${sensor.offset}`],
    ['Baseline mean', formatNumber(baseline.mean)],
    ['Baseline std dev', formatNumber(baseline.std_dev)],
    ['Baseline weight', `${formatNumber(baseline.n)} readings`],
    // A process of an earlier version may own the sensor.
    ...(learned === undefined ? [] : [['Learned', learnedText(learned)]]),
    ...openWindows.map((open) => [
      `Open window ${new Date(open.window_start).toLocaleTimeString('en-GB')}`,
      `${formatNumber(open.count)} readings, mean ${formatNumber(open.avg_value)}, ` +
        `${formatNumber(open.min_value)} to ${formatNumber(open.max_value)}`,
    ]),
  ];
}

/** Returns the last flagged readings, newest first: time, reason, offset. */
function flags(sensor) {
  const { anomalies } = sensor;
  if (anomalies === null || anomalies.length === 0) {
    return [element('li', { class: 'quiet', text: noFlags(sensor) })];
  }
  return anomalies.map((anomaly) => {
    const { alarm, kind, lineage, timestamp } = anomaly;
    const when = new Date(timestamp).toLocaleString('en-GB');
    const place = lineage === null ? '' : ` · offset ${lineage.offset}`;
    return element(
      'li',
      { class: alarm || kind === 'offline' || kind === 'stuck' ? 'alarm' : 'anomaly' },
      element('span', { class: 'quiet', text: `${when}${place}` }),
      element('span', { text: flagReason(anomaly) }),
    );
  });
}
