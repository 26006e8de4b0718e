import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import { cli } from './captured-cli.ts';

const data = (name: string): string =>
  fileURLToPath(new URL(`../../data/${name}`, import.meta.url));
const ambient = data('ambient_temperature_system_failure.csv');
const labels = data('labels.json');

function folderWith(files: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'sensorium-backtest-cli-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

describe('backtest', () => {
  it('scores a real series, draws it and finds its labelled failures', async () => {
    const folder = folderWith();
    const [scores, svg, html] = ['s.csv', 'p.svg', 'p.html'].map((name) => join(folder, name));
    const input = ['backtest', '--input', ambient, '--labels', labels];

    const { exitCode, out, err } = await cli([
      ...input,
      '--scores',
      scores ?? '',
      '--plot',
      svg ?? '',
    ]);
    const page = await cli([...input, '--plot', html ?? '', '--json']);

    expect([exitCode, err]).toEqual([0, '']);
    expect(out).toMatch(/^7267 rows, 7267 readings of 1 sensor in /);
    expect(out).toMatch(/^windows hit {5}2 of 2$/m);
    expect(out).toMatch(/^false alarms {4}\d+ \(\d\.\d\d per 1,000 readings\)$/m);
    expect(out).toMatch(/^ {2}2013-12-15 07:00 to 2013-12-30 09:00 {2}hit after /m);
    expect(readFileSync(scores ?? '', 'utf8').split('\n').length).toBe(7267 + 2);
    expect(readFileSync(svg ?? '', 'utf8')).toMatch(
      /^<svg [\s\S]*labelled window[\s\S]*<\/svg>\n$/,
    );
    expect(readFileSync(html ?? '', 'utf8')).toMatch(/^<!doctype html>[\s\S]*<svg /);
    expect(JSON.parse(page.out)).toMatchObject({
      readings: 7267,
      labels: { windows: 2, windows_hit: 2, by_window: [{}, {}] },
    });
    expect(readdirSync(folder).sort()).toEqual(['p.html', 'p.svg', 's.csv']);
  });

  it('honours the settings of the environment', async () => {
    const input = ['backtest', '--input', ambient, '--json'];
    const anomalies = async (env: Record<string, string>): Promise<number> =>
      (JSON.parse((await cli(input, env)).out) as { anomalies: number }).anomalies;

    const [usual, strict, classical] = [
      await anomalies({}),
      await anomalies({ ANOMALY_THRESHOLD: '6' }),
      await anomalies({ BASELINE: 'cumulative' }),
    ];

    expect(strict).toBeLessThan(usual);
    expect(classical).not.toBe(usual);
    expect((await cli(input, { ANOMALY_THRESHOLD: 'high' })).exitCode).toBe(1);
  });

  it('takes other columns and another sensor id', async () => {
    const folder = folderWith({ 'x.csv': 'at,temp,probe\n1,5,a\n2,6,\n', 'y.csv': '1,5\n' });
    const scores = join(folder, 's.csv');

    const { exitCode } = await cli([
      ...['backtest', '--input', join(folder, 'x.csv'), '--scores', scores, '--sensor-id', 'mine'],
      ...['--time-column', 'at', '--column', 'temp', '--sensor-column', 'probe'],
    ]);

    expect(exitCode).toBe(0);
    expect(readFileSync(scores, 'utf8').split('\n').slice(1)).toEqual([
      ...['a,1,5,0,0,0,0,', 'mine,2,6,0,0,0,0,', ''],
    ]);
  });

  it('names the rows it could not read', async () => {
    const folder = folderWith({ 'x.csv': 'timestamp,value\n1,a\n2,5\n3,\n' });

    const { exitCode, out } = await cli(['backtest', '--input', join(folder, 'x.csv')]);

    expect(exitCode).toBe(0);
    expect(out).toContain(
      '2 unreadable rows: row 1: value is not a number: a; row 3: value is missing\n',
    );
  });

  it('ends with 1 where no row is a reading', async () => {
    const folder = folderWith({ 'x.csv': 'timestamp,value\n1,a\n2024-02-30,5\n' });

    const { exitCode, out } = await cli(['backtest', '--input', join(folder, 'x.csv')]);

    expect(exitCode).toBe(1);
    expect(out).toContain('2 unreadable rows: row 1: value is not a number: a; row 2: ');
  });

  it('warns of a file without rows, and writes scores without any', async () => {
    const folder = folderWith({ 'x.csv': '' });
    const scores = join(folder, 's.csv');

    const { exitCode, err } = await cli([
      ...['backtest', '--input', join(folder, 'x.csv'), '--scores', scores],
    ]);

    expect(exitCode).toBe(0);
    expect(err).toMatch(/^warning: .*x\.csv has no rows\n$/);
    expect(readFileSync(scores, 'utf8')).toBe(
      'sensor_id,timestamp,value,z,score,anomaly,alarm,reason\n',
    );
  });

  it('never overwrites its input, and leaves no partial file', async () => {
    const folder = folderWith({ 'x.csv': 'timestamp,value\n1,1\n', 'bad.csv': 'a,b\n' });
    const input = join(folder, 'x.csv');

    const over = await cli(['backtest', '--input', input, '--scores', input]);
    const absent = await cli(['backtest', '--input', join(folder, 'none.csv')]);
    const bad = await cli([
      ...['backtest', '--input', join(folder, 'bad.csv'), '--scores', join(folder, 's.csv')],
    ]);

    expect([over.exitCode, absent.exitCode, bad.exitCode]).toEqual([1, 1, 1]);
    expect(over.err).toContain('must be different files');
    expect(absent.err).toMatch(/cannot read .*none\.csv/);
    expect(bad.err).toContain('no column timestamp among a, b');
    expect(readdirSync(folder).sort()).toEqual(['bad.csv', 'x.csv']);
    expect(readFileSync(input, 'utf8')).toBe('timestamp,value\n1,1\n');
  });

  it('requires an input', async () => {
    const { exitCode, err } = await cli(['backtest']);

    expect(exitCode).toBe(2);
    expect(err).toContain('--input');
  });
});
