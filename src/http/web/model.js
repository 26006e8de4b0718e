// The state of the page and everything derived from it: pure functions without a DOM, for tests.

export const windowsKept = 30;

/** Returns a model before the first event. */
export function emptyModel() {
  return { sensors: new Map(), features: new Map(), columns: [], rate: undefined, last: undefined };
}

/**
 * Applies one `status` event to the model in place. Returns the ids with a new last window. Drops
 * rows not newer than the sensor's last: after a reconnection the server sends its rows again.
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

/** Applies the response of `/features` to the model in place. */
export function takeFeatures(model, { features }) {
  for (const feature of features) model.features.set(feature.name, feature);
}

/**
 * Returns a column's heading from the feature's declaration: the name in words, the unit unless it
 * is that of the readings, and the description. An undeclared feature has only its name.
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

/**
 * Returns the feature to draw: the mean, else the first in the unit of the readings, else the
 * first.
 */
export function drawnFeature({ columns, features }) {
  if (columns.includes('avg_value')) return 'avg_value';
  return columns.find((name) => features.get(name)?.unit === 'value') ?? columns[0];
}

/** Returns whether the window has an anomaly. */
export function isAnomalous(row) {
  return (row.features.anomaly_count ?? 0) > 0;
}

/** Returns the number of anomalies in the last windows of all sensors. */
export function anomaliesNow(model) {
  let total = 0;
  for (const rows of model.sensors.values()) total += rows.at(-1).features.anomaly_count ?? 0;
  return total;
}

/**
 * Returns the ids to show: those that contain `filter`, in natural order (sensor_9 before
 * sensor_10).
 */
export function visibleSensors(model, { filter, onlyAnomalous }) {
  const wanted = filter.trim().toLowerCase();
  const collator = new Intl.Collator('en', { numeric: true });
  return [...model.sensors.keys()]
    .filter((id) => id.toLowerCase().includes(wanted))
    .filter((id) => !onlyAnomalous || isAnomalous(model.sensors.get(id).at(-1)))
    .sort(collator.compare);
}

/** Returns the number of quarantined sensors, and those the shards list, each with its reason. */
export function quarantined({ workers }) {
  const shards = workers.flatMap((worker) => worker.shards);
  const total = shards.reduce((sum, shard) => sum + shard.quarantined, 0);
  const sensors = shards.flatMap((shard) =>
    shard.quarantines.map((quarantine) => ({
      id: quarantine.sensor_id,
      reason: quarantineReason(quarantine),
      place: `${shard.topic} / ${shard.partition}, offset ${quarantine.offset}`,
    })),
  );
  return { total, sensors };
}

/** Returns the reason of a quarantine in words. */
export function quarantineReason({ cause, message }) {
  const reason = cause === 'operator' ? 'by an operator' : 'a reading could not be processed';
  return message === '' ? reason : `${reason}: ${message}`;
}

/**
 * Returns `values` as a line in a box: an SVG path and its points. A constant line lies in the
 * middle; a single value is a point at the right edge.
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
 * Returns the seconds until the first window closes and the progress (0 to 1); undefined before the
 * first reading. A window closes once the watermark (event time minus the delay) reaches its end.
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

/** Returns `value` for a narrow column: integers in full, others with at most three decimals. */
export function formatNumber(value) {
  if (value === null || value === undefined) return '–';
  if (Number.isInteger(value)) return value.toLocaleString('en');
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) return value.toExponential(2);
  return value.toLocaleString('en', { maximumFractionDigits: size >= 100 ? 1 : size >= 1 ? 2 : 3 });
}

/** Returns a feature's value for a column: fixed digits by its type, ratios as percentages. */
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

/** Returns why a reading was flagged, in words: its distance from the baseline, and any alarm. */
export function flagReason({ value, z, score, alarm, baseline }) {
  const { mean, std_dev: deviation, n } = baseline;
  const far = `${Math.abs(z).toFixed(1)} standard deviations ${z < 0 ? 'below' : 'above'}`;
  const usual = `${formatNumber(mean)} ± ${formatNumber(deviation)} of ${formatNumber(n)} readings`;
  const raised = alarm ? `; alarm, score ${formatNumber(score)}` : '';
  return `${formatNumber(value)} is ${far} ${usual}${raised}`;
}

/** Returns the text of an empty list of flagged readings. */
export function noFlags({ anomaly_events: recorded, anomalies }) {
  if (recorded === 'off') return 'not recorded: ANOMALY_EVENTS is off';
  if (anomalies === null) return 'cannot be read now';
  return recorded === 'alarms'
    ? 'no recent alarms (ANOMALY_EVENTS=all records every anomaly)'
    : 'no recent anomalies';
}

const knownAgeMsMax = 5_000;

/**
 * Returns how old a shard's numbers are, ms, where the log no longer tells of it; undefined while it
 * does.
 */
export function knownAge({ knownAtMs }, nowMs) {
  if (knownAtMs === null) return Infinity;
  const ageMs = nowMs - knownAtMs;
  return ageMs > knownAgeMsMax ? ageMs : undefined;
}

/** Returns the age of the oldest numbers in the totals, ms; undefined where all are of now. */
export function totalsAge({ nowMs, workers }) {
  const ages = workers.flatMap(({ shards }) => shards.map((shard) => knownAge(shard, nowMs) ?? 0));
  const oldestMs = Math.max(0, ...ages.filter(Number.isFinite));
  return oldestMs > 0 ? oldestMs : undefined;
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
