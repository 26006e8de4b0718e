// npm run bench: measures the CPU per reading of the built program over a backlog, with everything
// on: rows committed exactly once, snapshots, the Redis projection. Each run is a new consumer
// group with its own output topic over the same input.
//   node bench/ingest.mjs [--readings 4000000] [--sensors 1000] [--partitions 4] [--workers N] [--runs 3] [--keep]
//     [--format json|avro]
import { parseArgs } from 'node:util';
import { measureBacklog } from './backlog.mjs';
import { ensureBacklogTopic, openBenchLog } from './bench-log.mjs';
import { defaultWorkers } from './measured-program.mjs';
import { load, planOf } from './readings.mjs';
import { report, spread } from './result.mjs';
import { startServices, stopServices } from './services.mjs';

const { values: flags } = parseArgs({
  options: {
    readings: { type: 'string', default: '4000000' },
    sensors: { type: 'string', default: '1000' },
    partitions: { type: 'string', default: '4' },
    workers: { type: 'string', default: defaultWorkers },
    format: { type: 'string', default: 'json' },
    runs: { type: 'string', default: '3' },
    // Of the result; '' writes none.
    name: { type: 'string', default: 'ingest' },
    // Leaves the services running, for the next run.
    keep: { type: 'boolean', default: false },
    // More arguments for node, such as --cpu-prof.
    node: { type: 'string', multiple: true, default: [] },
  },
});
const partitions = Number(flags.partitions);
const plan = planOf({
  readings: Number(flags.readings),
  sensors: Number(flags.sensors),
  format: flags.format,
});
const { brokers, redisUrl } = startServices();
const log = await openBenchLog(brokers);
const input = `bench_${Date.now()}`;
try {
  await ensureBacklogTopic(log, input, partitions);
  const bytesPerReading = await load(log, input, plan);
  const backlog = { log, brokers, redisUrl, input, partitions, plan };
  const runs = [];
  for (let run = 0; run < Number(flags.runs); run += 1) {
    const env = { WORKERS: flags.workers };
    runs.push(await measureBacklog(backlog, { run, env, node: flags.node }));
    process.stderr.write(`${JSON.stringify(runs.at(-1))}\n`);
  }
  const of = (name, digits) =>
    spread(
      runs.map((run) => run[name]),
      digits,
    );
  const measured = {
    workload: {
      readings: plan.readings,
      format: flags.format,
      bytesPerReading: Math.round(bytesPerReading),
      sensors: plan.sensors,
      partitions,
      workers: Number(flags.workers),
      runs: runs.length,
      on: 'exactly-once commits, snapshots every 30 s, Redis projection',
    },
    cpuMicrosPerReading: of('cpuMicrosPerReading'),
    cpuMicrosPerReadingWarm: of('cpuMicrosPerReadingWarm'),
    cpuMicrosPerReadingAndProjection: of('cpuMicrosPerReadingAndProjection'),
    startCpuSeconds: of('startCpuSeconds'),
    readingsPerSecond: of('readingsPerSecond', 0),
    wallSeconds: of('wallSeconds'),
    featureRows: runs[0].rows,
    peakRssMb: of('peakRssMb', 0),
  };
  if (flags.name !== '') report(flags.name, measured);
} finally {
  await log.close();
  if (!flags.keep) stopServices();
}
