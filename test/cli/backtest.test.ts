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

type Json = Readonly<Record<string, unknown>>;

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

  it('takes a folder as one history: a sensor goes on, labels are by sensor', async () => {
    const lines = (from: number): string =>
      Array.from({ length: 400 }, (_, at) => {
        const value = from + at === 700 ? 99 : 20 + ((from + at) % 7) / 10;
        return `${(from + at) * 60_000},${value},pump`;
      }).join('\n');
    const folder = folderWith({
      '1.csv': `timestamp,value,sensor_id\n${lines(0)}\n`,
      '2.csv': `timestamp,value,sensor_id\n${lines(400)}\n`,
      'bad.csv': 'a,b\n1,2\n',
    });
    const labels = join(folderWith({ 'l.csv': 'sensor,time\npump,42000000\nother,1\n' }), 'l.csv');

    const { exitCode, out, err } = await cli([
      ...['backtest', '--input', folder, '--labels', labels, '--label-reach', '5m', '--json'],
    ]);

    expect(exitCode).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      ...{ files: 3, readings: 800, sensors: 1 },
      labels: { windows: 2, windows_hit: 1, false_alarms: 0, precision: 1, recall: 1 },
      series: [{ sensor_id: 'pump', readings: 800, windows_hit: 1 }],
    });
    expect(err).toMatch(/warning: .*bad\.csv: no column timestamp .*not read to its end/);
    expect(err).toContain('warning: labels name sensors without readings: other');
  });

  it('compares two configurations in one pass, as two passes would', async () => {
    const input = ['backtest', '--input', ambient, '--labels', labels, '--json'];

    const both = JSON.parse((await cli([...input, '--against', 'BASELINE=robust'])).out) as Json;
    const alone = JSON.parse((await cli(input)).out) as Json;
    const other = JSON.parse((await cli(input, { BASELINE: 'robust' })).out) as Json;

    const measures = ({ alarms, labels: judged, curve, channels }: Json): Json => ({
      ...{ alarms, judged, curve, channels },
    });
    expect(measures(both)).toEqual(measures(alone));
    expect(measures(both['against'] as Json)).toEqual(measures(other));
    expect(both['against']).toMatchObject({ settings: 'BASELINE=robust' });
    expect(other['channels']).not.toEqual(alone['channels']);
  });

  it.each(['BASELIN=robust', 'BASELINE', 'HTTP_PORT=1', 'INPUT_SCHEMA=x'])(
    'refuses to compare with %s',
    async (against) => {
      const { exitCode, err } = await cli(['backtest', '--input', ambient, '--against', against]);

      expect(exitCode).toBe(2);
      expect(err).toContain('Expected SETTING=value with a setting that changes results');
    },
  );

  it('writes a page that loads nothing and shows ids as text', async () => {
    const folder = folderWith({
      'x.csv': `timestamp,value,sensor_id\n1,5,"<img src=x onerror=alert(1)>"\n`,
    });
    const page = join(folder, 'r.html');

    await cli(['backtest', '--input', join(folder, 'x.csv'), '--report', page, '--curve']);

    const html = readFileSync(page, 'utf8');
    expect(html).not.toContain('<img');
    expect(html).toContain('&#60;img src=x onerror=alert(1)&#62;');
    expect(html).toContain("default-src 'none'");
    expect(html).not.toMatch(/<script|<link|url\((?!#)|https?:(?!\/\/www\.w3\.org\/2000\/svg)/);
    expect(html).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('requires an input', async () => {
    const { exitCode, err } = await cli(['backtest']);

    expect(exitCode).toBe(2);
    expect(err).toContain('--input');
  });
});
