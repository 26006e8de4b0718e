// Measures how long the fold of a shard pauses to forget sensors: the scan of all sensors, and
// moving those that stay into the slots of those that go. In memory, one shard with its kernel, one
// open window per remaining sensor. On a busy machine the stall is longer than its CPU.
import { parseArgs } from 'node:util';
import { emptyMemory } from '../dist/actors/shard-memory.js';
import { parseConfig } from '../dist/config/config.js';
import { sensorIdOf } from './readings.mjs';
import { report, spread } from './result.mjs';

const help = `node bench/forget.mjs [options]   (default in brackets)
  --sensors N,N   [250000,1000000]   --gone SHARE,SHARE  of them that are forgotten  [0,0.1,0.5,0.9]
  --baseline cumulative|adaptive  [adaptive]   --runs N  [5]`;
const { values: flags } = parseArgs({
  options: {
    sensors: { type: 'string', default: '250000,1000000' },
    gone: { type: 'string', default: '0,0.1,0.5,0.9' },
    baseline: { type: 'string', default: 'adaptive' },
    runs: { type: 'string', default: '5' },
    help: { type: 'boolean', default: false },
  },
});
const ttlMs = 86_400_000;
const numbers = (text) => text.split(',').map(Number);

if (flags.help) console.log(help);
else {
  const measured = [];
  for (const sensors of numbers(flags.sensors)) {
    for (const gone of numbers(flags.gone)) measured.push(measure(sensors, gone));
  }
  const { baseline, runs } = flags;
  report('forget', { workload: { baseline, runs: Number(runs) }, measured });
}

function measure(sensors, gone) {
  const stalls = [];
  const cpus = [];
  let forgotten = 0;
  for (let run = 0; run < Number(flags.runs); run += 1) {
    const state = filled(sensors, gone);
    const beganMs = performance.now();
    const cpuBefore = process.cpuUsage();
    state.advanceWatermark(10 * ttlMs, {
      windowClosed: () => undefined,
      sensorsForgotten: (count) => (forgotten = count),
    });
    stalls.push(performance.now() - beganMs);
    const { user, system } = process.cpuUsage(cpuBefore);
    cpus.push((user + system) / 1_000);
  }
  return { sensors, forgotten, stallMs: spread(stalls, 1), cpuMs: spread(cpus, 1) };
}

/** Returns a state in which every so many-th sensor, the first of all included, is due. */
function filled(sensors, gone) {
  const { semantics } = parseConfig({
    SENSORS_MAX: String(sensors),
    BASELINE: flags.baseline,
    SENSOR_TTL: '1d',
    MAX_AHEAD_MS: String(20 * ttlMs),
  });
  const { state } = emptyMemory('source', semantics, 0);
  for (let sensor = 0; sensor < sensors; sensor += 1) fold(state, sensor, ttlMs);
  // The windows close before the look that is measured, which finds only sensors to look through.
  state.advanceWatermark(ttlMs + semantics.windowMs, { windowClosed: () => undefined });
  const stays = (sensor) => Math.floor((sensor + 1) * (1 - gone)) > Math.floor(sensor * (1 - gone));
  for (let sensor = 0; sensor < sensors; sensor += 1) {
    if (stays(sensor)) fold(state, sensor, 11 * ttlMs);
  }
  return state;
}

/** Folds a reading whose record is of the first day, so that event time stays there. */
function fold(state, sensor, timestampMs) {
  const idBytes = Buffer.from(sensorIdOf(sensor));
  const reading = { idBytes, idStart: 0, idEnd: idBytes.length, timestampMs, value: sensor };
  const reason = state.fold(reading, ttlMs, sensor, { windowClosed: () => undefined });
  if (reason !== null) throw new Error(reason.message);
}
