import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { inputFiles } from '../../src/backtest/input-files.ts';

function folderOf(names: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'sensorium-inputs-'));
  for (const name of names) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), '');
  }
  return folder;
}

describe('the files of a backtest', () => {
  it('of a folder are its readings in natural order, without labels, notes and scores', () => {
    const names = ['day10.csv', 'day2.csv.gz', 'in/x.parquet', 'labels.json', 'README.txt'];
    const folder = folderOf([...names, '.hidden.csv', 'scores.csv']);

    const files = inputFiles([folder], [join(folder, 'in', '..', 'scores.csv')]);

    expect(files).toEqual(
      ['day2.csv.gz', 'day10.csv', 'in/x.parquet'].map((name) => ({
        ...{ path: join(folder, name), sensorId: undefined },
      })),
    );
  });

  it('with the same name in two folders name two sensors', () => {
    const folder = folderOf(['a/1.csv', 'b/1.csv', 'b/2.csv']);

    const ids = inputFiles([folder]).map(({ sensorId }) => sensorId);

    expect(new Set(ids.slice(0, 2)).size).toBe(2);
    expect(ids[0]).toMatch(/a\/1$/);
    expect(ids[2]).toBeUndefined();
  });

  it('are taken as named, each once, whatever their ending', () => {
    expect(inputFiles(['x.txt', 'x.txt']).map(({ path }) => path)).toEqual(['x.txt']);
  });

  it('are missing in a folder without any', () => {
    expect(() => inputFiles([folderOf(['labels.json'])])).toThrow(/no \.csv, .* in this folder/);
  });
});
