// Runs the built program over a backlog, as a new consumer group with its own output topic. Reads
// the rows back and compares them with the plan.
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { leastSquares } from './least-squares.mjs';
import { startMeasured } from './measured-program.mjs';

const watermarkDelayMs = 5_000;
const windowMs = 60_000;

/**
 * Folds and commits all readings of `plan`, which lie in `input`. CPU a reading counts from when
 * every partition has its first position until the last is committed (warm: in the second half of
 * them), and until Redis has every row. `tree` is of another revision's program.
 */
export async function measureBacklog(backlog, { run, env, node = [], tree }) {
  const { log, brokers, redisUrl, input, partitions, plan } = backlog;
  const output = `${input}_rows_${run}`;
  const groupId = `${input}_${run}`;
  await log.ensureTopics([{ topic: output, partitions }]);
  const program = startMeasured(
    {
      KAFKA_BROKERS: brokers,
      REDIS_URL: redisUrl,
      INPUT_TOPIC: input,
      OUTPUT_TOPIC: output,
      GROUP_ID: groupId,
      ...env,
    },
    { args: node, tree },
  );
  // The first acquire of a partition commits its origin, before the first reading is folded.
  const readings = () => sumOfPositions(log, groupId, places(input, partitions));
  const first = await until(program, readings, 0);
  const samples = [];
  const last = await until(program, readings, plan.readings, samples);
  const ends = await Promise.all(places(output, partitions).map((place) => log.offsets(place)));
  const rowsEnd = ends.reduce((sum, { end }) => sum + end, 0);
  const rowsInRedis = () =>
    sumOfPositions(log, `${groupId}-projection`, places(output, partitions));
  const projected = await until(program, rowsInRedis, rowsEnd);
  const peakRssMb = program.peakRssMb();
  await program.stop();
  const { rows, checksum } = await verifiedRows(backlog, output);
  const wallSeconds = (last.atMs - first.atMs) / 1_000;
  return {
    cpuMicrosPerReading: microsPer(plan.readings, first, last),
    cpuMicrosPerReadingWarm: warmMicros(samples, plan.readings),
    cpuMicrosPerReadingAndProjection: microsPer(plan.readings, first, projected),
    startCpuSeconds: first.cpu,
    wallSeconds,
    readingsPerSecond: plan.readings / wallSeconds,
    rows,
    checksum,
    peakRssMb,
  };
}

function microsPer(count, from, to) {
  return ((to.cpu - from.cpu) * 1e6) / count;
}

/**
 * Returns the sum, and CPU and time when it was first at least `least`; the samples before that go
 * to `samples`.
 */
export async function until(program, sumOf, least, samples = []) {
  for (;;) {
    const sum = await sumOf();
    const sample = { sum, cpu: program.cpuSeconds(), atMs: performance.now() };
    if (sum !== undefined && sum >= least) return sample;
    if (sum !== samples.at(-1)?.sum) samples.push(sample);
    await sleep(20);
  }
}

/**
 * The slope of a line through the commits between the middle and the last one: what is folded is
 * ahead of what is committed, by as much at each of them, so a difference to the end would be too
 * small.
 */
export function warmMicros(samples, readings) {
  const warm = samples.filter(({ sum }) => sum >= readings / 2);
  return 1e6 * leastSquares(warm.map(({ sum, cpu }) => ({ x: sum, y: cpu }))).slope;
}

export function places(topic, partitions) {
  return Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
}

/** The sum of the group's positions, or undefined before every place has one. */
export async function sumOfPositions(log, groupId, at) {
  const positions = await Promise.all(at.map((place) => log.committed(groupId, place)));
  if (positions.includes(undefined)) return undefined;
  return positions.reduce((sum, { nextOffset }) => sum + nextOffset, 0);
}

/**
 * Returns how many rows are committed, and a checksum of those that every run must have, whatever
 * their order.
 * @throws unless they are each closed window of each sensor, once and whole.
 */
async function verifiedRows({ log, partitions, plan }, output) {
  const { sensors, startMs, stepMs } = plan;
  const lastMs = startMs + (Math.floor(plan.readings / sensors) - 1) * stepMs;
  // Windows that some partition's last reading is too close to may be closed in one partition and
  // not in another.
  const sureEndMs = Math.floor((lastMs - watermarkDelayMs) / windowMs) * windowMs;
  const seen = new Set();
  let checksum = 0n;
  for (const place of places(output, partitions)) {
    for await (const batch of log.read({ ...place, from: 0 })) {
      const records = batch.records();
      while (records.next()) {
        const value = records.bytes.subarray(records.valueStart, records.valueEnd);
        const row = JSON.parse(Buffer.from(value).toString());
        const key = `${row.sensor_id}/${row.window_start}`;
        if (seen.has(key)) throw new Error(`${key} was written twice`);
        if (row.features.count !== windowMs / stepMs) {
          throw new Error(`${key} counts ${row.features.count} readings`);
        }
        seen.add(key);
        if (row.window_end <= sureEndMs) checksum += checksumOf(value);
      }
    }
  }
  const least = ((sureEndMs - startMs) / windowMs) * sensors;
  if (seen.size < least) throw new Error(`expected ${least} rows, found ${seen.size}`);
  return { rows: seen.size, checksum: BigInt.asUintN(64, checksum).toString(16) };
}

function checksumOf(bytes) {
  return createHash('sha256').update(bytes).digest().readBigUInt64BE(0);
}
