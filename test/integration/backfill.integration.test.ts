// A backfill of a file beside the live path over the same readings, both as a user runs them: the
// rows are the same, bit for bit, also where the backfill is killed again and again.
import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { expect, it } from 'vitest';

import { eventually, runProgram, startProgram } from './program.ts';

const sensors = 40;
const seconds = 1_700;
const views = ['sensor_features', 'sensor_features_10s'];
const settings = { WINDOW_MS: '1000', WINDOWS: '10s', IDLE_TIMEOUT_MS: '2000', WORKERS: '1' };

it('a backfill, killed again and again, gives the rows of the live path, bit for bit', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sensorium-backfill-'));
  const path = join(folder, 'readings.csv');
  writeFileSync(path, csv());
  const env = { ...settings, DATA_DIR: join(folder, 'log') };
  const [live, filled] = [join(folder, 'live'), join(folder, 'filled')];

  const sent = await runProgram(['produce', '--file', path, '--speed', 'max'], env);
  expect(sent.exitCode, sent.output).toBe(0);
  const program = await startProgram({ ...env, SIMULATED_SENSORS: '0' });
  await eventually(() => expectNothingOpen(program.url), {
    timeoutMs: 60_000,
    onTimeout: () => program.output(),
  });
  expect(await program.stop()).toBe(0);
  const exported = await runProgram(['export', '--daily', '--out', live], env);
  expect(exported.exitCode, exported.output).toBe(0);

  const command = ['backfill', '--file', path, '--out', filled];
  for (const rowsMin of [0, 1]) {
    const killed = await startProgram(env, { args: command });
    await Promise.race([
      killed.exited(),
      eventually(() => expectRows(filled, rowsMin), { timeoutMs: 60_000 }),
    ]);
    await killed.kill();
  }
  const last = await runProgram(command, env);
  expect(last.exitCode, last.output).toBe(0);

  for (const view of views) {
    const expected = await rowsIn(join(live, view));
    expect(expected.length).toBeGreaterThan(sensors * 100);
    expect(await rowsIn(join(filled, view))).toEqual(expected);
  }
});

/** Sensors that walk at random, with a jump now and then. */
function csv(): string {
  const rows = ['timestamp,value,sensor_id'];
  const values = Array.from({ length: sensors }, (_, sensor) => sensor);
  let random = 1;
  for (let second = 0; second < seconds; second += 1) {
    for (let sensor = 0; sensor < sensors; sensor += 1) {
      random = (random * 48_271) % 2_147_483_647;
      const jump = random % 997 === 0 ? 50 : 0;
      values[sensor] = (values[sensor] ?? 0) + random / 2_147_483_647 - 0.5;
      const timeMs = 1_700_000_000_000 + second * 1_000 + sensor;
      rows.push(`${timeMs},${(values[sensor] ?? 0) + jump},sensor_${sensor}`);
    }
  }
  return rows.join('\n');
}

async function expectNothingOpen(url: string): Promise<void> {
  const tree = (await (await fetch(`${url}/supervisor`)).json()) as {
    workers: { shards: { phase: string; openWindows: number; lag: number }[] }[];
  };
  const shards = tree.workers.flatMap((worker) => worker.shards);
  expect(shards).toHaveLength(8);
  for (const shard of shards) {
    expect(shard).toMatchObject({ phase: 'running', openWindows: 0, lag: 0 });
  }
}

function expectRows(filled: string, rowsMin: number): Promise<void> {
  const manifest = readFileSync(join(filled, 'sensor_features', '_manifest.json'), 'utf8');
  const { backfill } = JSON.parse(manifest) as { backfill: { rows: number } | null };
  const rows = backfill?.rows ?? 0;
  return rows >= rowsMin ? Promise.resolve() : Promise.reject(new Error(`${rows} rows`));
}

/** Every row of the day files but for when it was committed, as text. */
async function rowsIn(folder: string): Promise<readonly string[]> {
  const rows: string[] = [];
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.parquet'))) {
    const file = await asyncBufferFromFile(join(folder, name));
    for (const { created, ...row } of await parquetReadObjects({ file, compressors })) {
      expect(created).toBeInstanceOf(Date);
      rows.push(JSON.stringify(row, exactly));
    }
  }
  return rows.sort();
}

function exactly(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  return Object.is(value, -0) ? '-0' : value;
}
