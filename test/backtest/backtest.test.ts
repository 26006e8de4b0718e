import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import { backtestFile, backtestText } from './scored-rows.ts';

const day = (minute: number): string =>
  new Date(Date.UTC(2024, 0, 1, 0, minute)).toISOString().replace('.000', '');
const fixture = (name: string): string =>
  fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const reasons = async (text: string): Promise<string[]> =>
  (await backtestText(text)).rows.map(({ reason }) => reason);

describe('the rows of a backtest', () => {
  it('echo the file in its order, even if time goes back or repeats', async () => {
    const times = ['2024-01-02 00:00:00', '2024-01-01T00:00:00Z', '1704067200000', '2024-01-02'];
    const text = `timestamp,value\n${times.map((time, place) => `${time},${place}.50`).join('\n')}`;

    const { rows, report } = await backtestText(text);

    expect(rows.map(({ timestamp }) => timestamp)).toEqual(times);
    expect(rows.map(({ value }) => value)).toEqual(['0.50', '1.50', '2.50', '3.50']);
    expect(rows.map(({ sensor_id }) => sensor_id)).toEqual(Array(4).fill('series'));
    expect(rows.map(({ reason }) => reason)).toEqual(['', '', '', '']);
    expect(report).toMatchObject({ rows: 4, readings: 4, unreadable: 0, sensors: 1 });
  });

  it('score readings that the live fold refuses as late', async () => {
    const minutes = [...Array.from({ length: 200 }, (_, minute) => minute), 0, 1];
    const lines = minutes.map(
      (minute, place) => `${day(minute)},${place === 201 ? 900 : minute % 7}`,
    );

    const { rows, report } = await backtestText(`timestamp,value\n${lines.join('\n')}\n`);

    expect(report).toMatchObject({ readings: 202, late: 2, windows: 200 });
    expect(rows[201]).toMatchObject({ anomaly: '1', alarm: '1', reason: '' });
    expect(Number(rows[201]?.z)).toBeGreaterThan(2.5);
    expect(Number(rows[201]?.score)).toBeGreaterThan(0.99);
  });

  it('that are unreadable have a reason, but neither z nor score', async () => {
    const bad: readonly (readonly [string, RegExp])[] = [
      ['2024-01-01,', /^value is missing$/],
      ['2024-01-01', /^value is missing$/],
      [',1', /^timestamp is missing$/],
      ['yesterday,1', /^timestamp is not a time: yesterday$/],
      ['2024-13-01,1', /^timestamp is not a time/],
      ['9e15,1', /^timestamp is not a time/],
      ['2024-01-01,NaN', /^value is not a number: NaN$/],
      ['2024-01-01,Infinity', /^value is not a number/],
      ['2024-01-01,1e400', /^value is not a number/],
      ['2024-01-01,1e151', /^value is beyond/],
      ['2024-01-01,0x10', /^value is not a number/],
      ['2024-01-01,"3,5"', /^value is not a number: 3,5$/],
      ['2024-01-01,3,5', /^3 cells, but the header has 2$/],
    ];

    const { rows, report } = await backtestText(
      `timestamp,value\n2024-01-01,7\n${bad.map(([line]) => line).join('\n')}\n2024-01-01,8\n`,
    );

    expect(report).toMatchObject({ rows: 15, readings: 2, unreadable: 13, sensors: 1 });
    expect(report.unreadableFirst[0]).toMatchObject({ row: 2, reason: 'value is missing' });
    for (const [place, [line, reason]] of bad.entries()) {
      expect(rows[place + 1]?.reason, line).toMatch(reason);
      expect(rows[place + 1]).toMatchObject({ z: '', score: '', anomaly: '0', alarm: '0' });
    }
    expect(rows.at(-1)).toMatchObject({ reason: '', value: '8' });
  });

  it('of a sensor id too long for the program are unreadable, of 256 bytes are not', async () => {
    const text = ['timestamp,value,sensor_id', `1,1,${'é'.repeat(128)}`, `1,1,${'é'.repeat(129)}`];

    expect(await reasons(text.join('\n'))).toEqual([
      '',
      'expected sensor_id to make an id of 1 to 256 UTF-8 bytes, got 258',
    ]);
  });
});

describe('the columns of a history', () => {
  it.each([
    ['in another order, among others', 'x,value,sensor_id,timestamp\n0,5,a,2024-01-01'],
    ['in capitals, with spaces', 'Timestamp, VALUE ,Sensor_ID\n2024-01-01,5,a'],
    ['in quotes', '"timestamp","value","sensor_id"\n"2024-01-01","5","a"'],
    ['after a byte order mark, with CRLF', '\uFEFFtimestamp,value,sensor_id\r\n2024-01-01,5,a\r\n'],
    ['without a header', '2024-01-01,5,a'],
    ['with a comma at the end of lines', 'timestamp,value,sensor_id,\n2024-01-01,5,a,'],
    ['between empty lines', '\n\ntimestamp,value,sensor_id\n\n2024-01-01,5,a\n\n'],
  ])('are found %s', async (_what, text) => {
    const { rows } = await backtestText(text);

    expect(rows).toMatchObject([
      { sensor_id: 'a', timestamp: '2024-01-01', value: '5', reason: '' },
    ]);
  });

  it('give a row without a sensor id the name of the file', async () => {
    const { rows } = await backtestText('timestamp,value,sensor_id\n1,1,\n2,2,a\n3,3\n');

    expect(rows.map(({ sensor_id }) => sensor_id)).toEqual(['series', 'a', 'series']);
  });

  it('are named in the error when they are missing', async () => {
    await expect(backtestText('time,value\n1,1\n')).rejects.toThrow(
      /series\.csv: no column timestamp among time, value; name others with --time-column/,
    );
  });

  it('may be the whole file: no rows, no scores', async () => {
    expect((await backtestText('timestamp,value\n')).rows).toEqual([]);
    expect((await backtestText('')).report).toMatchObject({ rows: 0, readings: 0, windows: 0 });
  });
});

describe('a history in Parquet', () => {
  const read = (name: string): ReturnType<typeof backtestFile> =>
    backtestFile(fixture(name), { folder: mkdtempSync(join(tmpdir(), 'sensorium-parquet-')) });

  it('may have timestamps of type TIMESTAMP, and missing values (Snappy, written by PyArrow)', async () => {
    const { rows } = await read('timestamps-snappy.parquet');

    expect(rows.map(({ sensor_id, value }) => [sensor_id, value])).toEqual([
      ...[
        ['a', '1.5'],
        ['b', '2'],
      ],
      ...[
        ['timestamps-snappy', ''],
        ['a', 'NaN'],
        ['b', '-3.25'],
      ],
    ]);
    expect(rows.map(({ reason }) => reason)).toEqual([
      ...['', '', 'value is missing', 'value is not a number: NaN', ''],
    ]);
    expect(rows[4]?.timestamp).toBe('2024-01-01T00:04:00.000Z');
  });

  it('may have milliseconds, in several row groups (Zstandard)', async () => {
    const { rows, report } = await read('milliseconds-zstd.parquet');

    expect(rows.map(({ timestamp }) => Number(timestamp))).toEqual(
      Array.from({ length: 5 }, (_, place) => 1_704_067_200_000 + 60_000 * place),
    );
    expect(rows.map(({ value }) => value)).toEqual(['1', '2', '3', '4', '']);
    expect(report).toMatchObject({ readings: 4, unreadable: 1 });
  });

  it('may have text (gzip)', async () => {
    const { rows } = await read('text-gzip.parquet');

    expect(rows).toMatchObject([
      { timestamp: '2024-01-01 00:00:00', value: '1.5', reason: '' },
      { reason: 'timestamp is not a time: nonsense' },
    ]);
  });

  it('that is cut off is an error that names the file', async () => {
    await expect(backtestText('PAR1 and no more')).rejects.toThrow(/cannot read .*series\.csv/);
  });
});
