import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import { ConfigError } from '../../src/errors.ts';
import type { FileOptions } from '../../src/files/file-shape.ts';
import {
  openReplayFile,
  replayFile,
  shiftToNow,
  type ReplayFile,
} from '../../src/producer/file-replay.ts';

const moteStartMs = Date.parse('2010-05-01T00:00:00Z');

interface SentReading {
  readonly sensorId: string;
  readonly timestampMs: number;
  readonly value: number;
}

function data(name: string): string {
  return fileURLToPath(new URL(`../../data/${name}`, import.meta.url));
}

function written(text: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'sensorium-csv-')), 'some.csv');
  writeFileSync(path, text);
  return path;
}

async function all(file: ReplayFile): Promise<readonly SentReading[]> {
  const readings: SentReading[] = [];
  for await (const { count, sensorIds, timestampsMs, values } of file.batches()) {
    for (let index = 0; index < count; index += 1) {
      readings.push({
        sensorId: sensorIds[index] ?? '',
        timestampMs: timestampsMs[index] ?? NaN,
        value: values[index] ?? NaN,
      });
    }
  }
  return readings;
}

const openFile = (path: string, options: FileOptions = {}): Promise<ReplayFile> =>
  openReplayFile(path, undefined, options);

async function readText(text: string, options: FileOptions = {}): Promise<readonly SentReading[]> {
  return all(await openFile(written(text), options));
}

describe('the files of data/', () => {
  it.each([
    [
      'machine_temperature_system_failure.csv',
      22_695,
      ['2013-12-02T21:15:00Z', 73.96732207],
      ['2014-02-19T15:25:00Z', 96.90386085],
    ],
    [
      'ambient_temperature_system_failure.csv',
      7_267,
      ['2013-07-04T00:00:00Z', 69.88083514],
      ['2014-05-28T15:00:00Z', 72.58408858],
    ],
  ] as const)(
    '%s is read whole, as UTC, one sensor named after it',
    async (name, rows, first, last) => {
      const file = await openFile(data(name));

      const readings = await all(file);

      const sensorId = name.replace('.csv', '');
      const reading = ([time, value]: readonly [string, number]): SentReading => ({
        sensorId,
        timestampMs: Date.parse(time),
        value,
      });
      expect(file.readings).toBe(rows);
      expect(readings).toHaveLength(rows);
      expect(readings[0]).toEqual(reading(first));
      expect(readings.at(-1)).toEqual(reading(last));
      expect(file.firstTimestampMs).toBe(Date.parse(first[0]));
      expect(file.lastTimestampMs).toBe(Date.parse(last[0]));
    },
  );

  it.each([
    ['suthaharan-multi-hop.csv', 18_760, { 1: 4_690, 2: 4_690, 3: 4_690, 4: 4_690 }, 30.21, 27.21],
    ['suthaharan-single-hop.csv', 18_914, { 1: 4_417, 2: 4_417, 3: 5_039, 4: 5_041 }, 27.97, 23.05],
  ])('%s is merged by time, one sensor a mote', async (name, rows, perMote, first, last) => {
    const readings = await all(await openFile(data(name)));

    expect(readings).toHaveLength(rows);
    const times = readings.map(({ timestampMs }) => timestampMs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    for (const [mote, count] of Object.entries(perMote)) {
      expect(readings.filter(({ sensorId }) => sensorId === `mote_${mote}`)).toHaveLength(count);
    }
    expect(readings[0]).toEqual({
      sensorId: 'mote_1',
      timestampMs: moteStartMs,
      value: first,
    });
    expect(readings.at(-1)).toMatchObject({ sensorId: 'mote_4', value: last });
  });

  it('give another column when asked', async () => {
    const file = await openFile(data('suthaharan-multi-hop.csv'), { column: 'humidity' });

    expect((await all(file))[0]?.value).toBe(43.82);
  });
});

describe('a CSV file', () => {
  it('may name its sensors, end lines with CR LF, quote cells, and end without a line end', async () => {
    const readings = await readText(
      '\uFEFFvalue,timestamp,sensor_id\r\n1.5,1000,"a, b"\r\n\r\n-2e3,2000,c',
    );

    expect(readings).toEqual([
      { sensorId: 'a, b', timestampMs: 1_000, value: 1.5 },
      { sensorId: 'c', timestampMs: 2_000, value: -2_000 },
    ]);
  });

  it('takes its one sensor’s name from --sensor-id', async () => {
    const readings = await readText('timestamp,value\n5,1\n', { sensorId: 'boiler' });

    expect(readings[0]?.sensorId).toBe('boiler');
  });

  it('is read the same however lines fall into chunks', async () => {
    const rows = Array.from({ length: 20_000 }, (_, index) => `${index},${index / 7}`);

    const readings = await readText(`timestamp,value\n${rows.join('\n')}\n`);

    expect(readings.map(({ timestampMs, value }) => `${timestampMs},${value}`)).toEqual(rows);
  });

  it('tells which rows are no readings, and how many', async () => {
    const file = await openFile(written('timestamp,value\n1,1\n2,two\nyesterday,1\n3,\n4,4\n'));

    expect(file).toMatchObject({ readings: 2, unreadable: 3 });
    expect(file.unreadableFirst.map(({ row, reason }) => `${row}: ${reason}`)).toEqual([
      '2: value is not a number: two',
      '3: timestamp is not a time: yesterday',
      '4: value is missing',
    ]);
  });

  it.each([
    ['time,value\n1,1\n', 'no column timestamp among time, value'],
    ['timestamp,celsius\n1,1\n', 'name others with'],
    ['timestamp,value\n2014-02-30 25:00:00,1\n', 'has no readings: row 1: timestamp is not a time'],
    ['timestamp,value\n', 'has no readings'],
    ['', 'has no readings'],
  ])('without readings is refused: %j', async (text, message) => {
    const opening = openFile(written(text));

    await expect(opening).rejects.toThrow(ConfigError);
    await expect(opening).rejects.toThrow(message);
  });

  it('that lists one sensor after the other is merged by time; any other keeps its order', async () => {
    const rows = ['a,1,1', 'a,3,2', 'b,1,3', 'b,2,4'];
    const valuesOf = async (lines: readonly string[]): Promise<readonly number[]> =>
      (await readText(`sensor_id,timestamp,value\n${lines.join('\n')}\n`)).map(
        ({ value }) => value,
      );

    expect(await valuesOf(rows)).toEqual([1, 3, 4, 2]);
    expect(await valuesOf([...rows, 'a,1,5'])).toEqual([1, 2, 3, 4, 5]);
  });

  it('that does not exist is named', async () => {
    await expect(openFile('/nowhere/x.csv')).rejects.toThrow('cannot read /nowhere/x.csv');
  });
});

describe('replay', () => {
  const text = 'timestamp,value\n10000,1\n20000,2\n15000,3\n30000,4\n';

  async function due(speed: number, shiftMs = 0): Promise<readonly (readonly number[])[]> {
    const planned: number[][] = [];
    const file = await openFile(written(text));
    for await (const reading of replayFile(file, { speed, shiftMs })) {
      planned.push([reading.dueMs, reading.timestampMs]);
    }
    return planned;
  }

  it('keeps the file’s pace and order at speed 1, and its timestamps', async () => {
    expect(await due(1)).toEqual([
      [0, 10_000],
      [10_000, 20_000],
      [10_000, 15_000],
      [20_000, 30_000],
    ]);
  });

  it('is `speed` times as fast, or at once', async () => {
    expect((await due(10)).map(([dueMs]) => dueMs)).toEqual([0, 1_000, 1_000, 2_000]);
    expect((await due(Infinity)).map(([dueMs]) => dueMs)).toEqual([0, 0, 0, 0]);
  });

  it.each([1, 4, Infinity])(
    'shifted to now at speed %d is never ahead of the clock and ends with it',
    async (speed) => {
      const nowMs = 1_700_000_000_000;
      const file = await openFile(written(text));

      const planned = await due(speed, shiftToNow(file, { speed, nowMs }));

      for (const [dueMs = NaN, timestampMs] of planned) {
        expect(timestampMs).toBeLessThanOrEqual(nowMs + dueMs);
      }
      const [lastDueMs = NaN, lastMs] = planned.at(-1) ?? [];
      expect(lastMs).toBe(nowMs + lastDueMs);
    },
  );
});
