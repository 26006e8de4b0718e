import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { systemClock } from '../../src/clock.ts';
import { openEmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import { createLogger } from '../../src/logger.ts';
import { featureRow } from '../contracts/feature-store.contract.ts';
import { cli, freshDataDir, type Captured } from './captured-cli.ts';

const topic = 'sensor_features';

interface Place {
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
}

function freshPlace(): Place {
  const folder = mkdtempSync(join(tmpdir(), 'sensorium-join-'));
  return { folder, env: { DATA_DIR: freshDataDir(), HISTORY_DIR: join(folder, 'history') } };
}

/** Appends one row of each sensor for each window number. */
async function addRows({ env }: Place, windows: readonly number[]): Promise<void> {
  const dataDir = env['DATA_DIR'] ?? '';
  const log = openEmbeddedLog({ dataDir, clock: systemClock, logger: createLogger('fatal') });
  await log.ensureTopics([{ topic, partitions: 2 }]);
  await log.append(
    windows.flatMap((window) =>
      ['a', 'bb'].map((id) => ({
        ...{ topic, partition: id.length % 2, key: Buffer.from(id), headers: [] },
        value: Buffer.from(JSON.stringify(featureRow(id, window))),
      })),
    ),
  );
  await log.close();
}

function labelFile({ folder }: Place, lines: readonly string[]): string {
  const path = join(folder, 'labels.csv');
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

async function joined(
  place: Place,
  flags: readonly string[],
  env: Place['env'] = place.env,
): Promise<readonly Record<string, unknown>[]> {
  const out = join(place.folder, 'train.json');
  const { exitCode, err } = await cli(['join', ...flags, '--out', out], env);
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
  return JSON.parse(readFileSync(out, 'utf8')) as Record<string, unknown>[];
}

const refused = (place: Place, flags: readonly string[]): Promise<Captured> =>
  cli(['join', ...flags, '--out', join(place.folder, 'train.parquet')], place.env);

/** ISO time of `ms` after the end of window `window`. */
const after = (window: number, ms: number): string =>
  new Date(featureRow('a', window).window_end + ms).toISOString();

describe('join', () => {
  it('keeps every label in its place, with all its columns and the features of its moment', async () => {
    const place = freshPlace();
    await addRows(place, [1, 2]);
    await cli(['export', '--daily', '--out', place.env['HISTORY_DIR'] ?? ''], place.env);
    await addRows(place, [3]);
    const labels = labelFile(place, [
      'failed,sensor_id,event_timestamp,note',
      `1,bb,${after(3, 5_000)},now`,
      `0,a,${after(3, 4_999)},"a moment, before"`,
      `0,a,${after(0, 0)},too early`,
      `1,c,${after(3, 0)},unknown`,
      `0,a,${after(3, 7_200_001)},too late`,
    ]);

    const rows = await joined(place, [
      ...['--labels', labels],
      ...['--features', 'sensor_features:count,sensor_features:avg_value'],
    ]);

    expect(
      rows.map(({ note, failed, count, avg_value: mean }) => [note, failed, count, mean]),
    ).toEqual([
      ['now', 1, 63, 23.1],
      ['a moment, before', 0, 62, 22.1],
      ['too early', 0, null, null],
      ['unknown', 1, null, null],
      ['too late', 0, null, null],
    ]);
    expect(Object.keys(rows[0] ?? {})).toEqual([
      ...['failed', 'sensor_id', 'event_timestamp', 'note', 'count', 'avg_value'],
    ]);
  });

  it('joins by the window’s end with --at event, and without a bound with --max-age any', async () => {
    const place = freshPlace();
    await addRows(place, [1, 2]);
    const labels = labelFile(place, [
      'sensor_id,event_timestamp',
      `a,${after(2, 0)}`,
      `a,${after(1, -1)}`,
      `a,${after(2, 90 * 86_400_000)}`,
    ]);
    const flags = ['--labels', labels, '--at', 'event', '--features', 'sensor_features:count'];

    const bounded = await joined(place, flags);
    const any = await joined(place, [...flags, '--max-age', 'any']);

    expect(bounded.map(({ count }) => count)).toEqual([62, null, null]);
    expect(any.map(({ count }) => count)).toEqual([62, null, 62]);
  });

  it('gives the newest window where a shorter delay let it overtake the one before', async () => {
    const place = freshPlace();
    await addRows(place, [1]);
    const slow = { ...place.env, WATERMARK_DELAY_MS: '90000' };
    await cli(['export', '--daily', '--out', place.env['HISTORY_DIR'] ?? ''], slow);
    await addRows(place, [2]);
    // Window 2 is readable a second after its end, window 1 half a minute later.
    const labels = labelFile(place, [
      'sensor_id,event_timestamp',
      `a,${after(2, 1_000)}`,
      `a,${after(2, 31_000)}`,
    ]);

    const rows = await joined(place, ['--labels', labels, '--features', 'sensor_features:count'], {
      ...place.env,
      WATERMARK_DELAY_MS: '1000',
    });

    expect(rows.map(({ count }) => count)).toEqual([62, 62]);
  });

  it('makes a moment of every sensor with --every, on multiples of it', async () => {
    const place = freshPlace();
    await addRows(place, [1, 2, 3, 4, 5]);

    const rows = await joined(place, [
      ...['--every', '2m', '--from', after(0, 0), '--to', after(5, 0)],
      ...['--features', 'sensor_features:count', '--full-names'],
    ]);

    // Rows end at 22:15 (window 0) and each minute after; each is readable 5 s later.
    expect(rows).toEqual([
      ...[moment('a', 3, 62), moment('a', 5, 64)],
      ...[moment('bb', 3, 62), moment('bb', 5, 64)],
    ]);
  });

  it('says what it expects of labels, features and options', async () => {
    const place = freshPlace();
    await addRows(place, [1]);
    const header = 'sensor_id,event_timestamp';
    const good = [`${header},count`, `a,${after(1, 0)},4`];

    for (const [lines, flags, message] of [
      [['sensor,at', 'a,1'], [], 'sensor_id'],
      [[header, 'a,yesterday'], [], 'event_timestamp'],
      [good, [], 'two columns are named count: --full-names'],
      [good, ['--features', 'nothing:count'], 'view:feature'],
      [good, ['--features', 'sensor_features:median'], 'no feature median'],
      [good, ['--labels', 'labels.xlsx'], 'ends in .csv or .parquet'],
      [good, ['--every', '5m'], '--labels FILE or --every LENGTH'],
    ] as const) {
      const { exitCode, err } = await refused(place, [
        ...['--labels', labelFile(place, lines)],
        ...flags,
      ]);
      expect({ flags, exitCode }).toEqual({ flags, exitCode: 1 });
      expect(err).toContain(message);
    }
  });
});

function moment(sensorId: string, window: number, count: number): object {
  const event_timestamp = after(window, 0).replace('T', ' ').replace('.000Z', '+00');
  return { sensor_id: sensorId, event_timestamp, sensor_features__count: count };
}
