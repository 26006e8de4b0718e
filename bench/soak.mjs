// Measures memory over half an hour of live input: the slope of a line through it, after the
// program has settled.
//   node bench/soak.mjs [--minutes 30] [--settle 10] [--rate 10000] [--sensors 10000] [--partitions 4] [--workers N]
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openBenchLog } from './bench-log.mjs';
import { feedLive } from './feed-live.mjs';
import { leastSquares } from './least-squares.mjs';
import { defaultWorkers, startLive } from './measured-program.mjs';
import { report, spread } from './result.mjs';
import { startServices, stopServices } from './services.mjs';

const { values: flags } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    settle: { type: 'string', default: '10' },
    rate: { type: 'string', default: '10000' },
    sensors: { type: 'string', default: '10000' },
    partitions: { type: 'string', default: '4' },
    workers: { type: 'string', default: defaultWorkers },
  },
});
const everyMs = 5_000;
const numberOf = (name) => Number(flags[name]);
const services = startServices();
const log = await openBenchLog(services.brokers);
try {
  report('soak', await measure());
} finally {
  await log.close();
  stopServices();
}

async function measure() {
  const [rate, sensors, partitions] = ['rate', 'sensors', 'partitions'].map(numberOf);
  const input = `soak_${Date.now()}`;
  await log.ensureTopics([{ topic: input, partitions }]);
  const program = startLive(services, input, { WORKERS: flags.workers });
  const feeding = new AbortController();
  const fed = feedLive(log, { topic: input, rate, sensors }, feeding.signal);
  await sleep(numberOf('settle') * 60_000);
  const samples = [];
  const cpuBefore = program.cpuSeconds();
  const startMs = performance.now();
  const minutesOf = () => (performance.now() - startMs) / 60_000;
  while (minutesOf() < numberOf('minutes')) {
    samples.push({ minutes: minutesOf(), rssMb: program.rssMb() });
    if (samples.length % 12 === 0) process.stderr.write(`${JSON.stringify(samples.at(-1))}\n`);
    await sleep(everyMs);
  }
  const cores = (program.cpuSeconds() - cpuBefore) / (minutesOf() * 60);
  feeding.abort();
  await fed;
  await program.stop();
  const { slope, slopeError } = lineThrough(samples);
  return {
    workload: { ...flags, on: 'exactly-once commits, snapshots every 30 s, Redis projection' },
    rssMb: spread(
      samples.map(({ rssMb }) => rssMb),
      1,
    ),
    slopeMbPerHour: Number((60 * slope).toFixed(2)),
    slopeErrorMbPerHour: Number((60 * slopeError).toFixed(2)),
    cores: Number(cores.toFixed(4)),
    rssMbByMinute: samples
      .filter((_, index) => index % 12 === 0)
      .map(({ rssMb }) => Math.round(rssMb)),
  };
}

/** Memory in MB by minutes, from the means of five minutes: neighbours are alike. */
function lineThrough(samples) {
  const length = 300_000 / everyMs;
  const points = Array.from({ length: Math.floor(samples.length / length) }, (_, index) => {
    const part = samples.slice(index * length, (index + 1) * length);
    return { x: mean(part.map(({ minutes }) => minutes)), y: mean(part.map(({ rssMb }) => rssMb)) };
  });
  return leastSquares(points);
}

function mean(numbers) {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}
