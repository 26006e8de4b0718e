import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { systemClock } from '../../src/clock.ts';
import { openEmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import { createLogger } from '../../src/logger.ts';
import { featureRow } from '../contracts/feature-store.contract.ts';
import { cli, freshDataDir, type Captured } from './captured-cli.ts';

const topic = 'sensor_features';
const env = { FEATURES: 'avg_value,std_dev,median', LOG_LEVEL: 'fatal' };

/** The end of window `window`. */
const end = (window: number): string => `${featureRow('a', window).window_end}ms`;
const windows = (from: number, to: number): readonly string[] => [
  ...['--from', end(from - 1), '--to', end(to)],
];

/** Returns settings for 100 windows of two sensors; a third comes and one goes after the 50th. */
async function filled(): Promise<Readonly<Record<string, string>>> {
  const dataDir = freshDataDir();
  const log = openEmbeddedLog({ dataDir, clock: systemClock, logger: createLogger('fatal') });
  await log.ensureTopics([{ topic, partitions: 1 }]);
  const numbers = Array.from({ length: 100 }, (_, index) => index + 1);
  await log.append(
    numbers.flatMap((window) =>
      ['a', 'b', window > 50 ? 'new' : 'gone'].map((id) => ({
        ...{ topic, partition: 0, key: Buffer.from(id), headers: [] },
        // Every other row has a median.
        value: Buffer.from(
          JSON.stringify(featureRow(id, window, window % 2 === 0 ? { median: 7 } : {})),
        ),
      })),
    ),
  );
  await log.close();
  return { ...env, DATA_DIR: dataDir };
}

interface Shown {
  readonly feature: string;
  readonly psi: number | null;
  readonly verdict: string;
  readonly current: { readonly rows: number; readonly missing: number };
}

interface Report {
  readonly features: readonly Shown[];
  readonly sensors: Readonly<Record<string, number>>;
  readonly worst: readonly { readonly sensor_id: string; readonly features: readonly Shown[] }[];
}

async function frozen(
  settings: Readonly<Record<string, string>>,
  range = windows(1, 50),
): Promise<string> {
  const out = join(mkdtempSync(join(tmpdir(), 'sensorium-drift-')), 'reference.parquet');
  const { exitCode, err } = await cli(['drift', 'freeze', ...range, '--out', out], settings);
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
  return out;
}

function report(
  settings: Readonly<Record<string, string>>,
  flags: readonly string[],
): Promise<Captured> {
  return cli(['drift', 'report', ...flags], settings);
}

async function reported(
  settings: Readonly<Record<string, string>>,
  reference: string,
  flags: readonly string[],
): Promise<Report> {
  const all = ['--reference', reference, '--format', 'json', ...flags];
  const { exitCode, out, err } = await report(settings, all);
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
  return JSON.parse(out) as Report;
}

const psiOf = ({ features }: Report, name: string): number | null | undefined =>
  features.find(({ feature }) => feature === name)?.psi;

describe('drift', () => {
  it('is 0 against the same rows, and grows with a shift', async () => {
    const settings = await filled();
    const reference = await frozen(settings);

    const same = await reported(settings, reference, windows(1, 50));
    const shifts = [];
    for (const shift of [5, 15, 30]) {
      const found = await reported(settings, reference, windows(1 + shift, 50 + shift));
      shifts.push(psiOf(found, 'avg_value') ?? NaN);
    }

    expect(same.features.map(({ psi }) => psi)).toEqual([0, 0, 0]);
    expect(same.worst).toEqual([]);
    expect([...shifts].sort((a, b) => a - b)).toEqual(shifts);
    expect(shifts[0]).toBeGreaterThan(0.1);
    // 150 rows in ten equal bins; five windows on, the first is empty and 15 lie above the last.
    const [bins, rows] = [11, 150];
    const moved = (15 / (rows + bins / 2)) * Math.log(15.5 / 0.5);
    expect(shifts[0]).toBeCloseTo(2 * moved, 12);
  });

  it('sees values below those of the reference, and above them', async () => {
    const settings = await filled();
    const middle = await frozen(settings, windows(51, 70));

    const below = await reported(settings, middle, windows(31, 50));
    const above = await reported(settings, middle, windows(71, 90));

    expect(psiOf(below, 'avg_value')).toBeGreaterThan(1);
    expect(psiOf(below, 'avg_value')).toBeCloseTo(psiOf(above, 'avg_value') ?? NaN, 12);
  });

  it('counts rows without the feature apart, and sensors that came or went', async () => {
    const settings = await filled();
    const reference = await frozen(settings);

    const found = await reported(settings, reference, []);
    const without = await reported({ ...settings, FEATURES: 'avg_value' }, reference, []);

    const median = found.features.find(({ feature }) => feature === 'median');
    expect(median).toMatchObject({ psi: 0, verdict: 'stable' });
    expect(median?.current).toEqual({ rows: 150, missing: 75 });
    expect(found.sensors).toEqual({ compared: 2, shifted: 2, new: 1, gone: 1 });
    expect(without.features.find(({ feature }) => feature === 'median')).toMatchObject({
      ...{ psi: null, verdict: 'no values', current: { rows: 150, missing: 150 } },
    });
  });

  it('names the most shifted sensors, each with all its features', async () => {
    const settings = await filled();
    const reference = await frozen(settings);

    const { worst } = await reported(settings, reference, ['--sensors', '1']);
    const table = await report(settings, ['--reference', reference]);

    expect(worst).toHaveLength(1);
    expect(worst[0]?.features.map(({ feature, verdict }) => [feature, verdict])).toEqual([
      ['avg_value', 'large shift'],
      ['median', 'stable'],
      ['std_dev', 'stable'],
    ]);
    expect(table.out).toMatch(/^std_dev +0\.000 +stable +150 +0\.0 % +0\.0 %$/m);
    expect(table.out).toContain('2 of 2 sensors have shifted; 1 are new, 1 sent nothing');
    expect(table.out).toMatch(/^b +avg_value +\d\.\d{3} +large shift/m);
  });

  it('refuses a range without rows, an unknown view, and a file that is no reference', async () => {
    const settings = await filled();
    const reference = await frozen(settings);
    const exported = join(mkdtempSync(join(tmpdir(), 'sensorium-drift-')), 'rows.parquet');
    await cli(['export', '--out', exported], settings);
    const freeze = ['drift', 'freeze', '--out', `${exported}.none`];

    const answers = [
      await report(settings, ['--reference', reference, ...windows(101, 200)]),
      await cli([...freeze, ...windows(1, 2), '--view', 'other'], settings),
      await cli([...freeze, '--from', end(2), '--to', end(1)], settings),
      await report(settings, ['--reference', exported]),
      await report(settings, ['--reference', `${exported}.none`]),
    ];

    expect(answers.map(({ exitCode }) => exitCode)).toEqual([1, 1, 1, 1, 1]);
    expect(answers.map(({ err }) => err.replace(exported, 'FILE').slice(0, 60))).toEqual([
      expect.stringContaining('has no row in this range'),
      expect.stringContaining('there is no view other'),
      expect.stringContaining('--from must be before --to'),
      expect.stringContaining('--reference FILE: expected a file'),
      expect.stringMatching(/^sensorium: .*FILE\.none/),
    ]);
  });
});
