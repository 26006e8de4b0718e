// The workload: JSON readings of about 118 bytes with two string fields that nobody asked for, one
// reading a sensor and second of event time (or every stepMs), keyed by sensor id, in event-time
// order. All of it is a function of the reading's number. In Avro (format: 'avro') there are no
// other fields.
import { encodeReadingAvro } from '../dist/codecs/reading-encoder.js';

const units = ['celsius', 'percent', 'hectopascal'];
const windowMs = 60_000;

/** Returns the time of the first reading so that the last one is now, at a window's start. */
export function startMsOf({ readings, sensors, stepMs = 1_000 }, nowMs) {
  const spanMs = Math.ceil(readings / sensors) * stepMs;
  return Math.floor((nowMs - spanMs) / windowMs) * windowMs;
}

export function sensorIdOf(sensor) {
  return `sensor_${String(sensor).padStart(6, '0')}`;
}

/**
 * Returns the value of a sensor's `step`th reading: a slow wave with noise, and now and then an
 * outlier.
 */
function valueOf(sensor, step) {
  let bits = Math.imul(sensor * 2_654_435_761 + step * 40_503, 2_246_822_519) >>> 0;
  bits = Math.imul(bits ^ (bits >>> 15), 3_266_489_917) >>> 0;
  const noise = bits / 2 ** 32 - 0.5;
  const outlier = bits % 997 === 0 ? 25 : 0;
  return 20 + 5 * Math.sin(step / 600 + sensor) + noise + outlier;
}

/** Returns reading `index`: its sensor's number, its time and its value. */
export function readingOf({ sensors, startMs, stepMs = 1_000 }, index) {
  const sensor = index % sensors;
  const step = Math.floor(index / sensors);
  const timestampMs = startMs + step * stepMs + Math.floor((sensor * stepMs) / sensors);
  return { sensor, timestampMs, value: valueOf(sensor, step) };
}

/** Returns reading `index` as a record for `topic`. */
export function readingRecord(topic, plan, index) {
  const { sensor, timestampMs, value } = readingOf(plan, index);
  const key = plan.keys[sensor];
  if (plan.format === 'avro') {
    const reading = { sensor_id: sensorIdOf(sensor), timestamp: timestampMs, value };
    return { topic, key, value: encodeReadingAvro(reading), timestampMs };
  }
  const json =
    `{"sensor_id":"${sensorIdOf(sensor)}","timestamp":${timestampMs},"value":${value},` +
    `"unit":"${units[sensor % units.length]}","site":"hall-${sensor % 10}"}`;
  return { topic, key, value: Buffer.from(json), timestampMs };
}

/** Appends all readings, a few batches at a time; returns their mean size in bytes. */
export async function load(log, topic, plan) {
  const step = 20_000;
  let bytes = 0;
  let writing = Promise.resolve();
  for (let from = 0; from < plan.readings; from += step) {
    const records = [];
    for (let index = from; index < Math.min(from + step, plan.readings); index += 1) {
      const record = readingRecord(topic, plan, index);
      bytes += record.value.length;
      records.push(record);
    }
    await writing;
    writing = log.append(records);
  }
  await writing;
  return bytes / plan.readings;
}

export function planOf(workload) {
  const { sensors } = workload;
  const keys = Array.from({ length: sensors }, (_, sensor) => Buffer.from(sensorIdOf(sensor)));
  return { stepMs: 1_000, ...workload, keys, startMs: startMsOf(workload, Date.now()) };
}
