// What the page knows, and what follows from it: pure functions without a document, so that tests can hold them.

export const windowsKept = 30;

/** Returns a page model that has heard nothing. */
export function emptyModel() {
  return { sensors: new Map(), features: new Map(), columns: [], rate: undefined, last: undefined };
}

/**
 * Takes one `status` event into the model, in place, and returns the ids whose last window is new. A row that is not
 * newer than the sensor's last one is dropped: after a reconnection the server sends its rows again.
 */
export function takeStatus(model, event) {
  const { nowMs, totals } = event.tree;
  const before = model.last?.tree;
  if (before !== undefined && nowMs > before.nowMs && totals.readings >= before.totals.readings) {
    const rate = ((totals.readings - before.totals.readings) * 1000) / (nowMs - before.nowMs);
    model.rate = model.rate === undefined ? rate : model.rate * 0.7 + rate * 0.3;
  }
  model.last = event;
  const changed = new Set();
  for (const row of event.rows) {
    if (model.columns.length === 0) model.columns = Object.keys(row.features);
    const rows = model.sensors.get(row.sensor_id) ?? [];
    if (rows.length > 0 && rows.at(-1).window_end >= row.window_end) continue;
    rows.push(row);
    if (rows.length > windowsKept) rows.shift();
    model.sensors.set(row.sensor_id, rows);
    changed.add(row.sensor_id);
  }
  return changed;
}

/** Takes what `/features` says the features are, in place. */
export function takeFeatures(model, { features }) {
  for (const feature of features) model.features.set(feature.name, feature);
}

/**
 * Returns a column's heading by the feature's declaration: its name in words without its unit, the unit where it says
 * more than "the reading's", and what it is. One that is not declared here has its name alone.
 */
export function heading(model, name) {
  const { unit = '', description = '' } = model.features.get(name) ?? {};
  const named = unit !== '' && name.endsWith(`_${unit}`) ? name.slice(0, -unit.length - 1) : name;
  const words = named.replaceAll('_', ' ');
  return {
    text: words.charAt(0).toUpperCase() + words.slice(1),
    unit: unit === 'ratio' ? '' : unit.replace(/^value ?/, ''),
    title: description,
  };
}

/** Returns the feature whose course is drawn: the mean, or without it the first of the readings' unit, or the first. */
export function drawnFeature({ columns, features }) {
  if (columns.includes('avg_value')) return 'avg_value';
  return columns.find((name) => features.get(name)?.unit === 'value') ?? columns[0];
}

/** Returns whether the window held an anomaly. */
export function isAnomalous(row) {
  return (row.features.anomaly_count ?? 0) > 0;
}

/** Returns the anomalies in the last window of every sensor together. */
export function anomaliesNow(model) {
  let total = 0;
  for (const rows of model.sensors.values()) total += rows.at(-1).features.anomaly_count ?? 0;
  return total;
}

/** Returns the ids to show: those that contain `filter`, in natural order (sensor_9 before sensor_10). */
export function visibleSensors(model, { filter, onlyAnomalous }) {
  const wanted = filter.trim().toLowerCase();
  const collator = new Intl.Collator('en', { numeric: true });
  return [...model.sensors.keys()]
    .filter((id) => id.toLowerCase().includes(wanted))
    .filter((id) => !onlyAnomalous || isAnomalous(model.sensors.get(id).at(-1)))
    .sort(collator.compare);
}

/** Returns how many sensors are quarantined, and those that the shards name, each with its reason in words. */
export function quarantined({ workers }) {
  const shards = workers.flatMap((worker) => worker.shards);
  const total = shards.reduce((sum, shard) => sum + shard.quarantined, 0);
  const sensors = shards.flatMap((shard) =>
    shard.quarantines.map((quarantine) => ({
      id: quarantine.sensor_id,
      why: whyQuarantined(quarantine),
      where: `${shard.topic} / ${shard.partition}, offset ${quarantine.offset}`,
    })),
  );
  return { total, sensors };
}

/** Returns why a sensor is quarantined, in words. */
export function whyQuarantined({ cause, message }) {
  const who = cause === 'operator' ? 'by an operator' : 'its fold failed';
  return message === '' ? who : `${who}: ${message}`;
}

/**
 * Returns the line of `values` in a box: an SVG path, and its points. A level line lies in the middle; a single value
 * is a point at the right edge.
 */
export function sparkline(values, { width, height, padding }) {
  const least = Math.min(...values);
  const span = Math.max(...values) - least;
  const step = (width - 2 * padding) / Math.max(1, values.length - 1);
  const points = values.map((value, index) => ({
    x: round(width - padding - (values.length - 1 - index) * step),
    y: round(
      span === 0
        ? height / 2
        : height - padding - ((value - least) / span) * (height - 2 * padding),
    ),
  }));
  const path = points.map(({ x, y }, index) => `${index === 0 ? 'M' : 'L'}${x} ${y}`).join('');
  return { path, points };
}

/**
 * Returns how long until the first window closes, in seconds, and how far along that is (0 to 1); undefined before the
 * first reading. A window closes once the watermark, event time less the delay, has reached its end.
 */
export function firstWindow(tree) {
  const eventTimes = tree.workers
    .flatMap((worker) => worker.shards)
    .map((shard) => shard.maxEventTimeMs)
    .filter((timeMs) => timeMs !== null);
  if (eventTimes.length === 0) return undefined;
  const eventMs = Math.max(...eventTimes);
  const { windowMs, watermarkDelayMs } = tree;
  const watermarkMs = eventMs - watermarkDelayMs;
  const endMs = (Math.floor(watermarkMs / windowMs) + 1) * windowMs;
  const leftMs = endMs - watermarkMs;
  return { seconds: Math.ceil(leftMs / 1000), done: 1 - leftMs / windowMs };
}

/** Returns `value` for a narrow column: whole numbers whole, others with three significant fraction digits at most. */
export function formatNumber(value) {
  if (value === null || value === undefined) return '–';
  if (Number.isInteger(value)) return value.toLocaleString('en');
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) return value.toExponential(2);
  return value.toLocaleString('en', { maximumFractionDigits: size >= 100 ? 1 : size >= 1 ? 2 : 3 });
}

/** Returns a feature's value for a column, by its declaration: as many digits in every row, ratios as percentages. */
export function formatFeature(model, name, value) {
  if (value === null || value === undefined) return '–';
  const { type, unit } = model.features.get(name) ?? {};
  if (type === 'Int64') return formatNumber(value);
  if (unit === 'ratio') return `${(value * 100).toFixed(1)} %`;
  const size = Math.abs(value);
  if (size >= 1e6 || (size > 0 && size < 1e-2)) return value.toExponential(2);
  const digits = { minimumFractionDigits: 2, maximumFractionDigits: 2 };
  return value.toLocaleString('en', digits);
}

/**
 * Returns why a reading was flagged, in words: how far it lay from what was usual, and what that raised.
 */
export function whyFlagged({ value, z, score, alarm, baseline }) {
  const { mean, std_dev: deviation, n } = baseline;
  const far = `${Math.abs(z).toFixed(1)} standard deviations ${z < 0 ? 'below' : 'above'}`;
  const usual = `${formatNumber(mean)} ± ${formatNumber(deviation)} of ${formatNumber(n)} readings`;
  const raised = alarm ? `; alarm, score ${formatNumber(score)}` : '';
  return `${formatNumber(value)} is ${far} ${usual}${raised}`;
}

/** Returns what the list of flagged readings says when it has none, or cannot have any. */
export function noFlags({ anomaly_events: told, anomalies }) {
  if (told === 'off') return 'not told: ANOMALY_EVENTS is off';
  if (anomalies === null) return 'cannot be read now';
  return told === 'alarms'
    ? 'no alarms lately (ANOMALY_EVENTS=all tells every anomaly)'
    : 'no anomalies lately';
}

/** Returns a duration in words: 42 s, 3 min 5 s, 2 h 10 min, 3 d 4 h. */
export function formatDuration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

function round(value) {
  return Math.round(value * 10) / 10;
}
