import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { describe, expect, it } from 'vitest';

import { systemClock } from '../../src/clock.ts';
import { openEmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import { createLogger } from '../../src/logger.ts';
import { featureRow } from '../contracts/feature-store.contract.ts';
import { cli, freshDataDir } from './captured-cli.ts';

const windowsOfEach = 5;
const sensors = ['a', 'b', 'c'];
/** The end of window 0. */
const firstEnd = '2023-11-14T22:15:00.000Z';

interface Place {
  readonly env: { readonly DATA_DIR: string; readonly WINDOWS?: string };
  readonly out: string;
}

/** A log with rows of three sensors in two partitions, and in the first a null and a row that is none. */
async function logWithRows(topics: readonly string[] = ['sensor_features']): Promise<Place> {
  const dataDir = freshDataDir();
  const log = openEmbeddedLog({ dataDir, clock: systemClock, logger: createLogger('fatal') });
  await log.ensureTopics(topics.map((topic) => ({ topic, partitions: 2 })));
  for (const topic of topics) {
    for (let window = 0; window < windowsOfEach; window += 1) {
      await log.append(
        sensors.map((id, index) => ({
          topic,
          partition: index % 2,
          key: Buffer.from(id),
          value: Buffer.from(JSON.stringify(featureRow(id, window))),
        })),
      );
    }
    const bad = [null, Buffer.from(JSON.stringify(featureRow('a', 9, { count: 1.5 })))];
    await log.append(bad.map((value) => ({ topic, partition: 0, key: null, value })));
  }
  await log.close();
  return { env: { DATA_DIR: dataDir }, out: mkdtempSync(join(tmpdir(), 'sensorium-export-')) };
}

async function rowsIn(path: string): Promise<readonly Record<string, unknown>[]> {
  return parquetReadObjects({ file: await asyncBufferFromFile(path) });
}

describe('export', () => {
  it('writes every row once, in window order per sensor, and names records that are not feature rows', async () => {
    const { env, out } = await logWithRows();
    const path = join(out, 'features.parquet');

    const { exitCode, out: printed, err } = await cli(['export', '--out', path], env);

    expect(exitCode).toBe(0);
    const rows = await rowsIn(path);
    for (const id of sensors) {
      const counts = rows.filter((row) => row['sensor_id'] === id).map((row) => row['count']);
      expect(counts).toEqual([60n, 61n, 62n, 63n, 64n]);
    }
    expect(rows).toHaveLength(sensors.length * windowsOfEach);
    expect(printed).toContain(`${path}: 15 rows of 3 sensors, window ends ${firstEnd} to `);
    expect(err).toContain('sensor_features/0@10: expected a feature row, got a null value');
    expect(err).toContain('sensor_features/0@11: feature count must be a whole number');
  });

  it('writes each row in exactly one of two adjacent ranges', async () => {
    const { env, out } = await logWithRows();
    const [early, late] = [join(out, 'early.parquet'), join(out, 'late.parquet')];
    const middle = '2023-11-14T22:17:00Z';

    await cli(['export', '--to', middle, '--out', early], env);
    await cli(['export', '--from', middle, '--out', late], env);

    const ends = (rows: readonly Record<string, unknown>[]): ReadonlySet<unknown> =>
      new Set(rows.map((row) => (row['event_timestamp'] as Date).toISOString().slice(14, 16)));
    expect(ends(await rowsIn(early))).toEqual(new Set(['15', '16', '17']));
    expect(ends(await rowsIn(late))).toEqual(new Set(['18', '19']));
  });

  it('writes each view into a folder of its own, with lineage where asked', async () => {
    const topics = ['sensor_features', 'sensor_features_5m'];
    const { env, out } = await logWithRows(topics);

    const { out: printed } = await cli(['export', '--out', out, '--lineage', '--json'], {
      ...env,
      WINDOWS: '5m',
    });

    const { files } = JSON.parse(printed) as { readonly files: readonly object[] };
    expect(files).toEqual(
      topics.map((view) => ({
        ...{ view, path: join(out, view, 'features.parquet'), rows: 15, sensors: 3 },
        first_event_timestamp: firstEnd,
        last_event_timestamp: '2023-11-14T22:19:00.000Z',
        ...{ rows_with_nulls: 0, bad_rows: 2 },
      })),
    );
    const [row] = await rowsIn(join(out, 'sensor_features_5m', 'features.parquet'));
    expect(row).toMatchObject({ lineage_topic: 'raw_readings', lineage_last_offset: 9120n });
  });

  it('warns of an empty range and of features that the rows do not have', async () => {
    const { env, out } = await logWithRows();
    const path = join(out, 'features.parquet');

    const empty = await cli(['export', '--from', '2030-01-01', '--out', path], env);
    const others = await cli(['export', '--out', path], { ...env, FEATURES: 'count,p95' });

    expect(empty.err).toContain('warning: sensor_features has no row in this range');
    expect(others.err).toContain('warning: 15 rows lack a feature of FEATURES');
  });

  it.each([
    [
      ['--out', 'x.parquet', '--views', 'nope'],
      '--views: expected one of sensor_features (WINDOWS',
    ],
    [['--out', 'x.parquet', '--views', 'sensor_features,sensor_features'], 'names a view twice'],
    [
      ['--out', 'x.parquet', '--from', 'May'],
      '--from expected a time such as 2026-01-31T10:00:00Z',
    ],
    [['--out', 'x', '--from', '2026-01-02', '--to', '2026-01-02'], '--from must be before --to'],
  ])('says what is wrong with %j, and writes nothing', async (argv, message) => {
    const { env } = await logWithRows();

    const { exitCode, err } = await cli(['export', ...argv], env);

    expect(exitCode).toBe(1);
    expect(err).toContain(message);
    expect(existsSync('x.parquet')).toBe(false);
  });

  it('refuses two views for one file', async () => {
    const { env, out } = await logWithRows();
    const path = join(out, 'features.parquet');

    const both = await cli(
      ['export', '--views', 'sensor_features,sensor_features_5m', '--out', path],
      { ...env, WINDOWS: '5m' },
    );

    expect(both.err).toContain('is one file and holds one view: use a folder for several');
    expect(existsSync(path)).toBe(false);
  });
});
