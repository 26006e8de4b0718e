// npm run bench:compare: runs the same job on other engines and on this program, and reports the
// CPU per reading. The exactly-once output of each is compared with one reference.
//   node bench/compare.mjs [--readings 2000000] [--pyflink-readings 200000] [--runs 1] [--only NAME,NAME] [--keep]
import { parseArgs } from 'node:util';

import { places, sumOfPositions, until, warmMicros } from './backlog.mjs';
import { ensureBacklogTopic, openBenchLog } from './bench-log.mjs';
import { buildJava, flink, installPyflink, kafkaStreams, pyflink } from './compare/engines.mjs';
import { referenceRows, verifyRows } from './compare/reference.mjs';
import { startMeasured } from './measured-program.mjs';
import { load, planOf } from './readings.mjs';
import { report, spread } from './result.mjs';
import { startServices, stopServices } from './services.mjs';

const partitions = 4;
const windowMs = 60_000;
const disorderMs = 5_000;
/** A job this small costs what starting costs; PyFlink's own start is told apart by it. */
const startReadings = 1_000;

const { values: flags } = parseArgs({
  options: {
    readings: { type: 'string', default: '2000000' },
    'pyflink-readings': { type: 'string', default: '200000' },
    sensors: { type: 'string', default: '1000' },
    runs: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    keep: { type: 'boolean', default: false },
  },
});

const engines = {
  sensorium: { measure: measureSensorium({ WORKERS: '1' }) },
  'sensorium 2 workers': { measure: measureSensorium({ WORKERS: '2' }) },
  'flink tuned': { measure: byMarks(flink, { variant: 'tuned', threads: 2 }) },
  'flink tuned 1 thread': { measure: byMarks(flink, { variant: 'tuned', threads: 1 }) },
  'flink typical': { measure: byMarks(flink, { variant: 'typical', threads: 2 }) },
  'kstreams memory+cache': {
    measure: byMarks(kafkaStreams, { store: 'mem', cache: 1, threads: 2 }),
  },
  'kstreams memory+cache 1 thread': {
    measure: byMarks(kafkaStreams, { store: 'mem', cache: 1, threads: 1 }),
  },
  'kstreams rocksdb+cache': {
    measure: byMarks(kafkaStreams, { store: 'rocks', cache: 1, threads: 2 }),
  },
  'kstreams rocksdb': { measure: byMarks(kafkaStreams, { store: 'rocks', cache: 0, threads: 2 }) },
  'pyflink tuned': { input: 'small', measure: measurePyflink('tuned') },
  'pyflink typical': { input: 'small', measure: measurePyflink('typical') },
};
const wanted = flags.only === '' ? Object.keys(engines) : flags.only.split(',');
for (const name of wanted) if (!(name in engines)) throw new Error(`--only: no engine "${name}"`);

if (wanted.some((name) => !name.startsWith('sensorium'))) buildJava();
if (wanted.some((name) => name.startsWith('pyflink'))) installPyflink();
const { brokers, redisUrl } = startServices();
const log = await openBenchLog(brokers);
const prefix = `compare_${Date.now()}`;
try {
  const inputs = {
    full: await makeInput('full', Number(flags.readings)),
    small: await makeInput('small', Number(flags['pyflink-readings'])),
    start: await makeInput('start', startReadings),
  };
  const results = Object.fromEntries(wanted.map((name) => [name, []]));
  // Engine by engine within a run, so that a change of the machine's other load meets all of them.
  for (let run = 0; run < Number(flags.runs); run += 1) {
    for (const name of wanted) {
      const { input = 'full', measure } = engines[name];
      const sample = await measure(inputs[input], `${name.replaceAll(/\W+/g, '_')}_${run}`, inputs);
      results[name].push(sample);
      process.stderr.write(`${name}: ${JSON.stringify(sample)}\n`);
    }
  }
  report('compare', summary(results));
} finally {
  await log.close();
  if (!flags.keep) stopServices();
}

function summary(results) {
  const ours = results.sensorium && median(results.sensorium, 'cpuMicrosPerReading');
  const oursWarm = results.sensorium && median(results.sensorium, 'warmCpuMicrosPerReading');
  const compared = Object.entries(results).map(([name, samples]) => {
    const of = (field) => spread(samples.map((sample) => sample[field] ?? NaN));
    const ratio = (field, base) =>
      base === undefined ? undefined : Number((median(samples, field) / base).toFixed(1));
    return [
      name,
      {
        readings: samples[0].readings,
        rows: samples[0].rows,
        cpuMicrosPerReading: of('cpuMicrosPerReading'),
        warmCpuMicrosPerReading: of('warmCpuMicrosPerReading'),
        wallSeconds: of('wallSeconds'),
        peakRssMb: of('peakRssMb'),
        timesOurs: ratio('cpuMicrosPerReading', ours),
        timesOursWarm: ratio('warmCpuMicrosPerReading', oursWarm),
      },
    ];
  });
  return {
    workload: {
      sensors: Number(flags.sensors),
      partitions,
      runs: Number(flags.runs),
      threads: '2 where nothing else is said; Sensorium: 1 worker, its default on two cores',
      outputs: 'exactly once, each row equal to the reference within 1e-9',
      ours: 'with the Redis projection and snapshots every 30 s; peers without Redis',
    },
    engines: Object.fromEntries(compared),
  };
}

function median(samples, field) {
  return spread(
    samples.map((sample) => sample[field] ?? NaN),
    6,
  ).median;
}

async function makeInput(name, readings) {
  const topic = `${prefix}_${name}`;
  const plan = planOf({ readings, sensors: Math.min(Number(flags.sensors), readings) });
  await ensureBacklogTopic(log, topic, partitions);
  process.stderr.write(`compare: appending ${readings} readings to ${topic}\n`);
  await load(log, topic, plan);
  return { topic, plan, reference: referenceRows(plan) };
}

/** Makes the output topic, runs `job`, and holds what it committed against the reference. */
async function withOutput({ plan, reference }, name, job) {
  const output = `${prefix}_rows_${name}`;
  await log.ensureTopics([{ topic: output, partitions }]);
  const measured = await job(output);
  const lastMs = plan.startMs + (Math.ceil(plan.readings / plan.sensors) - 1) * 1_000;
  const sureEndMs = Math.floor((lastMs - disorderMs) / windowMs) * windowMs;
  const rows = await verifyRows(log, places(output, partitions), reference, sureEndMs);
  return { readings: plan.readings, rows, ...measured };
}

/**
 * Peers on the JVM say what their process had used at the first, the middle and the last reading.
 */
function byMarks(engine, options) {
  return (input, name) =>
    withOutput(input, name, async (out) => {
      const { readings } = input.plan;
      const io = { brokers, in: input.topic, out, n: readings };
      const { marks, peakRssMb } = await engine(options, io);
      const [middle, last] = marks;
      return {
        cpuMicrosPerReading: (last.cpuSeconds * 1e6) / readings,
        warmCpuMicrosPerReading: ((last.cpuSeconds - middle.cpuSeconds) * 1e6) / (readings / 2),
        wallSeconds: last.wallSeconds,
        peakRssMb,
      };
    });
}

function measurePyflink(variant) {
  return async (input, name, { start }) => {
    const run = (one, suffix) =>
      withOutput(one, `${name}${suffix}`, async (out) => {
        const beganMs = performance.now();
        const measured = await pyflink({ variant }, { brokers, in: one.topic, out });
        return { ...measured, wallSeconds: (performance.now() - beganMs) / 1_000 };
      });
    const starting = await run(start, '_start');
    const whole = await run(input, '');
    const micros = (whole.cpuSeconds - starting.cpuSeconds) * 1e6;
    return {
      readings: whole.readings,
      rows: whole.rows,
      cpuMicrosPerReading: micros / (whole.readings - starting.readings),
      wallSeconds: whole.wallSeconds,
      peakRssMb: whole.peakRssMb,
    };
  };
}

function measureSensorium(env) {
  return (input, name) =>
    withOutput(input, name, async (output) => {
      const { readings } = input.plan;
      const groupId = `${prefix}_${name}`;
      const program = startMeasured({
        KAFKA_BROKERS: brokers,
        REDIS_URL: redisUrl,
        INPUT_TOPIC: input.topic,
        OUTPUT_TOPIC: output,
        GROUP_ID: groupId,
        BASELINE: 'cumulative',
        // The peers write no record for each anomaly.
        ANOMALY_EVENTS: 'off',
        ...env,
      });
      const committed = () => sumOfPositions(log, groupId, places(input.topic, partitions));
      const first = await until(program, committed, 0);
      const samples = [];
      const last = await until(program, committed, readings, samples);
      const peakRssMb = program.peakRssMb();
      await program.stop();
      return {
        cpuMicrosPerReading: ((last.cpu - first.cpu) * 1e6) / readings,
        warmCpuMicrosPerReading: warmMicros(samples, readings),
        wallSeconds: (last.atMs - first.atMs) / 1_000,
        peakRssMb,
      };
    });
}
