// Measures how long the fold of a shard pauses for a snapshot: the copy of its state into memory
// prepared ahead, as the program does it, and into new memory. In memory, one shard, one open
// window per sensor.
import { parseArgs } from 'node:util';
import { emptyMemory, encodeShardSnapshot } from '../dist/actors/shard-memory.js';
import { SnapshotRoom } from '../dist/actors/snapshot-room.js';
import { systemClock } from '../dist/clock.js';
import { parseConfig } from '../dist/config/config.js';
import { sensorIdOf } from './readings.mjs';
import { report, spread } from './result.mjs';

const help = `node bench/snapshot.mjs [options]   (default in brackets)
  --sensors N,N   [250000,1000000]   --baseline cumulative|adaptive  [adaptive]   --runs N  [10]`;
const { values: flags } = parseArgs({
  options: {
    sensors: { type: 'string', default: '250000,1000000' },
    baseline: { type: 'string', default: 'adaptive' },
    runs: { type: 'string', default: '10' },
    help: { type: 'boolean', default: false },
  },
});
const shard = { topic: 'bench', partition: 0 };

if (flags.help) console.log(help);
else {
  const shards = [];
  for (const sensors of flags.sensors.split(',').map(Number)) shards.push(await measure(sensors));
  report('snapshot', { workload: { baseline: flags.baseline, runs: Number(flags.runs) }, shards });
}

async function measure(sensors) {
  const memory = filled(sensors);
  const copies = { withRoom: [], intoNewMemory: [] };
  for (let run = 0; run < Number(flags.runs); run += 1) {
    const room = await roomFor(memory.state.snapshotBytes());
    copies.withRoom.push(timed(() => encodeShardSnapshot(memory, shard, 0, room.take())));
    copies.intoNewMemory.push(timed(() => encodeShardSnapshot(memory, shard, 0)));
  }
  return {
    sensors,
    bytes: memory.state.snapshotBytes(),
    stallMs: spread(copies.withRoom, 1),
    stallMsIntoNewMemory: spread(copies.intoNewMemory, 1),
  };
}

function filled(sensors) {
  const { semantics } = parseConfig({ SENSORS_MAX: String(sensors), BASELINE: flags.baseline });
  const memory = emptyMemory('source', semantics, 0);
  const timestampMs = Date.now();
  for (let sensor = 0; sensor < sensors; sensor += 1) {
    const idBytes = Buffer.from(sensorIdOf(sensor));
    const reading = { idBytes, idStart: 0, idEnd: idBytes.length, timestampMs, value: sensor };
    memory.state.fold(reading, timestampMs, sensor, { windowClosed: () => undefined });
  }
  return memory;
}

/** Resolves to a room that is made. */
function roomFor(bytes) {
  return new Promise((resolve, reject) => {
    const ready = () => resolve(room);
    const room = new SnapshotRoom({ clock: systemClock, turn: {}, ready, failed: reject });
    if (room.suffices(bytes)) ready();
  });
}

function timed(run) {
  const beganMs = performance.now();
  run();
  return performance.now() - beganMs;
}
