// Latency of the built program on live input: from the append of the reading that closes a window to its rows being
// visible to a read-committed consumer, and to their sensors being new in Redis.
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { createLogger } from '../dist/logger.js';
import { defaultFeatures } from '../dist/sensors/features.js';
import { openRedisFeatureStore } from '../dist/stores/redis/redis-feature-store.js';
import { openBenchLog } from './bench-log.mjs';
import { defaultWorkers, startMeasured } from './measured-program.mjs';
import { planOf, readingRecord, sensorIdOf } from './readings.mjs';
import { report, spread } from './result.mjs';
import { startServices, stopServices } from './services.mjs';

const help = `node bench/latency.mjs [options]   (default in brackets)
  --rate N        readings a second [20000]      --sensors N     [1000]
  --seconds N     measured, after settling [60]  --partitions N  [4]
  --window-ms N   length of a window [5000]      --workers N     [the program's]
  --keep          leaves Kafka and Redis running`;
const watermarkDelayMs = 1_000;
// V8 goes on compiling for the better part of a minute, which a program that runs for days does not notice.
const settleMs = 60_000;
const stepMs = 10;
const pollMs = 2;

if (isMainThread) await main();
else if (workerData.role === 'feed') await feed(workerData);
else await observe(workerData);

async function main() {
  const { values: flags } = parseArgs({
    options: {
      rate: { type: 'string', default: '20000' },
      seconds: { type: 'string', default: '60' },
      sensors: { type: 'string', default: '1000' },
      partitions: { type: 'string', default: '4' },
      workers: { type: 'string', default: defaultWorkers },
      'window-ms': { type: 'string', default: '5000' },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (flags.help) return console.log(help);
  const { brokers, redisUrl } = startServices();
  try {
    report('latency', await measure({ flags, brokers, redisUrl }));
  } finally {
    if (!flags.keep) stopServices();
  }
}

async function measure({ flags, brokers, redisUrl }) {
  const [partitions, sensors, windowMs] = ['partitions', 'sensors', 'window-ms'].map((name) =>
    Number(flags[name]),
  );
  const input = `latency_${Date.now()}`;
  const rows = `${input}_rows`;
  const log = await openBenchLog(brokers);
  await log.ensureTopics([
    { topic: input, partitions },
    { topic: rows, partitions },
  ]);
  const program = startMeasured({
    KAFKA_BROKERS: brokers,
    REDIS_URL: redisUrl,
    INPUT_TOPIC: input,
    OUTPUT_TOPIC: rows,
    GROUP_ID: input,
    WORKERS: flags.workers,
    WINDOW_MS: flags['window-ms'],
    WATERMARK_DELAY_MS: String(watermarkDelayMs),
  });
  const seen = new Map();
  const observer = start({ role: 'observe', brokers, topic: rows });
  observer.on('message', ({ atMs, ends }) => {
    for (const end of ends) seen.set(end, [...(seen.get(end) ?? []), atMs]);
  });
  const rate = Number(flags.rate);
  const feeder = start({ role: 'feed', brokers, input, sensors, rate, windowMs });
  const closings = [];
  const store = openRedisFeatureStore({
    url: redisUrl,
    clusterNodes: [],
    features: defaultFeatures,
    logger: createLogger('warn'),
  });
  const watching = [];
  feeder.on('message', (closing) => {
    closings.push(closing);
    watching.push(watchRedis(store, closing, sensors));
  });
  await sleep(settleMs);
  const settled = { atMs: Date.now(), cpu: program.cpuSeconds() };
  await progress(Number(flags.seconds), closings);
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
      readingsPerSecond: Number(flags.rate),
      sensors,
      partitions,
      workers: Number(flags.workers),
      windowMs,
      seconds: Number(flags.seconds),
      on: 'exactly-once commits, snapshots every 30 s, Redis projection',
    },
    closings: measured.length,
    cores: Number(cores.toFixed(3)),
    // Each a spread over the closings of the percentile within one closing: all sensors' rows, eight sensors in Redis.
    ...percentiles('topicMs', measured, ({ atMs, windowEndMs }) =>
      seen.get(windowEndMs).map((time) => time - atMs),
    ),
    ...percentiles('redisMs', measured, (closing) => redis[closings.indexOf(closing)]),
  };
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
 * A read-committed consumer that is answered as soon as there is anything. It does no more than find each row's window:
 * what it took would be missing on the two cores that are measured.
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

/** Appends readings whose event time is now; tells of each batch that is the first to close a window. */
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
