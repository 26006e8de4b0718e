// Runs process chaos (test/chaos/) for a given time and prints each event. Exits with 0 if all
// output equals the model's. The same seed gives the same schedule.
//
//   npm run chaos -- [--seed N] [--minutes M] [--rate READINGS_PER_SECOND] [--only KIND,KIND] [--cluster]
//
// --cluster runs it on three brokers, whose nodes are killed, frozen, cut off and rolled.
// --only limits the faults to these kinds (test/chaos/schedule.ts); --minutes 0 runs one round.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from './build.mjs';

const usage =
  'usage: npm run chaos -- [--seed N] [--minutes M] [--rate READINGS_PER_SECOND] [--only KIND,KIND] [--cluster]';
const seedDefault = String(Math.floor(Math.random() * 1e6));
const defaults = { seed: seedDefault, minutes: '3', rate: '300', only: '' };

function readOptions() {
  try {
    const options = Object.fromEntries(
      Object.entries(defaults).map(([name, value]) => [name, { type: 'string', default: value }]),
    );
    options.cluster = { type: 'boolean', default: false };
    const { values } = parseArgs({ options });
    for (const [name, value] of Object.entries(values)) {
      if (name === 'only' || name === 'cluster') continue;
      const fits =
        Number(value) >= 0 && (name === 'minutes' || Number.isSafeInteger(Number(value)));
      if (!fits) throw new Error(`--${name} must be a number, came: ${value}`);
    }
    return values;
  } catch (error) {
    console.error(`${error.message}\n${usage}`);
    process.exit(2);
  }
}

const { seed, minutes, rate, only, cluster } = readOptions();
process.chdir(fileURLToPath(new URL('..', import.meta.url)));
build();
const { status } = spawnSync(
  process.execPath,
  [
    'node_modules/vitest/vitest.mjs',
    // The file before the flags: a flag takes a word that follows it for its value.
    ...['run', 'test/chaos/chaos.integration.test.ts', '--project', 'integration'],
    '--disable-console-intercept',
  ],
  {
    stdio: 'inherit',
    // It starts services of its own, to kill them.
    env: {
      ...process.env,
      TEST_SERVICES: 'none',
      CHAOS_SEED: seed,
      CHAOS_MINUTES: minutes,
      CHAOS_RATE: rate,
      CHAOS_ONLY: only,
      CHAOS_CLUSTER: cluster ? '1' : '',
    },
  },
);
process.exitCode = status ?? 1;
