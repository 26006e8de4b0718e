// One sensor in a dialog, as the shard that owns it sees it now.
import { at, element } from './elements.js';
import { formatNumber } from './model.js';

/** Opens the dialog and fills it once the shard has answered. */
export async function showSensor(id) {
  at('sensor-title').textContent = id;
  at('sensor-facts').replaceChildren(element('dd', { text: 'asking its shard…' }));
  at('sensor').showModal();
  const facts = await sensorFacts(id);
  at('sensor-facts').replaceChildren(
    ...facts.flatMap(([name, value]) => [
      element('dt', { text: name }),
      element('dd', { text: value }),
    ]),
  );
}

async function sensorFacts(id) {
  try {
    const response = await fetch(`/sensors/${encodeURIComponent(id)}`);
    const sensor = await response.json();
    if (!response.ok) return [['Not shown', sensor.message]];
    const { baseline, open_windows: openWindows } = sensor;
    return [
      ['Lifecycle', sensor.lifecycle],
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
  } catch (error) {
    return [['Not shown', String(error)]];
  }
}
