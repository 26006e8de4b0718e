// The load of the serving benchmark: requests of a busy client, and the rows they read.
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { createLogger } from '../dist/logger.js';
import { defaultFeatures } from '../dist/sensors/features.js';
import { openRedisFeatureStore } from '../dist/stores/redis/redis-feature-store.js';
import { openConnection, postOf } from './http-connection.mjs';
import { sensorIdOf } from './readings.mjs';

export const sensors = 1_000;
export const rowsEveryMs = 10_000;
/** Requests by their size and first sensor: making one is no part of what is measured. */
const messages = new Map();

/** The rows of all sensors in Redis. */
export function openRows(redisUrl) {
  const logger = createLogger('warn');
  const features = defaultFeatures;
  const store = openRedisFeatureStore({ url: redisUrl, clusterNodes: [], features, logger });
  // Newer than whatever an earlier run left there.
  const firstEndMs = Date.now();
  let written = 0;
  let timer;
  const write = async () => {
    const rows = Array.from({ length: sensors }, (_, sensor) => ({
      sensor_id: sensorIdOf(sensor),
      window_end: firstEndMs + written,
      features: Object.fromEntries(
        features.map(({ name, type }) => [
          name,
          type === 'Int64' ? sensor : (sensor + written) / 7,
        ]),
      ),
    }));
    written += 1;
    const counts = await store.upsert(rows);
    if (counts.written !== sensors) throw new Error(`rows: ${JSON.stringify(counts)}`);
  };
  return {
    write,
    keepWriting: () => (timer = setInterval(write, rowsEveryMs)),
    async close() {
      clearInterval(timer);
      await store.close();
    },
  };
}

/** Resolves to where the program serves, once it has printed it. */
export async function urlOf(program) {
  for (;;) {
    program.cpuSeconds();
    const url = /page +(http:\/\/[\d.:]+)/.exec(program.output())?.[1];
    if (url !== undefined) return url;
    await sleep(100);
  }
}

/**
 * Asks for `entities` sensors at a time over `concurrency` kept connections for `seconds`; `cpu`
 * returns the CPU seconds of the server so far.
 */
export async function drive({ url, cpu }, { entities, seconds: forSeconds, concurrency }) {
  const times = [];
  const cpuBefore = cpu();
  const beganMs = performance.now();
  const untilMs = beganMs + forSeconds * 1_000;
  let next = 0;
  const client = async () => {
    const connection = await openConnection(url);
    while (performance.now() < untilMs) {
      const startMs = performance.now();
      await connection.post(messageOf(entities, (next += 1)));
      times.push(performance.now() - startMs);
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: concurrency }, client));
  const seconds = (performance.now() - beganMs) / 1_000;
  const cpuSeconds = cpu() - cpuBefore;
  times.sort((left, right) => left - right);
  return {
    requestsPerSecond: times.length / seconds,
    p50Ms: times[Math.floor(times.length / 2)],
    p99Ms: times[Math.floor(times.length * 0.99)],
    cpuMicrosPerRequest: (cpuSeconds * 1e6) / times.length,
  };
}

/** The request for `entities` sensors that follow each other, which ones by its `number`. */
function messageOf(entities, number) {
  const first = (number * 37) % (sensors - entities + 1);
  const key = `${entities}/${first}`;
  const known = messages.get(key);
  if (known !== undefined) return known;
  const body = JSON.stringify({
    features: defaultFeatures.map(({ name }) => `sensor_features:${name}`),
    entities: {
      sensor_id: Array.from({ length: entities }, (_, index) => sensorIdOf(first + index)),
    },
  });
  const message = postOf('/get-online-features', body);
  messages.set(key, message);
  return message;
}

/** @throws unless all servers answer alike; the order of the features is free. */
export async function assertSameAnswers(servers, entities) {
  const columns = async ({ url }) => {
    const connection = await openConnection(url);
    const { metadata, results } = JSON.parse(await connection.post(messageOf(entities, 1)));
    connection.close();
    return Object.fromEntries(metadata.feature_names.map((name, index) => [name, results[index]]));
  };
  const [first, ...others] = servers;
  const wanted = await columns(first);
  for (const server of others) {
    const came = await columns(server);
    if (isDeepStrictEqual(came, wanted)) continue;
    throw new Error(`the answers differ: ${JSON.stringify(came)} and ${JSON.stringify(wanted)}`);
  }
}
