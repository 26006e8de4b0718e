// Measures `join`: labels at random moments against a week of history in day files, as a command in
// a process of its own. The peer in each round is one ASOF join over whole rows, in plain DuckDB
// with the same files, memory and threads.
import { DuckDBInstance } from '@duckdb/node-api';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { report, spread } from './result.mjs';

const help = `node bench/join.mjs [options]   (default in brackets)
  --labels N [100000]   --sensors N [1000]   --windows N, a minute each, of every sensor [10003]
  --runs N [5]          --memory MB [1024]`;
const { values: flags } = parseArgs({
  options: {
    labels: { type: 'string', default: '100000' },
    sensors: { type: 'string', default: '1000' },
    windows: { type: 'string', default: '10003' },
    runs: { type: 'string', default: '5' },
    memory: { type: 'string', default: '1024' },
    peer: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const dayMs = 86_400_000;
const startMs = Date.parse('2026-01-01T00:00:00Z');
const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const features =
  'count BIGINT,avg_value DOUBLE,min_value DOUBLE,max_value DOUBLE,std_dev DOUBLE,' +
  'anomaly_count BIGINT,anomaly_rate DOUBLE';
const columns = features.split(',').map((column) => column.split(' '));

if (flags.help) console.log(help);
else if (flags.peer !== undefined) await runPeer(flags.peer);
else await measure();

async function measure() {
  const folder = mkdtempSync(join(tmpdir(), 'sensorium-join-bench-'));
  try {
    await writeHistory(folder);
    const ours = [];
    const peers = [];
    for (let run = 0; run < Number(flags.runs); run += 1) {
      ours.push(timed([main, 'join', '--no-live', ...joinFlags(folder)]));
      peers.push(
        timed([fileURLToPath(import.meta.url), '--peer', folder, '--memory', flags.memory]),
      );
    }
    const of = (runs) => ({
      seconds: spread(
        runs.map(({ seconds }) => seconds),
        2,
      ),
      cpuSeconds: spread(
        runs.map(({ cpuSeconds }) => cpuSeconds),
        2,
      ),
      memoryMb: spread(
        runs.map(({ memoryMb }) => memoryMb),
        0,
      ),
    });
    const ratio = ours.map(({ cpuSeconds }, run) => cpuSeconds / peers[run].cpuSeconds);
    const { sensors, windows, labels, runs, memory } = flags;
    const rows = Number(sensors) * Number(windows);
    report('join', {
      workload: { rows, sensors, labels, features: columns.length, memoryMb: memory, runs },
      join: of(ours),
      wholeRowsInOneJoin: of(peers),
      cpuToPeer: spread(ratio, 2),
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function joinFlags(folder) {
  const labels = join(folder, 'labels.parquet');
  return ['--history', folder, '--labels', labels, '--out', join(folder, 'train.parquet')];
}

/** Runs node with `args` and returns what it cost, by the kernel's account. */
function timed(args) {
  const env = { ...process.env, QUERY_MEMORY_MB: flags.memory, QUERY_TIMEOUT_MS: '600000' };
  const beganMs = performance.now();
  const format = 'cost %U %S %M';
  const { status, stderr, stdout } = spawnSync(
    '/usr/bin/time',
    ['-f', format, process.execPath, ...args],
    { env, encoding: 'utf8' },
  );
  const seconds = (performance.now() - beganMs) / 1_000;
  const [, user, system, kilobytes] = /cost (\S+) (\S+) (\S+)/.exec(stderr) ?? [];
  if (status !== 0) throw new Error(`${stdout}${stderr}`);
  const cpuSeconds = Number(user) + Number(system);
  return { seconds, cpuSeconds, memoryMb: Number(kilobytes) / 1_024 };
}

/** Day files as the history writes them: sorted by sensor and time, groups of 32,768 rows. */
async function writeHistory(folder) {
  const connection = await connected();
  const history = join(folder, 'sensor_features');
  mkdirSync(history);
  const perDay = dayMs / 60_000;
  const days = {};
  for (let first = 0; first < Number(flags.windows); first += perDay) {
    const count = Math.min(perDay, Number(flags.windows) - first);
    const day = new Date(startMs + first * 60_000).toISOString().slice(0, 10);
    const end = `to_timestamp(${startMs / 1_000} + 60 * (${first} + w))`;
    const values = columns.map(([name, type]) =>
      type === 'BIGINT' ? `(random() * 60)::BIGINT AS ${name}` : `random() AS ${name}`,
    );
    await connection.run(
      `COPY (SELECT 'sensor_' || s AS sensor_id, ${end} AS event_timestamp, ` +
        `${end} + INTERVAL 6 SECOND AS created, ${end} + INTERVAL 5 SECOND AS available_at, ` +
        `${end} - INTERVAL 60 SECOND AS window_start, ${values.join(', ')} ` +
        `FROM range(${flags.sensors}) a(s), range(${count}) b(w) ORDER BY sensor_id, w) ` +
        `TO '${join(history, `${day}.parquet`)}' (FORMAT parquet, COMPRESSION snappy, ` +
        `ROW_GROUP_SIZE 32768, KV_METADATA {'sensorium.through': '1'})`,
    );
    days[day] = { rows: count * Number(flags.sensors), through: 1, closed: true };
  }
  await connection.run(
    `COPY (SELECT 'sensor_' || (random() * (${flags.sensors} - 1))::INT AS sensor_id, ` +
      `to_timestamp(${startMs / 1_000} + random() * 60 * ${flags.windows}) AS event_timestamp, ` +
      `(random() < 0.1)::INT AS failed FROM range(${flags.labels})) ` +
      `TO '${join(folder, 'labels.parquet')}' (FORMAT parquet)`,
  );
  const declared = columns.map(([name, type]) => ({
    ...{ name, type: type === 'BIGINT' ? 'Int64' : 'Float64', unit: '', description: '' },
  }));
  const manifest = {
    ...{ version: 1, view: 'sensor_features', topic: 'sensor_features', features: declared },
    ...{ writer: null, sequence: 1, positions: [], newestMs: [], gaps: [], pieces: [], days },
    outdated: [],
  };
  writeFileSync(join(history, '_manifest.json'), JSON.stringify(manifest));
}

async function runPeer(folder) {
  const connection = await connected();
  await connection.run(
    `COPY (SELECT l.*, ${columns.map(([name]) => `f.${name}`).join(', ')} ` +
      `FROM '${join(folder, 'labels.parquet')}' l ASOF LEFT JOIN ` +
      `'${join(folder, 'sensor_features', '*.parquet')}' f ON l.sensor_id = f.sensor_id ` +
      `AND l.event_timestamp >= f.available_at) TO '${join(folder, 'peer.parquet')}'`,
  );
}

async function connected() {
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(availableParallelism()),
    memory_limit: `${flags.memory}MB`,
    temp_directory: join(tmpdir(), `sensorium-join-bench-${process.pid}`),
  });
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  return connection;
}
