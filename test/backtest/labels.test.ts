import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import { createJudge } from '../../src/backtest/judge.ts';
import { parseLabels, readLabels, type LabelWindow } from '../../src/backtest/labels.ts';

const data = (name: string): string =>
  fileURLToPath(new URL(`../../data/${name}`, import.meta.url));
const parse = (content: unknown): readonly LabelWindow[] =>
  parseLabels(content, { labelsPath: 'labels.json', inputPath: '/some/folder/series.csv' });
const window = (startMs: number, endMs: number): LabelWindow => ({
  startMs,
  endMs,
  labelMs: undefined,
});

describe('labels', () => {
  it('of a benchmark are found by the file name, each label in its window', () => {
    const windows = readLabels(data('labels.json'), data('ambient_temperature_system_failure.csv'));

    expect(windows).toEqual([
      {
        startMs: Date.UTC(2013, 11, 15, 7),
        endMs: Date.UTC(2013, 11, 30, 9),
        labelMs: Date.UTC(2013, 11, 22, 20),
      },
      {
        startMs: Date.UTC(2014, 2, 29, 15),
        endMs: Date.UTC(2014, 3, 20, 22),
        labelMs: Date.UTC(2014, 3, 13, 9),
      },
    ]);
  });

  it.each([
    ['a list of windows', [['1970-01-01 00:00:01', 2000]]],
    ['windows alone', { windows: [[1000, '1970-01-01T00:00:02Z']] }],
    ['a list by file name', { 'other.csv': [], 'series.csv': [[1000, 2000]] }],
    ['windows by the path in a benchmark', { 'real/series.csv': { windows: [[1000, 2000]] } }],
    ['windows of the same series in another format', { 'series.parquet': [[1000, 2000]] }],
  ])('may be %s', (_what, content) => {
    expect(parse(content)).toEqual([window(1000, 2000)]);
  });

  it('come in the order of their windows', () => {
    expect(parse([...[[5, 6]], ...[[1, 9]]]).map(({ startMs }) => startMs)).toEqual([1, 5]);
  });

  it.each([
    [7, /expected a list of windows, or an object by file name/],
    [{ 'other.csv': [] }, /no labels for series\.csv among other\.csv/],
    [[[1, 2, 3]], /expected a window \[start, end\], found \[1,2,3\]/],
    [[[2, 1]], /ends before it starts/],
    [[['soon', 1]], /expected a time, found "soon"/],
    [[[null, 1]], /expected a time, found null/],
    [{ windows: [], labels: 5 }, /expected labels to be a list/],
  ])('that are %j are refused with what was expected', (content, message) => {
    expect(() => parse(content)).toThrow(message);
  });

  it('that cannot be read name their file', () => {
    expect(() => readLabels(data('README.md'), 'series.csv')).toThrow(/cannot read .*README\.md/);
    expect(readFileSync(data('README.md'), 'utf8')).not.toBe('');
  });
});

describe('the judgement', () => {
  it('counts a window once, its earliest alarm as the delay, and others as false', () => {
    const judge = createJudge([window(100, 200), window(300, 400), window(900, 950)]);
    const alarmsMs = [99, 200, 150, 201, 350];

    for (const timeMs of [...alarmsMs, 120, 250]) judge.add(timeMs, alarmsMs.includes(timeMs));

    expect(judge.verdict()).toEqual({
      windows: [
        { ...window(100, 200), readings: 3, alarms: 2, firstAlarmMs: 150 },
        { ...window(300, 400), readings: 1, alarms: 1, firstAlarmMs: 350 },
        { ...window(900, 950), readings: 0, alarms: 0, firstAlarmMs: undefined },
      ],
      windowsHit: 2,
      falseAlarms: 2,
      falseAlarmsPer1000: 2000 / 7,
      readingsOutside: 3,
      delayMeanMs: 50,
      delayMaxMs: 50,
    });
  });

  it('lets an alarm in two windows hit both', () => {
    const judge = createJudge([window(0, 10), window(5, 15)]);

    judge.add(7, true);

    expect(judge.verdict()).toMatchObject({ windowsHit: 2, falseAlarms: 0, delayMaxMs: 7 });
  });

  it('of no readings has no delay and no rate', () => {
    expect(createJudge([window(0, 1)]).verdict()).toMatchObject({
      windowsHit: 0,
      falseAlarmsPer1000: 0,
      delayMeanMs: undefined,
    });
  });
});
