// Compares rules for event time in a fleet with wrong clocks: the late readings, and the delay of
// closing windows, for each rule, each kind of wrong clock and each kind of record timestamp. It
// uses the program's fold and sets its watermark from outside, so that rules which the program does
// not have can be tried as well.
//   node bench/fast-clocks.mjs [--hours 1] [--sensors 1000]
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parseConfig } from '../dist/config/config.js';
import { seededRandom } from '../dist/producer/seeded-random.js';
import { createShardState } from '../dist/sensors/shard-state.js';
import { report } from './result.mjs';

const { values: flags } = parseArgs({
  options: {
    hours: { type: 'string', default: '1' },
    sensors: { type: 'string', default: '1000' },
    name: { type: 'string', default: 'fast-clocks' },
  },
});
const { semantics } = parseConfig({ BASELINE: 'cumulative' });
const { watermarkDelayMs: delayMs, windowMs } = semantics;
const beginMs = 1_700_000_000_000 - (1_700_000_000_000 % windowMs);

/** Each returns a function of a reading → the event time that its shard has reached. */
const rules = {
  lead: () => (reading) => reading.timestampMs,
  // Held only past the delay.
  threshold: () => (reading) =>
    reading.timestampMs - reading.recordTimeMs > delayMs
      ? reading.recordTimeMs
      : reading.timestampMs,
  hold: () => (reading) => Math.min(reading.timestampMs, reading.recordTimeMs),
  median: () => orderStatistic(0.5),
  p90: () => orderStatistic(0.9),
};

/** The greatest event time of each sensor, and of these the quantile. */
function orderStatistic(share) {
  const newest = new Map();
  let [seen, last] = [0, -Infinity];
  return ({ sensorId, timestampMs }) => {
    newest.set(sensorId, Math.max(newest.get(sensorId) ?? -Infinity, timestampMs));
    // A quantile after every reading would take minutes; every 50th is as good here.
    if (seen++ % 50 === 0) {
      const sorted = Float64Array.from(newest.values()).sort();
      last = Math.max(last, sorted[Math.floor(share * (sorted.length - 1))]);
    }
    return last;
  };
}

/** Returns the late readings of right and of wrong clocks, and the delay of closing windows. */
function measure(readings, rule) {
  const state = createShardState(semantics, { watermark: 'external' });
  const eventTimeOf = rules[rule]();
  const late = { right: 0, wrong: 0 };
  const closedAfterMs = [];
  let nowMs = 0;
  const outputs = {
    windowClosed({ windowEndMs }) {
      closedAfterMs.push(nowMs - windowEndMs);
    },
  };
  let eventTimeMs = -Infinity;
  readings.forEach((reading, offset) => {
    nowMs = reading.arrivalMs;
    const { idBytes, timestampMs, value } = reading;
    const columns = { idBytes, idStart: 0, idEnd: idBytes.length, timestampMs, value };
    const refused = state.fold(columns, Infinity, offset, outputs);
    if (refused?.code === 'late') late[reading.isWrong ? 'wrong' : 'right'] += 1;
    eventTimeMs = Math.max(eventTimeMs, eventTimeOf(reading));
    state.advanceWatermark(eventTimeMs - delayMs, outputs);
  });
  // Those of slow clocks close at once, or their readings are late; those of fast ones long after,
  // or before their end.
  closedAfterMs.sort((a, b) => a - b);
  const seconds = (share) =>
    Number((closedAfterMs[Math.floor(share * (closedAfterMs.length - 1))] / 1_000).toFixed(1));
  return {
    lateRight: late.right,
    lateWrong: late.wrong,
    closedAfterSeconds: { median: seconds(0.5), p99: seconds(0.99) },
    openAtEnd: state.openWindowCount,
  };
}

/**
 * A fleet: every sensor sends each 10 s, of a `rare` one each 15 minutes, up to two seconds on the
 * way. Right clocks err by 0.2 s. `stamps`: what a record's timestamp is made by: the broker
 * (LogAppendTime), a gateway, or the sensor itself.
 */
function fleet({ wrongMs = [], rare = 0, stamps = 'broker' }) {
  const random = seededRandom(1, 0).uniform;
  const sensors = Number(flags.sensors);
  const endMs = beginMs + Number(flags.hours) * 3_600_000;
  const readings = [];
  for (let sensor = 0; sensor < sensors; sensor += 1) {
    const isWrong = wrongMs.length > 0 && sensor % 100 === 0;
    const errorMs = isWrong ? wrongMs[(sensor / 100) % wrongMs.length] : 400 * (random() - 0.5);
    const intervalMs = random() < rare ? 900_000 : 10_000;
    const sensorId = `sensor_${sensor}`;
    for (let atMs = beginMs + intervalMs * random(); atMs < endMs; atMs += intervalMs) {
      const timestampMs = Math.floor(atMs + errorMs);
      const arrivalMs = Math.floor(atMs + 2_000 * random() ** 3);
      const recordTimeMs = stamps === 'sensor' ? timestampMs : arrivalMs;
      readings.push({ sensorId, isWrong, timestampMs, arrivalMs, recordTimeMs, value: random() });
    }
  }
  return logged(readings);
}

/**
 * The real series at once: motes every 5 s, machines every 5 minutes and hour; with one clock fast.
 */
async function realSeries(fastMs) {
  const readings = [];
  const random = seededRandom(2, 0).uniform;
  const add = (sensorId, atMs, value, isWrong) => {
    const timestampMs = atMs + (isWrong ? fastMs : 0);
    const arrivalMs = Math.floor(atMs + 2_000 * random() ** 3);
    readings.push({ sensorId, isWrong, timestampMs, arrivalMs, recordTimeMs: arrivalMs, value });
  };
  for (const file of ['suthaharan-multi-hop', 'suthaharan-single-hop']) {
    for await (const [number, mote, , , temperature] of rowsOf(file)) {
      const isWrong = fastMs > 0 && file === 'suthaharan-single-hop' && mote === '4';
      add(`${file}_${mote}`, beginMs + 5_000 * number, Number(temperature), isWrong);
    }
  }
  for (const file of ['machine_temperature_system_failure', 'ambient_temperature_system_failure']) {
    let shiftMs;
    for await (const [time, value] of rowsOf(file)) {
      const atMs = Date.parse(`${time.replace(' ', 'T')}Z`);
      shiftMs ??= beginMs - atMs;
      // As long as the motes send.
      if (atMs + shiftMs < beginMs + 5_000 * 4_400) add(file, atMs + shiftMs, Number(value), false);
    }
  }
  return logged(readings);
}

async function* rowsOf(file) {
  const path = fileURLToPath(new URL(`../data/${file}.csv`, import.meta.url));
  let isHead = true;
  for await (const line of createInterface({ input: createReadStream(path) })) {
    if (!isHead) yield line.split(',');
    isHead = false;
  }
}

/** In the order of the log. */
function logged(readings) {
  const encoder = new TextEncoder();
  return readings
    .sort((a, b) => a.arrivalMs - b.arrivalMs)
    .map((reading) => ({ ...reading, idBytes: encoder.encode(reading.sensorId) }));
}

const mixed = [
  200_000, -200_000, 30_000, -30_000, 4_500, 250_000, 60_000, -3_600_000, 4_000, 10_000,
];
const streams = {
  'fleet, all right': () => fleet({}),
  'fleet, 1 % +200 s': () => fleet({ wrongMs: [200_000] }),
  'fleet, 1 % ±200 s': () => fleet({ wrongMs: [200_000, -200_000] }),
  'fleet, 1 % +4.5 s': () => fleet({ wrongMs: [4_500] }),
  'fleet, 1 % of all kinds': () => fleet({ wrongMs: mixed }),
  'fleet, 1 % of all kinds, a gateway stamps': () => fleet({ wrongMs: mixed, stamps: 'gateway' }),
  'fleet, 1 % of all kinds, the sensor stamps': () => fleet({ wrongMs: mixed, stamps: 'sensor' }),
  'fleet, 60 % send rarely, 1 % of all kinds': () => fleet({ wrongMs: mixed, rare: 0.6 }),
  'real series': () => realSeries(0),
  'real series, one mote +200 s': () => realSeries(200_000),
  'real series, one mote +4.5 s': () => realSeries(4_500),
};

const measured = [];
for (const [stream, make] of Object.entries(streams)) {
  const readings = await make();
  for (const rule of Object.keys(rules)) {
    measured.push({ stream, readings: readings.length, rule, ...measure(readings, rule) });
  }
}
if (flags.name === '') {
  for (const { stream, rule, lateRight, lateWrong, closedAfterSeconds: c, openAtEnd } of measured)
    console.log(
      [stream.padEnd(46), rule.padEnd(10), lateRight, lateWrong, c.median, c.p99, openAtEnd].join(
        '\t',
      ),
    );
} else {
  report(flags.name, { workload: { ...flags, windowMs, delayMs }, measured });
}
