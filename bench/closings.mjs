// Measures live latency: from the append of the reading that closes a window until its rows are
// visible to a read-committed consumer, and until its sensors are updated in Redis. Separate
// threads append and observe.
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { createLogger } from '../dist/logger.js';
import { defaultFeatures } from '../dist/sensors/features.js';
import { openRedisFeatureStore } from '../dist/stores/redis/redis-feature-store.js';
import { openBenchLog } from './bench-log.mjs';
import { startLive } from './measured-program.mjs';
import { planOf, readingRecord, sensorIdOf } from './readings.mjs';
import { spread } from './result.mjs';

const watermarkDelayMs = 1_000;
const stepMs = 10;
const pollMs = 2;

if (!isMainThread && workerData?.role === 'feed') await feed(workerData);
if (!isMainThread && workerData?.role === 'observe') await observe(workerData);

/**
 * Measures all closings of `seconds` seconds, once `settleSeconds` are over: V8 goes on compiling
 * for the better part of a minute, which a program that runs for days does not notice. `env` and
 * `tree` as in `startMeasured`.
 */
export async function measureClosings({ brokers, redisUrl }, workload, { env, tree } = {}) {
  const { rate, sensors, partitions, workers, windowMs, seconds, settleSeconds } = workload;
  const input = `latency_${Date.now()}`;
  const rows = `${input}_rows`;
  const log = await openBenchLog(brokers);
  await log.ensureTopics([
    { topic: input, partitions },
    { topic: rows, partitions },
  ]);
  const semantics = {
    WINDOW_MS: String(windowMs),
    WATERMARK_DELAY_MS: String(watermarkDelayMs),
  };
  const settings = { WORKERS: String(workers), ...semantics, ...env };
  const program = startLive({ brokers, redisUrl }, input, settings, { tree });
  const seen = new Map();
  const observer = start({ role: 'observe', brokers, topic: rows });
  observer.on('message', ({ atMs, ends }) => {
    for (const end of ends) seen.set(end, [...(seen.get(end) ?? []), atMs]);
  });
  const feeder = start({ role: 'feed', brokers, input, sensors, rate, windowMs });
  const closings = [];
  const store = openStore(redisUrl);
  const watching = [];
  feeder.on('message', (closing) => {
    closings.push(closing);
    watching.push(watchRedis(store, closing, sensors));
  });
  await sleep(settleSeconds * 1_000);
  const settled = { atMs: Date.now(), cpu: program.cpuSeconds() };
  await progress(seconds, closings);
  const cores = (program.cpuSeconds() - settled.cpu) / ((Date.now() - settled.atMs) / 1_000);
  feeder.postMessage('stop');
  const measured = closings.filter(
    ({ atMs, windowEndMs }) =>
      atMs > settled.atMs && (seen.get(windowEndMs)?.length ?? 0) === sensors,
  );
  const redis = await Promise.all(watching.map((each) => Promise.race([each, sleep(5_000, [])])));
  await program.stop();
  await observer.terminate();
  await store.close();
  await log.close();
  await feeder.terminate();
  return {
    workload: {
      readingsPerSecond: rate,
      sensors,
      partitions,
      workers,
      windowMs,
      seconds,
      on: 'exactly-once commits, snapshots every 30 s, Redis projection',
    },
    closings: measured.length,
    cores: Number(cores.toFixed(3)),
    // Each a spread over the closings of the percentile within one closing: all sensors' rows,
    // eight sensors in Redis.
    ...percentiles('topicMs', measured, ({ atMs, windowEndMs }) =>
      seen.get(windowEndMs).map((time) => time - atMs),
    ),
    ...percentiles('redisMs', measured, (closing) => redis[closings.indexOf(closing)]),
  };
}

function openStore(url) {
  const logger = createLogger('warn');
  return openRedisFeatureStore({ url, clusterNodes: [], features: defaultFeatures, logger });
}

function percentiles(name, closings, timesOf) {
  const all = closings.map(timesOf).filter((times) => times.length > 0);
  const share = (times, part) => {
    const sorted = [...times].sort((left, right) => left - right);
    return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
  };
  const of = (part) => ({
    all: share(all.flat(), part),
    ofClosings: spread(
      all.map((times) => share(times, part)),
      0,
    ),
  });
  return { [name]: { p50: of(0.5), p90: of(0.9), p99: of(0.99) } };
}

async function progress(seconds, closings) {
  for (let second = 0; second < seconds; second += 5) {
    await sleep(5_000);
    process.stderr.write(`${second + 5} of ${seconds} s, ${closings.length} windows closed\n`);
  }
}

function start(data) {
  return new Worker(new URL(import.meta.url), { workerData: data });
}

/**
 * A read-committed consumer that is answered as soon as there is anything. It does no more than
 * find each row's window: what it took would be missing on the two cores that are measured.
 */
async function observe({ brokers, topic }) {
  const log = await openBenchLog(brokers);
  const field = Buffer.from('"window_end":');
  const places = [];
  let start = (place) => void places.push(place);
  const listener = {
    positionOf: () => undefined,
    onAssigned: (added) => added.forEach((place) => start(place)),
    onRevoked: () => undefined,
    onFailed: (error) => {
      throw error;
    },
    onBatch: async (batch) => {
      const atMs = Date.now();
      const ends = [];
      const records = batch.records();
      while (records.next()) {
        const bytes = Buffer.from(records.bytes.buffer, records.bytes.byteOffset, records.valueEnd);
        const at = bytes.indexOf(field, records.valueStart) + field.length;
        ends.push(Number(bytes.latin1Slice(at, at + 13)));
      }
      parentPort.postMessage({ atMs, ends });
    },
  };
  const groupId = `${topic}-observer`;
  const member = await log.joinGroup({ groupId, topics: [topic], delivery: 'prompt', listener });
  start = (place) => member.start(place, 0);
  places.forEach(start);
}

/** Returns how many ms after the closing each of eight sensors was new in Redis. */
async function watchRedis(store, { atMs, windowEndMs }, sensors) {
  const ids = Array.from({ length: 8 }, (_, index) =>
    sensorIdOf(Math.floor((index * sensors) / 8)),
  );
  const times = new Map();
  while (times.size < ids.length && Date.now() - atMs < 10_000) {
    const stored = await store.read(ids);
    const nowMs = Date.now();
    stored.forEach((row, index) => {
      if ((row?.eventTimeMs ?? 0) >= windowEndMs && !times.has(index))
        times.set(index, nowMs - atMs);
    });
    await sleep(pollMs);
  }
  return [...times.values()];
}

/**
 * Appends readings whose event time is now; tells of each batch that is the first to close a
 * window.
 */
async function feed({ brokers, input, sensors, rate, windowMs }) {
  const log = await openBenchLog(brokers);
  const { keys } = planOf({ readings: sensors, sensors });
  let going = true;
  parentPort.on('message', () => (going = false));
  const startedMs = performance.now();
  let sent = 0;
  let closedMs = -Infinity;
  let writing = Promise.resolve();
  while (going) {
    const due = Math.floor(((performance.now() - startedMs) / 1_000) * rate);
    const atMs = Date.now();
    const records = [];
    for (; sent < due; sent += 1) {
      // One step of the plan, begun so that this sensor's reading is of just now.
      const offsetMs = Math.floor(((sent % sensors) * 1_000) / sensors);
      records.push(
        readingRecord(input, { sensors, keys, startMs: atMs - offsetMs }, sent % sensors),
      );
    }
    // Long enough for each partition to have had a reading in it.
    const windowEndMs = Math.floor((atMs - watermarkDelayMs) / windowMs) * windowMs;
    const closes = records.length >= 50 && windowEndMs > closedMs;
    await writing;
    if (closes) {
      if (closedMs > 0) parentPort.postMessage({ atMs: Date.now(), windowEndMs });
      closedMs = windowEndMs;
    }
    if (records.length > 0) writing = log.append(records);
    await sleep(stepMs);
  }
  await writing;
  await log.close();
}
