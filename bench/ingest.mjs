// npm run bench: CPU a reading of the built program over a backlog, everything on: feature rows committed exactly once,
// snapshots, the Redis projection. Each run is a new consumer group with an output topic of its own over the same input.
//   node bench/ingest.mjs [--readings 4000000] [--sensors 1000] [--partitions 4] [--workers 2] [--runs 3] [--keep]
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { parseConfig } from '../dist/config.js';
import { systemClock } from '../dist/clock.js';
import { openEventLog } from '../dist/log/open.js';
import { createLogger } from '../dist/logger.js';
import { startMeasured } from './measured-program.mjs';
import { load, planOf } from './readings.mjs';
import { report, spread } from './result.mjs';
import { startServices, stopServices } from './services.mjs';

const watermarkDelayMs = 5_000;
const windowMs = 60_000;
const { values: flags } = parseArgs({
  options: {
    readings: { type: 'string', default: '4000000' },
    sensors: { type: 'string', default: '1000' },
    partitions: { type: 'string', default: '4' },
    workers: { type: 'string', default: '2' },
    runs: { type: 'string', default: '3' },
    // Leaves the services running, for the next run.
    keep: { type: 'boolean', default: false },
    // More arguments for node, such as --cpu-prof.
    node: { type: 'string', multiple: true, default: [] },
  },
});
const partitions = Number(flags.partitions);
const plan = planOf({ readings: Number(flags.readings), sensors: Number(flags.sensors) });
const { brokers, redisUrl } = startServices();
const log = await openEventLog(parseConfig({ KAFKA_BROKERS: brokers }).process, {
  clientId: 'bench',
  logger: createLogger('warn'),
  clock: systemClock,
});
const input = `bench_${Date.now()}`;
try {
  const config = { 'retention.ms': '-1', 'message.timestamp.type': 'CreateTime' };
  await log.ensureTopics([{ topic: input, partitions, config }]);
  const bytesPerReading = await load(log, input, plan);
  const runs = [];
  for (let run = 0; run < Number(flags.runs); run += 1) {
    runs.push(await measure(run));
    process.stderr.write(`${JSON.stringify(runs.at(-1))}\n`);
  }
  const of = (name, digits) =>
    spread(
      runs.map((run) => run[name]),
      digits,
    );
  report('ingest', {
    workload: {
      readings: plan.readings,
      bytesPerReading: Math.round(bytesPerReading),
      sensors: plan.sensors,
      partitions,
      workers: Number(flags.workers),
      runs: runs.length,
      on: 'exactly-once commits, snapshots every 30 s, Redis projection',
    },
    cpuMicrosPerReading: of('cpuMicrosPerReading'),
    cpuMicrosPerReadingAndProjection: of('cpuMicrosPerReadingAndProjection'),
    startCpuSeconds: of('startCpuSeconds'),
    readingsPerSecond: of('readingsPerSecond', 0),
    wallSeconds: of('wallSeconds'),
    featureRows: runs[0].rows,
    peakRssMb: of('peakRssMb', 0),
  });
} finally {
  await log.close();
  if (!flags.keep) stopServices();
}

async function measure(run) {
  const output = `${input}_rows_${run}`;
  const groupId = `${input}_${run}`;
  await log.ensureTopics([{ topic: output, partitions }]);
  const program = startMeasured(
    {
      KAFKA_BROKERS: brokers,
      REDIS_URL: redisUrl,
      INPUT_TOPIC: input,
      OUTPUT_TOPIC: output,
      GROUP_ID: groupId,
      WORKERS: flags.workers,
    },
    flags.node,
  );
  // The first acquire of a partition commits its origin, before the first reading is folded.
  const first = await until(program, async () => (await committed(groupId, input)) !== undefined);
  const last = await until(
    program,
    async () => (await committed(groupId, input)) === plan.readings,
  );
  const ends = await Promise.all(places(output).map((place) => log.offsets(place)));
  const rowsEnd = ends.reduce((sum, { end }) => sum + end, 0);
  const projected = await until(
    program,
    async () => ((await committed(`${groupId}-projection`, output)) ?? 0) >= rowsEnd,
  );
  const peakRssMb = program.peakRssMb();
  await program.stop();
  const rows = await verifiedRows(output);
  const micros = (sample) => ((sample.cpu - first.cpu) * 1e6) / plan.readings;
  const wallSeconds = (last.atMs - first.atMs) / 1_000;
  return {
    cpuMicrosPerReading: micros(last),
    cpuMicrosPerReadingAndProjection: micros(projected),
    startCpuSeconds: first.cpu,
    wallSeconds,
    readingsPerSecond: plan.readings / wallSeconds,
    rows,
    peakRssMb,
  };
}

/** Returns CPU and time of when `reached` first held. */
async function until(program, reached) {
  for (;;) {
    const done = await reached();
    const sample = { cpu: program.cpuSeconds(), atMs: performance.now() };
    if (done) return sample;
    await sleep(20);
  }
}

function places(topic) {
  return Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
}

/** The sum of the group's positions, or undefined before every partition has one. */
async function committed(groupId, topic) {
  const positions = await Promise.all(places(topic).map((place) => log.committed(groupId, place)));
  if (positions.includes(undefined)) return undefined;
  return positions.reduce((sum, { nextOffset }) => sum + nextOffset, 0);
}

/** Returns how many rows are committed. @throws unless they are each closed window of each sensor, once and whole. */
async function verifiedRows(output) {
  const lastMs = plan.startMs + (Math.floor(plan.readings / plan.sensors) - 1) * 1_000;
  // Windows that some partition's last reading is too close to may be closed in one partition and not in another.
  const sureEndMs = Math.floor((lastMs - watermarkDelayMs) / windowMs) * windowMs;
  const seen = new Set();
  for (const place of places(output)) {
    for await (const batch of log.read({ ...place, from: 0 })) {
      const records = batch.records();
      while (records.next()) {
        const row = JSON.parse(
          Buffer.from(records.bytes.subarray(records.valueStart, records.valueEnd)).toString(),
        );
        const key = `${row.sensor_id}/${row.window_start}`;
        if (seen.has(key)) throw new Error(`${key} was written twice`);
        if (row.features.count !== windowMs / 1_000) {
          throw new Error(`${key} counts ${row.features.count} readings`);
        }
        seen.add(key);
      }
    }
  }
  const least = ((sureEndMs - plan.startMs) / windowMs) * plan.sensors;
  if (seen.size < least) throw new Error(`expected ${least} rows, found ${seen.size}`);
  return seen.size;
}
