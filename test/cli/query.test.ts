import { existsSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { systemClock } from '../../src/clock.ts';
import { openEmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import { createLogger } from '../../src/logger.ts';
import type { OutputRecord } from '../../src/records/record.ts';
import { featureRow } from '../contracts/feature-store.contract.ts';
import { cli, freshDataDir, type Captured } from './captured-cli.ts';

const topic = 'sensor_features';

interface Place {
  readonly env: { readonly DATA_DIR: string; readonly HISTORY_DIR: string };
}

function freshPlace(): Place {
  const HISTORY_DIR = mkdtempSync(join(tmpdir(), 'sensorium-query-test-'));
  return { env: { DATA_DIR: freshDataDir(), HISTORY_DIR } };
}

async function append({ env }: Place, records: readonly OutputRecord[]): Promise<void> {
  const logger = createLogger('fatal');
  const log = openEmbeddedLog({ dataDir: env.DATA_DIR, clock: systemClock, logger });
  await log.ensureTopics([
    { topic, partitions: 2 },
    { topic: 'sensor_anomalies', partitions: 2 },
  ]);
  await log.append(records);
  await log.close();
}

function rowRecord(id: string, window: number): OutputRecord {
  return {
    ...{ topic, partition: id.length % 2, key: Buffer.from(id), headers: [] },
    value: Buffer.from(JSON.stringify(featureRow(id, window))),
  };
}

/** Appends one row of each sensor for each window number. */
function addRows(place: Place, windows: readonly number[]): Promise<void> {
  const records = windows.flatMap((window) => ['a', 'bb'].map((id) => rowRecord(id, window)));
  return append(place, records);
}

async function exported(place: Place): Promise<void> {
  const { exitCode } = await cli(['export', '--daily', '--out', place.env.HISTORY_DIR], place.env);
  expect(exitCode).toBe(0);
}

/** Runs the query and returns its rows. */
async function rowsOf(
  place: Place,
  sql: string,
  flags: readonly string[] = [],
): Promise<readonly Record<string, unknown>[]> {
  const { exitCode, out, err } = await cli(['query', ...flags, '--format', 'json', sql], place.env);
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
  return JSON.parse(out) as Record<string, unknown>[];
}

async function refusalOf(place: Place, sql: string): Promise<Captured> {
  return cli(['query', sql], place.env);
}

describe('query', () => {
  it('reads each row once: the history’s files, then the topic from where they end', async () => {
    const place = freshPlace();
    await addRows(place, [1, 2, 3]);
    await exported(place);
    await addRows(place, [4, 5]);

    const both = await rowsOf(
      place,
      'SELECT sensor_id, count(*) n, count(DISTINCT event_timestamp) ends FROM sensor_features GROUP BY ALL ORDER BY ALL',
    );
    const files = await rowsOf(place, 'SELECT count(*) n FROM sensor_features', ['--no-live']);

    expect(both).toEqual([
      { sensor_id: 'a', n: 5, ends: 5 },
      { sensor_id: 'bb', n: 5, ends: 5 },
    ]);
    expect(files).toEqual([{ n: 6 }]);
    expect(readdirSync(place.env.HISTORY_DIR)).toEqual([topic]);
  });

  it('gives a row of the files and a row of the topic the same columns and bits', async () => {
    const place = freshPlace();
    await addRows(place, [1]);
    const sql = `SELECT * EXCLUDE (created) FROM sensor_features ORDER BY sensor_id`;

    const fromTopic = await rowsOf(place, sql);
    await exported(place);
    const fromFiles = await rowsOf(place, sql, ['--no-live']);

    expect(fromTopic).toHaveLength(2);
    expect(fromFiles).toEqual(fromTopic);
  });

  it('shows the newest row of each sensor', async () => {
    const place = freshPlace();
    await addRows(place, [3, 1]);
    await exported(place);
    await append(place, [rowRecord('a', 7)]);

    const rows = await rowsOf(
      place,
      'SELECT sensor_id, event_timestamp FROM sensor_features_newest ORDER BY 1',
    );

    expect(rows).toEqual([
      { sensor_id: 'a', event_timestamp: sqlTime(featureRow('a', 7).window_end) },
      { sensor_id: 'bb', event_timestamp: sqlTime(featureRow('bb', 3).window_end) },
    ]);
  });

  it('shows the anomalies, and names the records that are none', async () => {
    const place = freshPlace();
    const anomaly = {
      ...{ sensor_id: 'a', timestamp: 1_700_000_000_123, value: 9, z: 4.5, score: 3, alarm: true },
      baseline: { mean: 1, std_dev: 2, n: 40 },
    };
    const record = (value: string): OutputRecord => ({
      ...{ topic: 'sensor_anomalies', partition: 0, key: Buffer.from('a'), headers: [] },
      value: Buffer.from(value),
    });
    const offline = {
      ...{ sensor_id: 'a', timestamp: 1_700_000_060_123, kind: 'offline', value: null },
      ...{ since: 1_700_000_000_123, silent_after: 60_000, readings: null },
      explanation: 'No reading.',
    };
    const values = [JSON.stringify(anomaly), '{}', JSON.stringify(offline)];
    await append(place, values.map(record));

    const sql = 'SELECT * EXCLUDE (created) FROM sensor_anomalies';
    const { out, err } = await cli(['query', '--format', 'json', sql], place.env);

    expect(JSON.parse(out)).toEqual([
      {
        ...{ sensor_id: 'a', timestamp: '2023-11-14 22:13:20.123+00', value: 9, z: 4.5, score: 3 },
        ...{ alarm: true, channel: null, baseline_mean: 1, baseline_std_dev: 2, baseline_n: 40 },
        ...{ kind: 'reading', since: null, explanation: null },
      },
      {
        ...{ sensor_id: 'a', timestamp: '2023-11-14 22:14:20.123+00', value: null, z: null },
        ...{ score: null, alarm: null, channel: null, baseline_mean: null },
        ...{ baseline_std_dev: null, baseline_n: null, kind: 'offline' },
        ...{ since: '2023-11-14 22:13:20.123+00', explanation: 'No reading.' },
      },
    ]);
    expect(err).toContain('left out sensor_anomalies/0@1');
  });

  it('writes files that appear whole, with every digit', async () => {
    const place = freshPlace();
    await addRows(place, [1]);
    const sql = "SELECT 9007199254740993 AS id, -0.0::DOUBLE AS zero, 'inf'::DOUBLE AS far";

    const written: Record<string, string> = {};
    for (const format of ['csv', 'json']) {
      const path = join(place.env.HISTORY_DIR, `result.${format}`);
      expect((await cli(['query', '--out', path, sql], place.env)).exitCode).toBe(0);
      written[format] = readFileSync(path, 'utf8');
    }

    expect(written['csv']).toBe('id,zero,far\n9007199254740993,-0.0,inf\n');
    expect(written['json']?.replaceAll(/\s/g, '')).toBe(
      '[{"id":9007199254740993,"zero":-0.0,"far":null}]',
    );
  });

  it('prints a table for people, numbers to the right', async () => {
    const place = freshPlace();
    await addRows(place, [1]);

    const { out } = await cli(
      ['query', "SELECT 'x' AS name, 5 AS number UNION ALL SELECT NULL, 12 -- a remark"],
      place.env,
    );

    expect(out).toBe('name  number\n----  ------\nx          5\nNULL      12\n');
  });

  it('refuses everything but one SELECT over the views', async () => {
    const place = freshPlace();
    await addRows(place, [1]);
    await exported(place);
    const secret = join(place.env.HISTORY_DIR, 'secret.csv');
    writeFileSync(secret, 'a\n1\n');
    const stolen = join(place.env.HISTORY_DIR, 'stolen.csv');

    for (const sql of [
      `SELECT * FROM read_csv('${secret}')`,
      `SELECT (SELECT count(*) FROM read_text('${secret}')) FROM sensor_features`,
      `SELECT * FROM '${secret}'`,
      `COPY sensor_features TO '${stolen}'`,
      `COPY (SELECT 1) TO '${stolen}'`,
      `EXPLAIN ANALYZE COPY (SELECT 1) TO '${stolen}'`,
      `SELECT 1) TO '${stolen}'; COPY (SELECT 1`,
      `SELECT 1; SELECT 2`,
      `SET memory_limit = '100GB'`,
      `ATTACH '${stolen}'`,
      `SELECT * FROM enable_logging(storage = 'file', storage_path = '${stolen}')`,
      `SELECT * FROM query('SELECT 1')`,
      `INSTALL httpfs`,
      `DROP VIEW sensor_features`,
      `SELECT * FROM nothing`,
      `SELECT FROM WHERE`,
    ]) {
      const { exitCode, out, err } = await refusalOf(place, sql);
      expect({ sql, exitCode, out }).toEqual({ sql, exitCode: 1, out: '' });
      expect(err).toMatch(/^sensorium: \S/);
    }
    expect(existsSync(stolen)).toBe(false);
  });

  it('lists the views and describes one', async () => {
    const place = freshPlace();
    await addRows(place, [1]);

    const names = await rowsOf(place, 'SHOW TABLES');
    const columns = await rowsOf(place, 'DESCRIBE sensor_features');

    expect(names.map(({ name }) => name)).toContain('sensor_features_newest');
    expect(
      columns.slice(0, 3).map(({ column_name: name, column_type: type }) => [name, type]),
    ).toEqual([
      ['sensor_id', 'VARCHAR'],
      ['event_timestamp', 'TIMESTAMP WITH TIME ZONE'],
      ['created', 'TIMESTAMP WITH TIME ZONE'],
    ]);
  });

  it('stops a query at its time limit and at its memory limit', async () => {
    const place = freshPlace();
    await addRows(place, [1]);
    const endless =
      'SELECT count(*) FROM range(1000000000) a(x), range(1000000000) b(y) WHERE x % 7 < y % 5';

    const slow = await cli(['query', endless], { ...place.env, QUERY_TIMEOUT_MS: '500' });
    const large = await cli(
      ['query', "SELECT string_agg(repeat('x', 1000), '') FROM range(100000000)"],
      { ...place.env, QUERY_MEMORY_MB: '64' },
    );

    expect(slow.err).toContain('stopped after 500 ms (QUERY_TIMEOUT_MS)');
    expect(large.err).toContain('Out of Memory');
  });

  it('reads a column that the days written before it lack as NULL', async () => {
    const place = freshPlace();
    await addRows(place, [1]);
    await exported(place);

    const { out } = await cli(
      ['query', '--no-live', '--format', 'json', 'SELECT DISTINCT median FROM sensor_features'],
      { ...place.env, FEATURES: 'count,median' },
    );

    expect(JSON.parse(out)).toEqual([{ median: null }]);
  });
});

function sqlTime(ms: number): string {
  return new Date(ms)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.?0*Z$/, '+00');
}
