// What a reading and what a row cost, by the number of sensors and of partitions: "how many cores for my load".
//   node bench/curve.mjs [--sensors 1000,10000,100000,1000000] [--partitions 1,4,16] [--workers 2] [--readings 4000000]
// Each point folds two backlogs, with few and with many readings to a row, and solves for both costs. The picture is drawn
// with Vega-Lite, which is fetched into .cache.
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measureBacklog } from './backlog.mjs';
import { deleteTopics, openBenchLog } from './bench-log.mjs';
import { load, planOf } from './readings.mjs';
import { report } from './result.mjs';
import { startServices, stopServices } from './services.mjs';

const { values: flags } = parseArgs({
  options: {
    sensors: { type: 'string', default: '1000,10000,100000,1000000' },
    partitions: { type: 'string', default: '1,4,16' },
    workers: { type: 'string', default: '2' },
    // In each backlog; more where so many sensors need more to close a window.
    readings: { type: 'string', default: '4000000' },
    name: { type: 'string', default: 'curve' },
  },
});
const root = fileURLToPath(new URL('..', import.meta.url));
const windowMs = 60_000;
const [few, many] = [4, 12]; // readings to a row
const numbers = (text) => text.split(',').map(Number);
const { brokers, redisUrl } = startServices();
const log = await openBenchLog(brokers);
const points = [];
try {
  for (const partitions of numbers(flags.partitions)) {
    for (const sensors of numbers(flags.sensors)) {
      points.push(await measurePoint(sensors, partitions));
      process.stderr.write(`${JSON.stringify(points.at(-1))}\n`);
    }
  }
  report(flags.name, {
    workload: {
      readingsToARow: [few, many],
      workers: Number(flags.workers),
      on: 'exactly-once commits, snapshots every 30 s, Redis projection',
    },
    points,
  });
  await draw();
} finally {
  await log.close();
  stopServices();
}

async function measurePoint(sensors, partitions) {
  const rich = await measureWith(sensors, partitions, few);
  const poor = await measureWith(sensors, partitions, many);
  // cost = reading + row · rows / readings, for both.
  const row = (rich.micros - poor.micros) / (rich.rowsPerReading - poor.rowsPerReading);
  return {
    sensors,
    partitions,
    microsPerReading: round(poor.micros - row * poor.rowsPerReading),
    microsPerRow: round(row),
    measured: [rich, poor],
  };
}

/** Folds readings of which `perRow` make a window, two windows of each sensor at least. */
async function measureWith(sensors, partitions, perRow) {
  const readings = Math.max(Number(flags.readings), sensors * (perRow + Math.ceil(perRow / 5) + 1));
  const plan = planOf({ readings, sensors, stepMs: windowMs / perRow });
  const input = `curve_${Date.now()}`;
  const config = { 'retention.ms': '-1', 'message.timestamp.type': 'CreateTime' };
  await log.ensureTopics([{ topic: input, partitions, config }]);
  await load(log, input, plan);
  const backlog = { log, brokers, redisUrl, input, partitions, plan };
  const env = { WORKERS: flags.workers, SENSORS_MAX: String(sensors) };
  const run = await measureBacklog(backlog, { run: 0, env });
  await deleteTopics(brokers, [input, `${input}_rows_0`]);
  return {
    readings,
    rowsPerReading: run.rows / readings,
    micros: run.cpuMicrosPerReadingAndProjection,
    readingsPerSecond: Math.round(run.readingsPerSecond),
    peakRssMb: Math.round(run.peakRssMb),
  };
}

function round(micros) {
  return Number(micros.toFixed(3));
}

/** Draws docs/pictures/cost-curve.svg. */
async function draw() {
  const folder = `${root}.cache/plot`;
  if (!existsSync(`${folder}/node_modules/vega-lite`)) {
    const packages = ['vega@6', 'vega-lite@6'];
    execFileSync('npm', ['install', '--silent', '--prefix', folder, ...packages]);
  }
  const require = createRequire(`${folder}/index.js`);
  const vega = await import(require.resolve('vega'));
  const vegaLite = await import(require.resolve('vega-lite'));
  const panel = (field, title) => ({
    title,
    width: 300,
    height: 220,
    mark: { type: 'line', point: true },
    encoding: {
      x: { field: 'sensors', type: 'quantitative', scale: { type: 'log' }, title: 'sensors' },
      y: { field, type: 'quantitative', title: 'µs of CPU', scale: { zero: true } },
      color: { field: 'partitions', type: 'ordinal', title: 'partitions' },
    },
  });
  const spec = {
    background: 'white',
    data: { values: points },
    hconcat: [panel('microsPerReading', 'a reading'), panel('microsPerRow', 'a row, to Redis')],
  };
  const view = new vega.View(vega.parse(vegaLite.compile(spec).spec), { renderer: 'none' });
  writeFileSync(`${root}docs/pictures/cost-curve.svg`, await view.toSVG());
}
