// Measures the cost of a reading and of a row by the number of sensors and partitions: "how many
// cores do I need?"
//   node bench/curve.mjs [--sensors 1000,10000,100000,1000000] [--partitions 1,4,16] [--workers N] [--readings 4000000]
// Each number of sensors folds two backlogs, with few and with many readings to a row; a line
// through all of them gives the cost of a reading and of a row. --redraw only draws the picture of
// the last result again, with Vega-Lite.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measureBacklog } from './backlog.mjs';
import { deleteTopics, ensureBacklogTopic, openBenchLog } from './bench-log.mjs';
import { draw } from './chart.mjs';
import { leastSquares } from './least-squares.mjs';
import { defaultWorkers } from './measured-program.mjs';
import { load, planOf } from './readings.mjs';
import { report } from './result.mjs';
import { startServices, stopServices } from './services.mjs';

const { values: flags } = parseArgs({
  options: {
    sensors: { type: 'string', default: '1000,10000,100000,1000000' },
    partitions: { type: 'string', default: '1,4,16' },
    workers: { type: 'string', default: defaultWorkers },
    // In each backlog; more where so many sensors need more to close a window.
    readings: { type: 'string', default: '4000000' },
    redraw: { type: 'boolean', default: false },
  },
});
const root = fileURLToPath(new URL('..', import.meta.url));
const windowMs = 60_000;
const [few, many] = [4, 12]; // readings to a row
const numbers = (text) => text.split(',').map(Number);
const resultFile = `${root}bench/results/curve.json`;

if (!flags.redraw) await measureAll();
await drawCosts(JSON.parse(readFileSync(resultFile, 'utf8')).points);

async function measureAll() {
  const { brokers, redisUrl } = startServices();
  const log = await openBenchLog(brokers);
  const points = [];
  try {
    for (const partitions of numbers(flags.partitions)) {
      for (const sensors of numbers(flags.sensors)) {
        for (const perRow of [few, many]) {
          points.push(await measure({ log, brokers, redisUrl }, { sensors, partitions, perRow }));
          process.stderr.write(`${JSON.stringify(points.at(-1))}\n`);
        }
      }
    }
    report('curve', {
      workload: {
        workers: Number(flags.workers),
        on: 'exactly-once commits, snapshots every 30 s, Redis projection',
      },
      ...costs(points),
      points,
    });
  } finally {
    await log.close();
    stopServices();
  }
}

/** Folds readings of which `perRow` make a window, more than one window of each sensor. */
async function measure(services, { sensors, partitions, perRow }) {
  const { log, brokers } = services;
  const readings = Math.max(Number(flags.readings), sensors * (perRow + Math.ceil(perRow / 5) + 1));
  const plan = planOf({ readings, sensors, stepMs: windowMs / perRow });
  const input = `curve_${Date.now()}`;
  await ensureBacklogTopic(log, input, partitions);
  await load(log, input, plan);
  const env = { WORKERS: flags.workers, SENSORS_MAX: String(sensors) };
  const run = await measureBacklog({ ...services, input, partitions, plan }, { run: 0, env });
  await deleteTopics(brokers, [input, `${input}_rows_0`]);
  return {
    sensors,
    partitions,
    perRow,
    readings,
    rows: run.rows,
    cpuMicrosPerReading: round(run.cpuMicrosPerReadingAndProjection),
    readingsPerSecond: Math.round(run.readingsPerSecond),
    peakRssMb: Math.round(run.peakRssMb),
  };
}

/** The line of micros = reading + row · rows / readings over all points. */
function costs(points) {
  const line = leastSquares(
    points.map(({ rows, readings, cpuMicrosPerReading }) => ({
      x: rows / readings,
      y: cpuMicrosPerReading,
    })),
  );
  return { microsAReading: round(line.intercept), microsARow: round(line.slope) };
}

function round(micros) {
  return Number(micros.toFixed(3));
}

/** Draws docs/pictures/cost-curve.svg. */
async function drawCosts(points) {
  const panel = (perRow, title) => ({
    title,
    width: 300,
    height: 220,
    transform: [{ filter: `datum.perRow === ${perRow}` }],
    mark: { type: 'line', point: true },
    encoding: {
      x: { field: 'sensors', type: 'quantitative', scale: { type: 'log' }, title: 'sensors' },
      y: {
        field: 'cpuMicrosPerReading',
        type: 'quantitative',
        title: 'µs of CPU a reading',
        scale: { domain: [0, 6] },
      },
      color: { field: 'partitions', type: 'ordinal', title: 'partitions' },
    },
  });
  const spec = {
    background: 'white',
    data: { values: points },
    hconcat: [
      panel(many, `a row every ${many} readings`),
      panel(few, `a row every ${few} readings`),
    ],
  };
  await draw('cost-curve', spec);
}
