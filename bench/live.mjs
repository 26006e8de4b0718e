// Measures the cores in use by the built program at each rate of live readings (0 is idle), after
// it has settled: V8 keeps compiling for most of a minute, which does not matter in a program that
// runs for days.
//   node bench/live.mjs [--rates 0,1000,10000] [--settle 60] [--seconds 20] [--sensors 1000] [--partitions 4]
//     [--workers N] [--keep]
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openBenchLog } from './bench-log.mjs';
import { feedLive } from './feed-live.mjs';
import { defaultWorkers, startLive } from './measured-program.mjs';
import { report } from './result.mjs';
import { startServices, stopServices } from './services.mjs';

const { values: flags } = parseArgs({
  options: {
    rates: { type: 'string', default: '0,1000,10000' },
    settle: { type: 'string', default: '60' },
    seconds: { type: 'string', default: '20' },
    sensors: { type: 'string', default: '1000' },
    partitions: { type: 'string', default: '4' },
    workers: { type: 'string', default: defaultWorkers },
    keep: { type: 'boolean', default: false },
  },
});
const partitions = Number(flags.partitions);
const sensors = Number(flags.sensors);
const settleMs = Number(flags.settle) * 1_000;
const measureMs = Number(flags.seconds) * 1_000;
const services = startServices();
const log = await openBenchLog(services.brokers);
try {
  const coresByRate = {};
  for (const rate of flags.rates.split(',').map(Number)) coresByRate[rate] = await measure(rate);
  report('live', {
    workload: {
      sensors,
      partitions,
      workers: Number(flags.workers),
      secondsSettling: Number(flags.settle),
      secondsEach: Number(flags.seconds),
      on: 'exactly-once commits, snapshots every 30 s, Redis projection',
    },
    coresByRate,
  });
} finally {
  await log.close();
  if (!flags.keep) stopServices();
}

async function measure(rate) {
  const input = `live_${rate}_${Date.now()}`;
  await log.ensureTopics([{ topic: input, partitions }]);
  const program = startLive(services, input, { WORKERS: flags.workers });
  const feeding = new AbortController();
  const fed = feedLive(log, { topic: input, rate, sensors }, feeding.signal);
  await sleep(settleMs);
  const before = { cpu: program.cpuSeconds(), atMs: performance.now() };
  await sleep(measureMs);
  const cpu = program.cpuSeconds() - before.cpu;
  const cores = cpu / ((performance.now() - before.atMs) / 1_000);
  feeding.abort();
  await fed;
  await program.stop();
  return Number(cores.toFixed(4));
}
