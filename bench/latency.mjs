// Measures the latency of the built program on live input; bench/closings.mjs explains the
// measurement.
import { parseArgs } from 'node:util';
import { measureClosings } from './closings.mjs';
import { defaultWorkers } from './measured-program.mjs';
import { report } from './result.mjs';
import { startServices, stopServices } from './services.mjs';

const help = `node bench/latency.mjs [options]   (default in brackets)
  --rate N        readings a second [20000]      --sensors N     [1000]
  --seconds N     measured, after settling [60]  --partitions N  [4]
  --window-ms N   length of a window [5000]      --workers N     [the program's]
  --keep          leaves Kafka and Redis running`;
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

if (flags.help) console.log(help);
else await main();

async function main() {
  const workload = {
    rate: Number(flags.rate),
    sensors: Number(flags.sensors),
    partitions: Number(flags.partitions),
    workers: Number(flags.workers),
    windowMs: Number(flags['window-ms']),
    seconds: Number(flags.seconds),
    settleSeconds: 60,
  };
  const services = startServices();
  try {
    report('latency', await measureClosings(services, workload));
  } finally {
    if (!flags.keep) stopServices();
  }
}
