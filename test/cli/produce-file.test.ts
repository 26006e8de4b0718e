import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { encodePositionMetadata } from '../../src/actors/position-metadata.ts';
import { systemClock } from '../../src/clock.ts';
import { openEmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import { createLogger } from '../../src/logger.ts';
import { partitionForKey } from '../../src/records/partitioning.ts';

import { cli, freshDataDir, type Captured } from './captured-cli.ts';

function written(text: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'sensorium-produce-')), 'x.csv');
  writeFileSync(path, text);
  return path;
}

const produce = (path: string, ...options: readonly string[]): Promise<Captured> =>
  cli(['produce', '--file', path, '--speed', 'max', '--json', ...options], {
    DATA_DIR: freshDataDir(),
  });

describe('produce --file', () => {
  const holed = 'timestamp,value\n1000,1\n2000,\n3000,3\n4000,NA\n';

  it('sends nothing of a file with unreadable rows, and lists them', async () => {
    const { exitCode, err, out } = await produce(written(holed));

    expect([exitCode, out]).toEqual([1, '']);
    expect(err).toMatch(
      /2 unreadable rows: row 2: value is missing; row 4: value is not a number: NA\. Nothing was sent/,
    );
  });

  it('sends the other rows on request, and still lists those', async () => {
    const { exitCode, err, out } = await produce(written(holed), '--skip-unreadable');

    expect(exitCode).toBe(0);
    expect(err).toContain('2 unreadable rows: row 2: value is missing; row 4: ');
    expect(JSON.parse(out)).toMatchObject({ records: 2 });
  });

  it('reads every dialect by its options', async () => {
    const path = written('when;dev;v\n01-02;a;1\n2024-03-01 00:00:00;a;20,5\n');
    const options = ['--time-column', 'when', '--sensor-column', 'dev', '--column', 'v'];

    const { out } = await produce(path, ...options, '--decimal-comma', '--skip-unreadable');

    expect(JSON.parse(out)).toMatchObject({ records: 1 });
  });

  it('ends with 1 where no row is a reading', async () => {
    const { exitCode, err } = await produce(written('timestamp,value\n2024-02-30,1\n'));

    expect(exitCode).toBe(1);
    expect(err).toMatch(
      /x\.csv has no readings: row 1: timestamp is not a time: there is no 2024-02-30/,
    );
  });
});

describe('produce --file beside live sensors', () => {
  const closedMs = 1_700_000_160_000;
  // `a` lies in a partition whose windows have closed, `far` in one that has not begun.
  const partitions = 4;
  const shardOf = (sensorId: string): number => partitionForKey(Buffer.from(sensorId), partitions);
  const rows = (...timesMs: readonly number[]): string =>
    [
      'timestamp,value,sensor_id',
      ...timesMs.map((ms) => `${ms},1,a`),
      `${closedMs - 1},1,far`,
    ].join('\n');

  async function withClosedShard(): Promise<string> {
    const dataDir = freshDataDir();
    const topic = 'raw_readings';
    const log = openEmbeddedLog({ dataDir, clock: systemClock, logger: createLogger('fatal') });
    await log.ensureTopics([{ topic, partitions }]);
    const metadata = encodePositionMetadata({
      ...{ version: 1, origin: 0, fingerprint: '', sources: partitions, snapshots: [] },
      ...{ watermarkMs: closedMs, sourceMaxMs: closedMs, sourceIdle: false },
      journal: { sequence: 0, originOffset: 0 },
    });
    const position = { topic, partition: shardOf('a'), nextOffset: 0, metadata };
    await log.commitOffsets('sensor-feature-processor', [position]);
    await log.close();
    return dataDir;
  }

  const send = (dataDir: string, path: string, ...options: string[]): Promise<Captured> =>
    cli(['produce', '--file', path, '--speed', 'max', '--json', ...options], {
      DATA_DIR: dataDir,
    });

  it('warns of exactly the readings whose windows have closed, before it sends', async () => {
    expect(shardOf('a')).not.toBe(shardOf('far'));
    const dataDir = await withClosedShard();
    const path = written(rows(closedMs - 60_001, closedMs - 1, closedMs, closedMs + 60_000));

    const { err, out } = await send(dataDir, path);

    expect(err).toMatch(/warning: 2 of 5 readings are late: group sensor-feature-processor/);
    expect(err.indexOf('warning')).toBeLessThan(err.indexOf('sending'));
    expect(JSON.parse(out)).toMatchObject({ records: 5, late_expected: 2 });
  });

  it('counts by the times that are sent, where they are shifted', async () => {
    const dataDir = await withClosedShard();
    const path = written(rows(closedMs - 60_001, closedMs - 1));

    const { err, out } = await send(dataDir, path, '--shift-to-now');

    expect(err).not.toContain('warning');
    expect(JSON.parse(out)).toMatchObject({ late_expected: 0 });
  });

  it('says nothing where no window has closed', async () => {
    const path = written(rows(1_000));

    const { err, out } = await send(freshDataDir(), path);

    expect(err).not.toContain('warning');
    expect(JSON.parse(out)).toMatchObject({ records: 2, late_expected: 0 });
  });
});
