// Measures POST /get-online-features of the built program, with and without the cache, and of the
// real Feast feature server, in turn on the same Redis: the same requests, with compared responses.
// Meanwhile all rows are rewritten every ten seconds, six times as often as one-minute windows
// close. Feast runs in a Python environment (FEAST_PYTHON, else .cache/feast).
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { defaultFeatures } from '../dist/sensors/features.js';
import { startLive } from './measured-program.mjs';
import { report, spread } from './result.mjs';
import {
  assertSameAnswers,
  drive,
  openRows,
  rowsEveryMs,
  sensors,
  urlOf,
} from './serving-load.mjs';
import { startServices, stopServices } from './services.mjs';

const help = `node bench/serving.mjs [options]   (default in brackets)
  --seconds N      of each of the rounds [4]      --rounds N       [3]
  --concurrency N  [8]                            --feast-port N   [26566]
  --keep           leaves Kafka and Redis running`;
const root = fileURLToPath(new URL('..', import.meta.url));
const ticksPerSecond = 100;
const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '3' },
    concurrency: { type: 'string', default: '8' },
    'feast-port': { type: 'string', default: '26566' },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (flags.help) console.log(help);
else await main();

async function main() {
  const services = startServices();
  const { redisUrl } = services;
  const rows = openRows(redisUrl);
  await rows.write();
  const input = `serving_${Date.now()}`;
  const program = startLive(services, input, { WORKERS: '1' });
  const uncached = startLive(services, `${input}_u`, { WORKERS: '1', ONLINE_CACHE_ROWS: '0' });
  const feast = startFeast(redisUrl);
  try {
    const servers = {
      sensorium: { url: await urlOf(program), cpu: () => program.cpuSeconds() },
      uncached: { url: await urlOf(uncached), cpu: () => uncached.cpuSeconds() },
      feast: { url: `http://127.0.0.1:${flags['feast-port']}`, cpu: feast.cpuSeconds },
    };
    await answers(servers.feast.url, feast.output);
    for (const entities of [1, 100]) {
      await assertSameAnswers([servers.feast, servers.sensorium, servers.uncached], entities);
    }
    rows.keepWriting();
    const oneEntity = await compare(servers, 1);
    const hundredEntities = await compare(servers, 100);
    await program.stop();
    await uncached.stop();
    report('serving', {
      workload: {
        features: defaultFeatures.length,
        sensors,
        concurrency: Number(flags.concurrency),
        rounds: Number(flags.rounds),
        secondsEach: Number(flags.seconds),
        rowsWrittenAnewEverySeconds: rowsEveryMs / 1_000,
        uncached: 'the same program with ONLINE_CACHE_ROWS=0',
        feast: 'feast serve, one worker, no access log, no recycling',
      },
      oneEntity,
      hundredEntities,
    });
  } finally {
    await rows.close();
    feast.stop();
    if (!flags.keep) stopServices();
  }
}

function startFeast(redisUrl) {
  const python = process.env.FEAST_PYTHON ?? `${root}.cache/feast/bin/python`;
  const feast = join(dirname(python), 'feast');
  const repo = mkdtempSync(join(tmpdir(), 'sensorium-feast-'));
  cpSync(`${root}feature_repo`, repo, {
    recursive: true,
    filter: (path) => !path.includes('/data'),
  });
  const yaml = join(repo, 'feature_store.yaml');
  const connection = `connection_string: ${new URL(redisUrl).host}`;
  writeFileSync(yaml, readFileSync(yaml, 'utf8').replace(/connection_string: .*/, connection));
  const env = { ...process.env, FEAST_USAGE: 'False' };
  const applied = spawnSync(feast, ['apply'], { cwd: repo, env, encoding: 'utf8' });
  if (applied.status !== 0) throw new Error(`feast apply: ${applied.stdout}${applied.stderr}`);
  const args = ['serve', '-h', '127.0.0.1', '-p', flags['feast-port'], '--workers', '1'];
  const child = spawn(feast, [...args, '--max-requests', '0', '--no-access-log'], {
    cwd: repo,
    env,
    // A group of its own: its workers end with it.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  child.stdout.on('data', (chunk) => (printed += chunk));
  child.stderr.on('data', (chunk) => (printed += chunk));
  return {
    output: () => printed,
    cpuSeconds: () => groupCpuSeconds(child.pid),
    stop() {
      if (child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
      rmSync(repo, { recursive: true, force: true });
    },
  };
}

/** CPU of all processes of a group, living ones. */
function groupCpuSeconds(group) {
  let ticks = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
      if (Number(fields[2]) === group) ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // It ended meanwhile.
    }
  }
  return ticks / ticksPerSecond;
}

async function answers(url, output) {
  for (let attempt = 0; attempt < 240; attempt += 1) {
    const up = await fetch(`${url}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (up) return;
    await sleep(250);
  }
  throw new Error(`feast serve does not answer: ${output().slice(-2_000)}`);
}

async function compare(servers, entities) {
  const rounds = { sensorium: [], uncached: [], feast: [] };
  for (let round = 0; round <= Number(flags.rounds); round += 1) {
    for (const [name, server] of Object.entries(servers)) {
      const measured = await drive(server, {
        entities,
        seconds: Number(flags.seconds),
        concurrency: Number(flags.concurrency),
      });
      process.stderr.write(`${entities} entities, ${name}: ${JSON.stringify(measured)}\n`);
      // The first round warms both.
      if (round > 0) rounds[name].push(measured);
    }
  }
  const ratio = (name, server = 'sensorium') =>
    spread(
      rounds[server].map((ours, index) => ours[name] / rounds.feast[index][name]),
      2,
    );
  const spreads = (list) =>
    Object.fromEntries(
      Object.keys(list[0]).map((name) => [
        name,
        spread(
          list.map((each) => each[name]),
          2,
        ),
      ]),
    );
  return {
    sensorium: spreads(rounds.sensorium),
    uncached: spreads(rounds.uncached),
    feast: spreads(rounds.feast),
    timesTheRequests: ratio('requestsPerSecond'),
    timesTheRequestsUncached: ratio('requestsPerSecond', 'uncached'),
    shareOfTheCpu: ratio('cpuMicrosPerRequest'),
  };
}
