// The rows every engine must have written: computed from the workload's definition, with no code of
// any of them.
import { readingOf, sensorIdOf } from '../readings.mjs';

const windowMs = 60_000;
const threshold = 2.5;
const nearly = 1e-9;

/** Returns the windows of `plan` by `<sensor id>/<window start>`. */
export function referenceRows(plan) {
  const rows = new Map();
  const lives = Array.from({ length: plan.sensors }, () => ({ n: 0, mean: 0, m2: 0 }));
  for (let index = 0; index < plan.readings; index += 1) {
    const { sensor, timestampMs, value } = readingOf(plan, index);
    const anomaly = scoreAndLearn(lives[sensor], value);
    const start = Math.floor(timestampMs / windowMs) * windowMs;
    const key = `${sensorIdOf(sensor)}/${start}`;
    const values = rows.get(key);
    if (values === undefined) rows.set(key, { values: [value], anomalies: anomaly });
    else {
      values.values.push(value);
      values.anomalies += anomaly;
    }
  }
  return new Map([...rows].map(([key, row]) => [key, summary(row)]));
}

/** The classical definition: score against all readings before, then include this one. */
function scoreAndLearn(life, value) {
  const deviation = life.n >= 2 ? Math.sqrt(life.m2 / (life.n - 1)) : 0;
  const anomaly = deviation > 0 && Math.abs((value - life.mean) / deviation) > threshold ? 1 : 0;
  life.n += 1;
  const d = value - life.mean;
  life.mean += d / life.n;
  life.m2 += d * (value - life.mean);
  return anomaly;
}

function summary({ values, anomalies }) {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return {
    count,
    avg_value: mean,
    min_value: Math.min(...values),
    max_value: Math.max(...values),
    std_dev: Math.sqrt(squares / count),
    anomaly_count: anomalies,
    anomaly_rate: anomalies / count,
  };
}

/**
 * Holds the committed rows of a topic against the reference: each equal, none twice, none missing
 * that ended before `sureEndMs`. Returns how many there are. @throws naming the first difference.
 */
export async function verifyRows(log, places, reference, sureEndMs) {
  const seen = new Set();
  for (const place of places) {
    for await (const batch of log.read({ ...place, from: 0 })) {
      const records = batch.records();
      while (records.next()) {
        const bytes = records.bytes.subarray(records.valueStart, records.valueEnd);
        verifyRow(JSON.parse(Buffer.from(bytes).toString()), reference, seen);
      }
    }
  }
  for (const key of reference.keys()) {
    const endMs = Number(key.slice(key.indexOf('/') + 1)) + windowMs;
    if (endMs <= sureEndMs && !seen.has(key)) throw new Error(`${key} is missing`);
  }
  return seen.size;
}

function verifyRow(row, reference, seen) {
  const key = `${row.sensor_id}/${row.window_start}`;
  if (seen.has(key)) throw new Error(`${key} was written twice`);
  seen.add(key);
  const expected = reference.get(key);
  const found = row.features ?? row;
  if (expected === undefined) throw new Error(`${key} should not be there`);
  for (const [name, value] of Object.entries(expected)) {
    if (!(Math.abs(found[name] - value) <= nearly * Math.max(1, Math.abs(value)))) {
      throw new Error(`${key}: ${name}: expected ${value}, found ${found[name]}`);
    }
  }
}
