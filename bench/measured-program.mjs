// Runs the built program as users do, and reads its CPU time (all threads, including garbage
// collection) and memory.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseConfig } from '../dist/config/config.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const ticksPerSecond = 100;

/** How many workers the program takes on this machine. */
export const defaultWorkers = String(parseConfig({}).process.workers);

/**
 * Starts it on `input`, as a group of that name, with an output topic that nobody else reads; `env`
 * are further settings, `options` those of `startMeasured`.
 */
export function startLive({ brokers, redisUrl }, input, env, options) {
  const own = {
    KAFKA_BROKERS: brokers,
    REDIS_URL: redisUrl,
    INPUT_TOPIC: input,
    OUTPUT_TOPIC: `${input}_rows`,
    GROUP_ID: input,
  };
  return startMeasured({ ...own, ...env }, options);
}

/**
 * Starts `node dist/main.js` with `env`. `args` go to node; `tree` is the folder, with a slash at
 * the end, of another revision whose program is started instead (bench/revision.mjs).
 */
export function startMeasured(env, { args = [], tree = root } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'sensorium-bench-'));
  const child = spawn(process.execPath, [...args, `${tree}dist/main.js`], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      DATA_DIR: folder,
      HTTP_PORT: '0',
      ONLINE_OTHER_WRITER: 'share',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  child.stdout.on('data', (chunk) => (printed += chunk));
  child.stderr.on('data', (chunk) => (printed += chunk));
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const megabytes = (field) => {
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
    return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)[1]) / 1_024;
  };
  return {
    pid: child.pid,
    output: () => printed,
    /**
     * CPU seconds of all threads since the process began.
     * @throws when it is gone, with its last words.
     */
    cpuSeconds() {
      if (child.exitCode !== null) throw new Error(`the program ended: ${printed.slice(-2_000)}`);
      const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1].split(' ');
      return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
    },
    peakRssMb: () => megabytes('VmHWM'),
    rssMb: () => megabytes('VmRSS'),
    /** kill -9. */
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    async stop() {
      child.kill('SIGTERM');
      const code = await exited;
      rmSync(folder, { recursive: true, force: true });
      if (code !== 0) throw new Error(`the program ended with ${code}: ${printed.slice(-2_000)}`);
    },
  };
}
