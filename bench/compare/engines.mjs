// The engines compared, each as a command over the same input: how it is started and what its CPU time was.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const here = `${root}bench/compare`;
const venv = `${root}.cache/pyflink`;
const ticksPerSecond = 100;
const flinkOpens = ['java.util', 'java.lang', 'java.time'];
const java = ['-Xmx1g', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'];

/** Builds the Java jobs with Maven; nothing is done when they are built. */
export function buildJava() {
  if (existsSync(`${here}/flink/target/app.jar`) && existsSync(`${here}/pyflink/target/lib`))
    return;
  run('mvn', ['-q', '-B', '-f', `${here}/pom.xml`, 'package']);
}

/** Installs PyFlink in a venv; nothing is done when it is there. */
export function installPyflink() {
  if (existsSync(`${venv}/.complete`)) return;
  run('python3.11', ['-m', 'venv', venv]);
  run(`${venv}/bin/pip`, ['install', '-q', 'apache-flink==2.2.1', 'setuptools<81']);
  run('touch', [`${venv}/.complete`]);
}

function run(command, args) {
  execFileSync(command, args, { stdio: ['ignore', 2, 2] });
}

/** Runs Kafka Streams; `options`: store=rocks|mem cache=0|1 threads=N. Resolves to its marks. */
export function kafkaStreams(options, io) {
  return runJob((state) => [
    'java',
    ...java,
    '-cp',
    classPath('kstreams'),
    'peers.KStreams',
    ...jobArguments({ ...options, ...io, state }),
  ]);
}

/** Runs Flink; `options`: variant=typical|tuned threads=N. Resolves to its marks. */
export function flink(options, io) {
  const opens = flinkOpens.map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`);
  return runJob((state) => [
    'java',
    ...java,
    ...opens,
    '-cp',
    classPath('flink'),
    'peers.FlinkJob',
    ...jobArguments({ ...options, ...io, state }),
  ]);
}

/** Runs PyFlink; `options`: variant=typical|tuned. Resolves to the CPU of its whole process tree. */
export function pyflink(options, io) {
  const folder = `${here}/pyflink/target/lib`;
  const jar = join(
    folder,
    readdirSync(folder).find((name) => name.startsWith('flink-sql')),
  );
  return runJob(
    (state) => [
      `${venv}/bin/python`,
      `${here}/pyflink/job.py`,
      ...jobArguments({ ...options, ...io, state, jar }),
    ],
    { JVM_ARGS: '-Xmx1g' },
  );
}

const classPath = (name) => `${here}/${name}/target/app.jar:${here}/${name}/target/lib/*`;

const jobArguments = (options) =>
  Object.entries(options).map(([name, value]) => `${name}=${value}`);

/** Runs a job to its end; resolves to its MARK lines, and CPU and peak memory of its process tree. */
async function runJob(commandWith, env = {}) {
  const state = mkdtempSync(join(tmpdir(), 'compare-'));
  const [command, ...args] = commandWith(state);
  const child = spawn(command, args, {
    cwd: state,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  child.stdout.on('data', (chunk) => (printed += chunk));
  child.stderr.on('data', (chunk) => (printed += chunk));
  const tree = { cpuSeconds: 0, peakRssMb: 0 };
  const watch = setInterval(() => watchTree(child.pid, tree), 200);
  try {
    const code = await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (code !== 0) throw new Error(`${command} ended with ${code}: ${printed.slice(-3_000)}`);
  } finally {
    clearInterval(watch);
    rmSync(state, { recursive: true, force: true });
  }
  const marks = [...printed.matchAll(/^MARK (.*)$/gm)].map(([, json]) => JSON.parse(json));
  return { marks, ...tree };
}

/** Adds what the processes under `pid` have used; the last look before the end is what counts. */
function watchTree(pid, tree) {
  const parents = new Map();
  const usage = new Map();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const text = readFileSync(`/proc/${name}/stat`, 'utf8');
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      parents.set(Number(name), Number(fields[1]));
      // Own time and that of ended children; the pages are of 4 KiB.
      const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
      usage.set(Number(name), { ticks, rssMb: Number(fields[21]) / 256 });
    } catch {
      // It ended between the listing and the look.
    }
  }
  let [ticks, rssMb] = [0, 0];
  for (const process of usage.keys()) {
    let ancestor = process;
    while (ancestor !== undefined && ancestor !== pid) ancestor = parents.get(ancestor);
    if (ancestor !== pid) continue;
    ticks += usage.get(process).ticks;
    rssMb += usage.get(process).rssMb;
  }
  tree.cpuSeconds = Math.max(tree.cpuSeconds, ticks / ticksPerSecond);
  tree.peakRssMb = Math.max(tree.peakRssMb, rssMb);
}
