// The columns of a sensor's chart from its rows and flagged readings. Pure, for tests.

export const ranges = [
  ['1h', '1 h', 3_600_000],
  ['24h', '24 h', 86_400_000],
  ['7d', '7 d', 604_800_000],
];
const freeRange = /^(\d{1,15})-(\d{1,15})$/;

/** Returns the time that the view shows: `range` is a length back from now, or `from-to` in ms. */
export function spanOf({ range }, nowMs) {
  const free = freeSpan(range);
  if (free !== undefined) return free;
  const [, , lengthMs] = ranges.find(([name]) => name === range) ?? ranges[0];
  return { fromMs: nowMs - lengthMs, toMs: nowMs };
}

/** Returns whether `range` names a time that a chart can show. */
export function isRange(range) {
  return freeSpan(range) !== undefined || ranges.some(([name]) => name === range);
}

function freeSpan(range) {
  const [fromMs, toMs] = (freeRange.exec(range) ?? []).slice(1).map(Number);
  return fromMs < toMs ? { fromMs, toMs } : undefined;
}

/**
 * Returns uPlot's columns (time in s, value, least, greatest, baseline low, baseline high, flagged)
 * and the flagged readings by time. A gap of more than one and a half windows breaks the line.
 */
export function chartData(rows, { sensor, feature, span }) {
  const points = new Map();
  const put = (timeMs, values) => {
    const time = timeMs / 1000;
    points.set(time, { ...points.get(time), ...values });
  };
  rows.forEach((row, index) => {
    const { features, window_end: endMs, window_start: startMs } = row;
    const before = rows[index - 1];
    const lengthMs = endMs - startMs;
    if (before !== undefined && endMs - before.window_end > 1.5 * lengthMs) {
      put((before.window_end + endMs) / 2, { gap: true });
    }
    put(endMs, {
      value: features[feature] ?? null,
      least: features.min_value ?? null,
      greatest: features.max_value ?? null,
    });
  });
  const flags = new Map();
  for (const anomaly of sensor?.anomalies ?? []) {
    const { timestamp, value } = anomaly;
    if (timestamp < span.fromMs || timestamp > span.toMs || !Number.isFinite(value)) continue;
    put(timestamp, { flagged: value });
    const time = timestamp / 1000;
    flags.set(time, [...(flags.get(time) ?? []), anomaly]);
  }
  const { mean, std_dev: deviation, n = 0 } = sensor?.baseline ?? {};
  const known = n > 1 && Number.isFinite(mean) && Number.isFinite(deviation);
  const times = [...points.keys()].sort((a, b) => a - b);
  const column = (name) => times.map((time) => valueAt(points.get(time), name));
  const flat = (value) => times.map(() => (known ? value : null));
  const columns = [
    times,
    ...[column('value'), column('least'), column('greatest')],
    ...[flat(mean - 2 * deviation), flat(mean + 2 * deviation), column('flagged')],
  ];
  return { columns, flags };
}

/** uPlot breaks a line at null, not at undefined: a flagged reading must not break the line. */
function valueAt(point, name) {
  const value = point[name];
  return value === undefined && point.gap !== true && name !== 'flagged'
    ? undefined
    : (value ?? null);
}
