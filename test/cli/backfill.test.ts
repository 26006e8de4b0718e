import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { openEmbeddedFeatureStore } from '../../src/stores/embedded/embedded-feature-store.ts';
import { cli, freshDataDir, type Captured } from './captured-cli.ts';

const dayMs = 86_400_000;
const startMs = Date.UTC(2026, 0, 1);

const folder = (): string => mkdtempSync(join(tmpdir(), 'sensorium-backfill-'));

/** A file of minutes [from, to) of the sensor. */
function minutes(from: number, to: number, sensorId = 'a'): string {
  const rows = Array.from({ length: to - from }, (_, at) => {
    return `${startMs + (from + at) * 60_000},${at},${sensorId}`;
  });
  return ['timestamp,value,sensor_id', ...rows, ''].join('\n');
}

function file(text: string, name = 'x.csv'): string {
  const path = join(folder(), name);
  writeFileSync(path, text);
  return path;
}

const fill = (out: string, path: string, ...options: readonly string[]): Promise<Captured> =>
  cli(['backfill', '--file', path, '--out', out, '--json', ...options], {
    DATA_DIR: freshDataDir(),
  });

interface Counts {
  readonly readings: number;
  readonly rows: Readonly<Record<string, number>>;
  readonly open_windows: number;
}

const counts = ({ exitCode, err, out }: Captured): Counts => {
  expect(exitCode, err).toBe(0);
  return JSON.parse(out) as Counts;
};

const days = (out: string): readonly string[] =>
  readdirSync(join(out, 'sensor_features')).filter((name) => name.endsWith('.parquet'));

describe('backfill', () => {
  it('writes a file a day, from all files of a folder, and says what it did', async () => {
    const [out, input] = [folder(), folder()];
    mkdirSync(join(input, 'deep'));
    writeFileSync(join(input, 'b.csv'), minutes(1_430, 1_450));
    writeFileSync(join(input, 'deep', 'a.csv'), minutes(0, 10, 'b'));
    writeFileSync(join(input, '.hidden.csv'), 'no readings');

    const done = counts(await fill(out, input));

    expect(done).toMatchObject({ readings: 30, rows: { sensor_features: 30 }, open_windows: 0 });
    expect(days(out)).toEqual(['2026-01-01.parquet', '2026-01-02.parquet']);
  });

  it('refuses rows that are there already, of the same sensors alone', async () => {
    const out = folder();
    counts(await fill(out, file(minutes(10, 20))));

    const again = await fill(out, file(minutes(15, 30)));
    const other = await fill(out, file(minutes(15, 30, 'b')));
    const before = await fill(out, file(minutes(0, 30)), '--to', '2026-01-01T00:10:00Z');
    const replaced = await fill(out, file(minutes(15, 30)), '--replace');

    expect(again.exitCode).toBe(1);
    expect(again.err).toMatch(/rows of these sensors in this time already, as of 2026-01-01T00:1/);
    expect(counts(other).rows).toEqual({ sensor_features: 15 });
    expect(counts(before).rows).toEqual({ sensor_features: 10 });
    expect(counts(replaced).rows).toEqual({ sensor_features: 15 });
    const sql = 'SELECT sensor_id, count(*) AS n FROM sensor_features GROUP BY ALL ORDER BY 1';
    const options = ['--history', out, '--no-live', '--format', 'json'];
    const query = await cli(['query', sql, ...options], { DATA_DIR: freshDataDir() });
    const found = JSON.parse(query.out) as { sensor_id: string; n: unknown }[];
    expect(found.map(({ n, sensor_id: id }) => `${id} ${String(n)}`)).toEqual(['a 30', 'b 15']);
  });

  it('replaces nothing because of a reading from the future, which it refuses', async () => {
    const out = folder();
    counts(await fill(out, file(minutes(100, 110))));
    const ahead = `${Date.now() + 10 * dayMs},1,a\n`;

    const plain = await fill(out, file(minutes(0, 5) + ahead));
    const replacing = await fill(out, file(minutes(10, 15) + ahead), '--replace');

    expect(counts(plain).rows).toEqual({ sensor_features: 5 });
    expect(counts(replacing).rows).toEqual({ sensor_features: 5 });
    const options = ['--history', out, '--no-live', '--format', 'json'];
    const sql = 'SELECT count(*) AS n FROM sensor_features';
    const query = await cli(['query', sql, ...options], { DATA_DIR: freshDataDir() });
    expect(String((JSON.parse(query.out) as { n: unknown }[])[0]?.n)).toBe('20');
  });

  it('leaves out windows that --to cuts, and those that have not ended', async () => {
    const cut = await fill(folder(), file(minutes(0, 10)), '--to', '2026-01-01T00:05:30Z');
    const nowMs = Math.floor(Date.now() / dayMs) * dayMs + 2 * dayMs;
    const ahead = file(`timestamp,value\n${nowMs},1\n${nowMs - 10 * dayMs},1\n`);

    expect(counts(cut)).toMatchObject({ rows: { sensor_features: 5 }, open_windows: 1 });
    expect(counts(await fill(folder(), ahead))).toMatchObject({
      ...{ rows: { sensor_features: 1 }, refused: { timestamp_ahead: 1 } },
    });
  });

  it('writes nothing of files with unreadable rows, unless it is asked for the others', async () => {
    const out = folder();
    const path = file(`${minutes(0, 3)}${startMs},NA,a\n`);

    const refused = await fill(out, path);
    const before = readdirSync(out);
    const taken = await fill(out, path, '--skip-unreadable');

    expect(refused.err).toMatch(/1 unreadable rows: row 4: .*Nothing was written/);
    expect(before).toEqual([]);
    expect(counts(taken)).toMatchObject({ unreadable: 1, rows: { sensor_features: 3 } });
  });

  it('writes the newest row of each sensor to the online store, and undoes no newer one', async () => {
    const env = { DATA_DIR: freshDataDir() };
    const run = (path: string): Promise<Captured> =>
      cli(['backfill', '--file', path, '--out', folder(), '--redis', '--json'], env);

    const first = await run(file(minutes(10, 20)));
    const older = await run(file(minutes(0, 15)));

    expect(JSON.parse(first.out)).toMatchObject({ online: { written: 1, skipped: 0 } });
    expect(JSON.parse(older.out)).toMatchObject({ online: { written: 0, skipped: 1 } });
    const store = openEmbeddedFeatureStore({ dataDir: env.DATA_DIR });
    const [row] = await store.read(['a']);
    await store.close();
    expect(row?.eventTimeMs).toBe(startMs + 20 * 60_000);
  });
});
