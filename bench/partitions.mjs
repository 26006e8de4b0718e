// Measures the cost of partitions: the built program with two threads on 4 to 500 partitions.
// Reports the time until it is ready, memory, cores and requests to Kafka by API: idle, idle after
// one forwarded reading, and with a live feed.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { deleteTopics, endOf, listTopics, openBenchLog } from './bench-log.mjs';
import { feedLive } from './feed-live.mjs';
import { startLive } from './measured-program.mjs';
import { drawPartitions } from './partitions-chart.mjs';
import { sensorIdOf } from './readings.mjs';
import { report } from './result.mjs';
import { buildRevision, thisRevision } from './revision.mjs';
import { startServices, stopServices } from './services.mjs';

const help = `node bench/partitions.mjs [options]   (default in brackets)
  --partitions N,N  [4,16,64,200,500]        --workers N   [2]
  --seconds N       of each stage [15]       --settle N    seconds before each [10]
  --rate N          readings a second of the live feed, of 1000 sensors [1000]
  --ready-seconds N after which it counts as not ready [180]
  --revision REV    measures another git revision, built beside this one
  --name NAME       of the result [partitions]
  --redraw          only draws docs/pictures/partitions.svg from bench/results again
  --keep            leaves Kafka and Redis running`;
const { values: flags } = parseArgs({
  options: {
    partitions: { type: 'string', default: '4,16,64,200,500' },
    workers: { type: 'string', default: '2' },
    seconds: { type: 'string', default: '15' },
    settle: { type: 'string', default: '10' },
    rate: { type: 'string', default: '1000' },
    'ready-seconds': { type: 'string', default: '180' },
    revision: { type: 'string' },
    name: { type: 'string', default: 'partitions' },
    redraw: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const sensors = 1_000;
const [seconds, settleSeconds, rate] = ['seconds', 'settle', 'rate'].map((name) =>
  Number(flags[name]),
);
const readyMsMax = Number(flags['ready-seconds']) * 1_000;
const counter = fileURLToPath(new URL('count-requests.mjs', import.meta.url));

if (flags.help) console.log(help);
else if (flags.redraw) await drawPartitions();
else await main();

async function main() {
  const built = flags.revision === undefined ? thisRevision() : buildRevision(flags.revision);
  const services = startServices();
  const log = await openBenchLog(services.brokers);
  const points = [];
  try {
    for (const partitions of flags.partitions.split(',').map(Number)) {
      points.push(await measure({ services, log, tree: built.tree }, partitions));
      process.stderr.write(`${JSON.stringify(points.at(-1))}\n`);
    }
  } finally {
    await log.close();
    if (!flags.keep) stopServices();
  }
  report(flags.name, {
    measured: { commit: built.commit, subject: built.subject },
    workload: {
      workers: Number(flags.workers),
      secondsEach: seconds,
      secondsSettling: settleSeconds,
      liveReadingsPerSecond: rate,
      sensors,
      on: 'one broker; input, rekeyed and output topic of as many partitions each',
    },
    points,
  });
}

async function measure({ services, log, tree }, partitions) {
  const { brokers } = services;
  const input = `partitions_${partitions}_${Date.now()}`;
  await createTopics(services, { input, partitions, tree });
  const counts = mkdtempSync(join(tmpdir(), 'sensorium-requests-'));
  const env = { WORKERS: flags.workers, REQUEST_COUNTS: counts };
  const beganMs = performance.now();
  const program = startLive(services, input, env, { args: ['--import', counter], tree });
  try {
    const readySeconds = await secondsUntilReady(program, beganMs);
    const readyCpuSeconds = program.cpuSeconds();
    const stage = (act) => watched({ program, counts, brokers, input }, act);
    const idle = await stage(async () => undefined);
    await log.append([unkeyedReading(input)]);
    const forwarded = await stage(async () => undefined);
    const feeding = new AbortController();
    const live = await stage(() => {
      void feedLive(log, { topic: input, rate, sensors }, feeding.signal);
    });
    feeding.abort();
    const peakRssMb = Math.round(program.peakRssMb());
    const stopSeconds = await secondsOf(() => program.stop());
    const ready = { readySeconds, readyCpuSeconds };
    return { partitions, ...ready, idle, forwarded, live, peakRssMb, stopSeconds };
  } finally {
    await program.kill();
    rmSync(counts, { recursive: true, force: true });
    await deleteTopics(brokers, await topicsOf(brokers, input));
  }
}

/**
 * Makes them ahead: what the broker takes for thousands of partitions is no part of how soon the
 * program is ready.
 */
async function createTopics({ brokers, redisUrl }, { input, partitions, tree }) {
  const env = {
    PATH: process.env.PATH,
    KAFKA_BROKERS: brokers,
    REDIS_URL: redisUrl,
    INPUT_TOPIC: input,
    OUTPUT_TOPIC: `${input}_rows`,
  };
  const args = [`${tree}dist/main.js`, 'topics', 'create', '--partitions', String(partitions)];
  await promisify(execFile)(process.execPath, args, { env });
}

/** Returns undefined where it is not ready in time. */
async function secondsUntilReady(program, beganMs) {
  while (performance.now() - beganMs < readyMsMax) {
    program.cpuSeconds();
    const url = /page +(http:\/\/[\d.:]+)/.exec(program.output())?.[1];
    const answer =
      url === undefined ? undefined : await fetch(`${url}/health/ready`).catch(() => undefined);
    if (answer?.ok === true) return round((performance.now() - beganMs) / 1_000);
    await sleep(100);
  }
  return undefined;
}

function unkeyedReading(topic) {
  const [timestampMs, sensorId] = [Date.now(), `${sensorIdOf(0)}_unkeyed`];
  const value = JSON.stringify({ sensor_id: sensorId, timestamp: timestampMs, value: 20 });
  return { topic, partition: 0, key: null, value: Buffer.from(value), timestampMs };
}

/** Begins with `act`, settles, and returns what a second costs from then on. */
async function watched({ program, counts, brokers, input }, act) {
  await act();
  await sleep(settleSeconds * 1_000);
  const look = async () => ({
    atMs: performance.now(),
    cpu: program.cpuSeconds(),
    requests: requestsSoFar(counts),
    rekeyed: await endOf(brokers, `${input}.rekeyed`),
  });
  const before = await look();
  await sleep(seconds * 1_000);
  const after = await look();
  const perSecond = (count) => round(count / ((after.atMs - before.atMs) / 1_000));
  const byApi = Object.entries(after.requests)
    .map(([api, count]) => [api, perSecond(count - (before.requests[api] ?? 0))])
    .filter(([, count]) => count > 0)
    .sort(([, left], [, right]) => right - left);
  return {
    cores: perSecond(after.cpu - before.cpu),
    rssMb: Math.round(program.rssMb()),
    requestsPerSecond: round(byApi.reduce((sum, [, count]) => sum + count, 0)),
    rekeyedRecordsPerSecond: perSecond(after.rekeyed - before.rekeyed),
    requestsPerSecondByApi: Object.fromEntries(byApi),
  };
}

/** Requests of all threads since the program began, by API. */
function requestsSoFar(folder) {
  const total = {};
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.json'))) {
    const counts = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    for (const [api, count] of Object.entries(counts)) total[api] = (total[api] ?? 0) + count;
  }
  return total;
}

async function topicsOf(brokers, input) {
  return (await listTopics(brokers)).filter((topic) => topic.startsWith(input));
}

async function secondsOf(work) {
  const beganMs = performance.now();
  await work();
  return round((performance.now() - beganMs) / 1_000);
}

function round(number) {
  return Number(number.toFixed(3));
}
