// Measures a million sensors: the rows when a minute closes for all of them, the pauses of the
// threads meanwhile, memory, and how soon the program processes readings again after kill -9.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ensureBacklogTopic, openBenchLog } from './bench-log.mjs';
import { defaultWorkers, startMeasured } from './measured-program.mjs';
import { load, planOf } from './readings.mjs';
import { report } from './result.mjs';
import { startServices, stopServices } from './services.mjs';

const help = `node bench/million.mjs [options]   (default in brackets)
  --sensors N     [1000000]   --partitions N  [4]   --workers N  [the program's]
  --baseline cumulative|adaptive  [adaptive]
  --minutes N     closing one after the other [2]
  --name NAME     of the result [million]
  --keep          leaves Kafka and Redis running`;
const { values: flags } = parseArgs({
  options: {
    sensors: { type: 'string', default: '1000000' },
    partitions: { type: 'string', default: '4' },
    workers: { type: 'string', default: defaultWorkers },
    baseline: { type: 'string', default: 'adaptive' },
    minutes: { type: 'string', default: '2' },
    name: { type: 'string', default: 'million' },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const windowMs = 60_000;
const [sensors, partitions, minutes] = ['sensors', 'partitions', 'minutes'].map((name) =>
  Number(flags[name]),
);

if (flags.help) console.log(help);
else await main();

async function main() {
  const { brokers, redisUrl } = startServices();
  const log = await openBenchLog(brokers);
  try {
    report(flags.name, await measure(log, { brokers, redisUrl }));
  } finally {
    await log.close();
    if (!flags.keep) stopServices();
  }
}

async function measure(log, { brokers, redisUrl }) {
  const input = `million_${Date.now()}`;
  const rows = `${input}_rows`;
  await ensureBacklogTopic(log, input, partitions);
  await log.ensureTopics([{ topic: rows, partitions }]);
  const { keys } = planOf({ readings: 0, sensors });
  const startMs = Math.floor((Date.now() - 60 * windowMs) / windowMs) * windowMs;
  // One reading a sensor and minute, all within the first second of it.
  const append = (minute) =>
    load(log, input, {
      readings: sensors,
      sensors,
      keys,
      startMs: startMs + minute * windowMs + 5_000,
    });
  say(`appending ${sensors} readings`);
  await append(0);
  const delays = join(tmpdir(), `loop-delay-${process.pid}`);
  const env = {
    KAFKA_BROKERS: brokers,
    REDIS_URL: redisUrl,
    INPUT_TOPIC: input,
    OUTPUT_TOPIC: rows,
    GROUP_ID: input,
    WORKERS: flags.workers,
    BASELINE: flags.baseline,
    SENSORS_MAX: String(sensors),
    IDLE_TIMEOUT_MS: '600000',
    LOOP_DELAYS: delays,
  };
  const args = ['--import', fileURLToPath(new URL('loop-delay.mjs', import.meta.url))];
  const program = startMeasured(env, { args });
  try {
    await reached(log, input, input, sensors, 'folded');
    const bursts = [];
    for (let minute = 1; minute <= minutes; minute += 1) {
      bursts.push(await burst({ log, program, input, rows, minute, append, delays }));
      say(JSON.stringify(bursts.at(-1)));
    }
    const recovery = await recover({ log, program, env, args, input, minute: minutes + 1, append });
    return {
      workload: {
        sensors,
        partitions,
        workers: Number(flags.workers),
        baseline: flags.baseline,
        on: 'exactly-once commits, snapshots every 30 s, Redis projection',
      },
      bursts,
      recovery,
    };
  } finally {
    rmSync(delays, { recursive: true, force: true });
  }
}

/**
 * Appends the next minute, whose first readings close the one before, and waits for its rows in
 * topic and Redis.
 */
async function burst({ log, program, input, rows, minute, append, delays }) {
  const before = program.cpuSeconds();
  const beganMs = Date.now();
  const already = await visible(log, rows);
  const appended = append(minute);
  const firstMs = await reached(log, rows, undefined, already + 1, 'rows');
  await reached(log, rows, undefined, already + sensors, 'rows');
  const writtenMs = performance.now();
  await appended;
  await reached(log, input, input, (minute + 1) * sensors, 'folded');
  const lastMs = performance.now();
  const committedCpu = program.cpuSeconds() - before;
  await reached(log, rows, `${input}-projection`, already + sensors, 'projected');
  const projectedMs = performance.now();
  return {
    rows: sensors,
    rowsWrittenPerSecond: Math.round((sensors * 1_000) / (writtenMs - firstMs)),
    secondsUntilMinuteIsFolded: round((lastMs - firstMs) / 1_000),
    secondsUntilInRedis: round((projectedMs - firstMs) / 1_000),
    // All threads, with folding the million readings that close the minute, committing, and
    // projecting meanwhile.
    cpuMicrosPerRowAndReading: round((committedCpu * 1e6) / sensors),
    cpuMicrosUntilInRedis: round(((program.cpuSeconds() - before) * 1e6) / sensors),
    threadsWithoutTurnMs: await loopDelays(delays, beganMs),
    rssMb: round(program.rssMb()),
    peakRssMb: round(program.peakRssMb()),
  };
}

async function recover({ log, program, env, args, input, minute, append }) {
  say('waiting for a snapshot of every partition to be named');
  const named = ({ metadata }) => JSON.parse(metadata).snapshots.length > 0;
  while (!(await positions(log, input, input)).every(named)) await sleep(500);
  const snapshots = (await positions(log, input, input)).map(
    ({ metadata }) => JSON.parse(metadata).snapshots[0].length,
  );
  await program.kill();
  // The dead member's session must end first: joining the group is not what is measured.
  await sleep(7_000);
  await append(minute);
  const started = performance.now();
  const startedMs = Date.now();
  const again = startMeasured({ ...env, LOG_LEVEL: 'debug' }, { args });
  const done = await reached(log, input, input, (minute + 1) * sensors - sensors + 1, 'folded');
  await reached(log, input, input, (minute + 1) * sensors, 'folded');
  const peakRssMb = again.peakRssMb();
  const phases = phasesOf(again.output(), startedMs);
  if (process.env.BENCH_LOG !== undefined) writeFileSync(process.env.BENCH_LOG, again.output());
  await again.stop();
  return {
    snapshotBytesPerSensor: round(snapshots.reduce((sum, bytes) => sum + bytes, 0) / sensors),
    secondsFromStartToFirstCommit: round((done - started) / 1_000),
    ...phases,
    peakRssMb: round(peakRssMb),
  };
}

/**
 * Seconds from the start of the process until it asks to join the group, and from when a worker has
 * joined until the last of its shards of the input folds live input.
 */
function phasesOf(output, startedMs) {
  const lines = output.split('\n').filter((line) => line.startsWith('{'));
  const events = lines.map((line) => JSON.parse(line));
  const atMs = ({ time }) => new Date(time).getTime();
  const joins = events.filter(({ msg, worker }) => msg === 'Starting' && worker !== undefined);
  const workers = [...new Set(joins.map(({ worker }) => worker))];
  return {
    secondsUntilJoining: round((atMs(joins[0]) - startedMs) / 1_000),
    secondsFromJoinedToRunning: workers.map((worker) => {
      const own = events.filter((event) => event.worker === worker);
      const joined = own.find(({ msg }) => msg === 'joined the group');
      const running = own.filter(
        ({ msg, topic }) => msg === 'shard running' && !topic.endsWith('.rekeyed'),
      );
      return round((Math.max(...running.map(atMs)) - atMs(joined)) / 1_000);
    }),
  };
}

async function positions(log, groupId, topic) {
  return Promise.all(
    Array.from({ length: partitions }, async (_, partition) => {
      const position = await log.committed(groupId, { topic, partition });
      return position ?? { nextOffset: 0, metadata: '{"snapshots":[]}' };
    }),
  );
}

/**
 * Resolves with the time once the group's positions, or without a group the ends, come to `records`
 * visible rows.
 */
async function reached(log, topic, groupId, records, what) {
  for (let saidMs = performance.now(); ;) {
    const at =
      groupId === undefined ? await visible(log, topic) : await committed(log, groupId, topic);
    if (at >= records) return performance.now();
    if (performance.now() - saidMs > 5_000) {
      saidMs = performance.now();
      say(`${what}: ${at} of ${records}`);
    }
    await sleep(20);
  }
}

async function committed(log, groupId, topic) {
  const all = await positions(log, groupId, topic);
  return all.reduce((sum, { nextOffset }) => sum + nextOffset, 0);
}

/**
 * Ends of the partitions; markers of transactions count as records, so a few rows less are visible.
 */
async function visible(log, topic) {
  const ends = await Promise.all(
    Array.from({ length: partitions }, (_, partition) => log.offsets({ topic, partition })),
  );
  return ends.reduce((sum, { end }) => sum + end, 0);
}

/** How long each thread had no turn at a time since `sinceMs`, from what loop-delay.mjs wrote. */
async function loopDelays(file, sinceMs) {
  await sleep(1_200);
  const threads = new Map();
  for (const line of readFileSync(file, 'utf8').trim().split('\n')) {
    const { thread, atMs, delaysMs } = JSON.parse(line);
    if (atMs >= sinceMs) threads.set(thread, [...(threads.get(thread) ?? []), ...delaysMs]);
  }
  return [...threads].map(([thread, delays]) => {
    const sorted = delays.sort((left, right) => left - right);
    const share = (part) => sorted[Math.floor(part * (sorted.length - 1))];
    return { thread, p50: share(0.5), p99: share(0.99), max: share(1) };
  });
}

function say(text) {
  process.stderr.write(`${text}\n`);
}

function round(number) {
  return Number(number.toFixed(2));
}
