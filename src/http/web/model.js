// The state of the page and everything derived from it: pure functions without a DOM, for tests.

export const windowsKept = 30;

/** Returns a model before the first event. */
export function emptyModel() {
  return {
    // The windows of the listed sensors, by id, oldest first: [end, value, anomalies].
    windows: new Map(),
    features: new Map(),
    columns: [],
    listed: undefined,
    rate: undefined,
    last: undefined,
  };
}

/** Applies one `status` event to the model in place. */
export function takeStatus(model, event) {
  const { nowMs, totals } = event.tree;
  const before = model.last?.tree;
  if (before !== undefined && nowMs > before.nowMs && totals.readings >= before.totals.readings) {
    const rate = ((totals.readings - before.totals.readings) * 1000) / (nowMs - before.nowMs);
    model.rate = model.rate === undefined ? rate : model.rate * 0.7 + rate * 0.3;
  }
  model.last = event;
}

/**
 * Applies an answer of `/sensors` to the model in place. The windows that the page has seen are
 * kept: another process may have projected them, and the answer then has the last one alone.
 */
export function takeSensors(model, answer) {
  if (model.columns.length === 0) {
    const features = answer.items.find((item) => item.features)?.features;
    model.columns = Object.keys(features ?? {});
  }
  const drawn = drawnFeature(model);
  model.listed = answer;
  model.windows = new Map(
    answer.items.map((item) => {
      const { features, window_end: endMs } = item;
      const last = features ? [[endMs, features[drawn] ?? null, features.anomaly_count ?? 0]] : [];
      const seen = model.windows.get(item.sensor_id) ?? [];
      return [item.sensor_id, mergedWindows([...seen, ...(item.windows ?? []), ...last])];
    }),
  );
}

/** Returns the last windows in order, each once. */
function mergedWindows(windows) {
  const byEnd = new Map(windows.map((window) => [window[0], window]));
  return [...byEnd.values()].sort((a, b) => a[0] - b[0]).slice(-windowsKept);
}

/** Applies the response of `/features` to the model in place. */
export function takeFeatures(model, { features }) {
  for (const feature of features) model.features.set(feature.name, feature);
  model.columns = features.map(({ name }) => name);
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

/** Returns the headline of the list: how many there are, how many match, how many are shown. */
export function listNote({ items, matching, total, processes }, isSearch) {
  const sensors = `${formatNumber(total)} sensor${total === 1 ? '' : 's'}`;
  const found = isSearch ? `, ${formatNumber(matching)} match` : '';
  const shown = items.length === matching ? '' : `, showing ${items.length}`;
  const silent = processes.silent.length;
  const missing =
    silent === 0 ? '' : `; ${silent} other process${silent === 1 ? '' : 'es'} did not answer`;
  return `${sensors}${found}${shown}${missing}`;
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

/**
 * Returns why a reading was flagged, in words: its distance from the baseline, and any alarm. An
 * event explains itself.
 */
export function flagReason(record) {
  if (record.kind !== undefined) return `${record.kind}: ${record.explanation}`;
  const { value, z, score, alarm, baseline, channel } = record;
  const { mean, std_dev: deviation, n } = baseline;
  const far = `${Math.abs(z).toFixed(1)} standard deviations ${z < 0 ? 'below' : 'above'}`;
  const usual = `${formatNumber(mean)} ± ${formatNumber(deviation)} of ${formatNumber(n)} readings`;
  const by = channel === undefined ? '' : ` by ${channel}`;
  const raised = alarm ? `; alarm${by}, score ${formatNumber(score)}` : '';
  return `${formatNumber(value)} is ${far} ${usual}${raised}`;
}

/** Returns when a sensor was heard, and whether it is offline, in words. */
export function lastHeard({ heard, offline, silent_after: silentAfter }) {
  if (heard === null) return 'never';
  const when = new Date(heard).toLocaleString('en-GB');
  const limit =
    silentAfter === null ? '' : `; offline after ${formatDuration(silentAfter / 1_000)}`;
  return `${when}${offline ? ', offline since' : limit}`;
}

/** Returns how much a sensor has learned of itself and of its day, in words. */
export function learnedText({ readings, readings_needed: needed, day_profile: profile }) {
  const own = readings < needed ? `${readings} of the ${needed} readings it needs` : 'all it needs';
  if (profile === undefined) return own;
  const { days_needed: days, days_seen: seen, in_use: isUsed, parts, parts_known: known } = profile;
  const unused = seen < days ? `not used before ${days} days` : 'not used: it explains too little';
  return (
    `${own}; profile of the day: ${seen} days seen, ${known} of ${parts} parts known, ` +
    (isUsed ? 'used' : unused)
  );
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
