// A dialog with one sensor, as the shard that owns it sees it now.
import { at, element } from './elements.js';
import { formatNumber, noFlags, flagReason, quarantineReason } from './model.js';

/** Opens the dialog and fills it once the shard has answered. */
export async function showSensor(id) {
  at('sensor-title').textContent = id;
  at('sensor-facts').replaceChildren(element('dd', { text: 'loading…' }));
  at('sensor-flags-title').hidden = true;
  at('sensor-flags').replaceChildren();
  at('sensor').showModal();
  const { facts, sensor } = await askSensor(id);
  at('sensor-facts').replaceChildren(
    ...facts.flatMap(([name, value]) => [
      element('dt', { text: name }),
      element('dd', { text: value }),
    ]),
  );
  if (sensor === undefined) return;
  at('sensor-flags-title').hidden = false;
  at('sensor-flags').replaceChildren(...flags(sensor));
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
  const { baseline, open_windows: openWindows, quarantine } = sensor;
  return [
    ['Lifecycle', sensor.lifecycle],
    ...(quarantine === undefined
      ? []
      : [['Quarantined', `${quarantineReason(quarantine)}; since offset ${quarantine.offset}`]]),
    ['Owner', `${sensor.topic} / ${sensor.partition}, valid at offset ${sensor.offset}`],
    ['Baseline mean', formatNumber(baseline.mean)],
    ['Baseline std dev', formatNumber(baseline.std_dev)],
    ['Baseline weight', `${formatNumber(baseline.n)} readings`],
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
    const { alarm, lineage, timestamp } = anomaly;
    const when = new Date(timestamp).toLocaleString('en-GB');
    const place = lineage === null ? '' : ` · offset ${lineage.offset}`;
    return element(
      'li',
      { class: alarm ? 'alarm' : 'anomaly' },
      element('span', { class: 'quiet', text: `${when}${place}` }),
      element('span', { text: flagReason(anomaly) }),
    );
  });
}
