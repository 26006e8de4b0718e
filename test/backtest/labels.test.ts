import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import type { LabelWindow } from '../../src/backtest/label-window.ts';
import { parseLabels, readLabels, type Labels } from '../../src/backtest/labels.ts';

const data = (name: string): string =>
  fileURLToPath(new URL(`../../data/${name}`, import.meta.url));
const parseFor = (inputPaths: readonly string[], content: unknown): Labels =>
  parseLabels(content, { labelsPath: 'labels.json', inputPaths, reachMs: 100 });
const parse = (content: unknown): readonly LabelWindow[] =>
  parseFor(['/some/folder/series.csv'], content).windows.map((one) => ({
    startMs: one.startMs,
    endMs: one.endMs,
    labelMs: one.labelMs,
  }));
const window = (startMs: number, endMs: number): LabelWindow => ({
  startMs,
  endMs,
  labelMs: undefined,
});

describe('labels', () => {
  it('of a benchmark are found by the file name, each label in its window', async () => {
    const path = data('ambient_temperature_system_failure.csv');

    const { windows } = await readLabels({
      ...{ labelsPath: data('labels.json'), inputPaths: [path], reachMs: 0 },
    });

    expect(windows).toEqual([
      {
        path,
        startMs: Date.UTC(2013, 11, 15, 7),
        endMs: Date.UTC(2013, 11, 30, 9),
        labelMs: Date.UTC(2013, 11, 22, 20),
      },
      {
        path,
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

  it('that cannot be read name their file', async () => {
    const inputPaths = ['series.csv'];

    for (const labelsPath of [data('README.md'), data('absent.csv')]) {
      await expect(readLabels({ labelsPath, inputPaths, reachMs: 0 })).rejects.toThrow(
        /cannot read .*(README\.md|absent\.csv)/,
      );
    }
  });

  it('of one moment reach to either side of it', () => {
    expect(parse(['1970-01-01 00:00:01'])).toEqual([{ startMs: 900, endMs: 1100, labelMs: 1000 }]);
  });

  it('of several files stay with their file; a file that they do not name is not judged', () => {
    const paths = ['in/a/x.csv', 'in/b/x.csv', 'in/y.csv'];

    const { windows, unlabelled } = parseFor(paths, { 'b/x.csv': [[3, 4]], 'a/x.csv': [[1, 2]] });

    expect(windows.map(({ path, startMs }) => [path, startMs])).toEqual([
      ['in/a/x.csv', 1],
      ['in/b/x.csv', 3],
    ]);
    expect(unlabelled).toEqual(['in/y.csv']);
  });
});
