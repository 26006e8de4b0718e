import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { describe, expect, it } from 'vitest';

import { systemClock } from '../../src/clock.ts';
import { openEmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import { createLogger } from '../../src/logger.ts';
import { featureRow } from '../contracts/feature-store.contract.ts';
import { cli, freshDataDir } from './captured-cli.ts';

const topic = 'sensor_features';
/** Of window 0: its end is 2023-11-14T22:15:00Z, and a window lasts a minute. */
const minutesToMidnight = 105;

interface Place {
  readonly env: { readonly DATA_DIR: string };
  readonly out: string;
  readonly folder: string;
}

function freshPlace(): Place {
  const out = mkdtempSync(join(tmpdir(), 'sensorium-history-'));
  return { env: { DATA_DIR: freshDataDir() }, out, folder: join(out, topic) };
}

/** Appends one row of each sensor for each window number. */
async function addRows(
  { env }: Place,
  windows: readonly number[],
  sensors: readonly string[] = ['b', 'a', 'c'],
): Promise<void> {
  const log = openEmbeddedLog({
    dataDir: env.DATA_DIR,
    clock: systemClock,
    logger: createLogger('fatal'),
  });
  await log.ensureTopics([{ topic, partitions: 2 }]);
  for (const window of windows) {
    await log.append(
      sensors.map((id, index) => ({
        ...{ topic, partition: index % 2, key: Buffer.from(id) },
        value: Buffer.from(JSON.stringify(featureRow(id, window))),
      })),
    );
  }
  await log.close();
}

async function rowsIn(path: string): Promise<readonly Record<string, unknown>[]> {
  return parquetReadObjects({ file: await asyncBufferFromFile(path) });
}

function visible(folder: string): readonly string[] {
  return readdirSync(folder).filter((name) => !/^[._]/.test(name));
}

function manifestOf(folder: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(folder, '_manifest.json'), 'utf8')) as Record<
    string,
    unknown
  >;
}

describe('export --daily', () => {
  it('writes a file a UTC day, sorted by sensor and time, and goes on where it ended', async () => {
    const place = freshPlace();
    await addRows(place, [minutesToMidnight - 1, minutesToMidnight - 2]);
    const first = await cli(['export', '--daily', '--out', place.out], place.env);
    const once = visible(place.folder);
    await addRows(place, [minutesToMidnight, minutesToMidnight - 3]);

    const second = await cli(['export', '--daily', '--out', place.out], place.env);

    expect([first.exitCode, second.exitCode], first.err + second.err).toEqual([0, 0]);
    expect(once).toEqual(['2023-11-14.parquet']);
    expect(visible(place.folder)).toEqual(['2023-11-14.parquet', '2023-11-15.parquet']);
    const rows = await rowsIn(join(place.folder, '2023-11-14.parquet'));
    expect(
      rows.map((row) => [row['sensor_id'], (row['event_timestamp'] as Date).getUTCMinutes()]),
    ).toEqual(['a', 'b', 'c'].flatMap((id) => [57, 58, 59].map((minute) => [id, minute])));
    expect(await rowsIn(join(place.folder, '2023-11-15.parquet'))).toHaveLength(3);
    expect(second.out).toContain(
      `${place.folder}: 6 records read, windows that end up to 2023-11-15`,
    );
  });

  it('says from when on a row was readable: its window’s end and WATERMARK_DELAY_MS', async () => {
    const place = freshPlace();
    await addRows(place, [0]);

    await cli(['export', '--daily', '--out', place.out], {
      ...place.env,
      WATERMARK_DELAY_MS: '7000',
    });

    const [row] = await rowsIn(join(place.folder, '2023-11-14.parquet'));
    expect(row?.['event_timestamp']).toEqual(new Date('2023-11-14T22:15:00Z'));
    expect(row?.['available_at']).toEqual(new Date('2023-11-14T22:15:07Z'));
  });

  it('keeps one schema: it refuses new columns, and adds them to old days with --migrate', async () => {
    const place = freshPlace();
    const run = (...flags: string[]): ReturnType<typeof cli> =>
      cli(['export', ...flags, '--out', place.out], { ...place.env, FEATURES: features });
    let features = 'count,avg_value';
    await addRows(place, [0]);
    await run('--daily');
    features = 'count,max_value';

    const refused = await run('--daily');
    const migrated = await run('--migrate');

    expect(refused.exitCode).toBe(1);
    expect(refused.err).toContain('has no column max_value: `export --migrate` rewrites its 1 day');
    expect(migrated.exitCode, migrated.err).toBe(0);
    const [row] = await rowsIn(join(place.folder, '2023-11-14.parquet'));
    expect(row).toMatchObject({ count: 60n, max_value: null });
    expect(row?.['avg_value']).toBe(featureRow('a', 0).features['avg_value']);
    features = 'count';
    await addRows(place, [1]);
    expect((await run('--daily')).exitCode).toBe(0);
    const rows = await rowsIn(join(place.folder, '2023-11-14.parquet'));
    // Columns that FEATURES no longer names stay as the topic's rows have them.
    const kept = featureRow('a', 1).features;
    expect(rows.at(1)).toMatchObject({
      avg_value: kept['avg_value'],
      max_value: kept['max_value'],
    });
  });

  it('refuses a topic that ends before what it has read: another one of that name', async () => {
    const place = freshPlace();
    await addRows(place, [0, 1]);
    await cli(['export', '--daily', '--out', place.out], place.env);
    const path = join(place.folder, '_manifest.json');
    const manifest = manifestOf(place.folder);
    writeFileSync(path, JSON.stringify({ ...manifest, positions: [1, 9] }));

    const beyond = await cli(['export', '--daily', '--out', place.out], place.env);

    expect(beyond.err).toContain(
      `${topic}/1 ends at offset 2, and the history has read up to 9: it is another topic`,
    );
  });

  it.each([
    [['--daily', '--out', 'x.parquet'], 'is one file: name a folder for day files'],
    [['--out', 's3://bucket/data'], 'expected a file or folder of this machine, got s3://'],
    [['--follow', '--out', 's3://bucket/data'], 'expected a file or folder of this machine'],
    [['--daily', '--out', 'x', '--from', '2026-01-01'], '--from is not for --daily'],
    [['--follow', '--out', 'x', '--lineage'], '--lineage is not for --daily'],
  ])('says what is wrong with %j, and writes nothing', async (argv, message) => {
    const place = freshPlace();

    const { exitCode, err } = await cli(['export', ...argv], place.env);

    expect(exitCode).toBe(1);
    expect(err).toContain(message);
    expect(existsSync('x')).toBe(false);
  });

  it('mixes with no other file: rows would be in the folder twice', async () => {
    const place = freshPlace();
    await addRows(place, [0]);
    await cli(['export', '--out', place.out], place.env);

    const daily = await cli(['export', '--daily', '--out', place.out], place.env);

    expect(daily.err).toContain('holds features.parquet and no _manifest.json');
    const other = freshPlace();
    await addRows(other, [0]);
    await cli(['export', '--daily', '--out', other.out], other.env);
    const whole = await cli(['export', '--out', other.out], other.env);
    expect(whole.err).toContain('holds day files, and would hold its rows twice');
    writeFileSync(join(other.folder, 'mine.parquet'), '');
    const mine = await cli(['export', '--daily', '--out', other.out], other.env);
    expect(mine.err).toContain('mine.parquet is no day of the history');
  });

  it('leaves a folder to the living process that writes it', async () => {
    const place = freshPlace();
    await addRows(place, [0]);
    await cli(['export', '--daily', '--out', place.out], place.env);
    const manifest = manifestOf(place.folder);
    // The parent of this process runs for as long as the test does.
    const { hostname } = await import('node:os');
    const writer = { id: 'other', host: hostname(), pid: process.ppid, beat: 1 };
    mkdirSync(place.folder, { recursive: true });
    writeFileSync(join(place.folder, '_manifest.json'), JSON.stringify({ ...manifest, writer }));

    const { err } = await cli(['export', '--daily', '--out', place.out], place.env);

    expect(err).toContain(
      `is written by process ${process.ppid} on ${hostname()}: stop it, or name`,
    );
  });
});
