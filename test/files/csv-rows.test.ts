import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { runs, titled } from '../../property-tests/seed.ts';
import { cellsOf, csvRows, separatorOf, separators } from '../../src/files/csv-rows.ts';

const folder = mkdtempSync(join(tmpdir(), 'sensorium-csv-rows-'));

async function rowsOf(text: string, separator: string): Promise<readonly (readonly string[])[]> {
  const path = join(folder, 'x.csv');
  writeFileSync(path, text);
  const rows: (readonly string[])[] = [];
  for await (const block of csvRows(path, { separator })) {
    for (const { cells, fault } of block) rows.push(fault === '' ? cells : [fault]);
  }
  return rows;
}

/** RFC 4180's writer: quotes where a cell needs them. */
function quoted(cell: string, separator: string): string {
  const isPlain = !/["\r\n]|^\s|\s$/.test(cell) && !cell.includes(separator) && cell !== '';
  return isPlain ? cell : `"${cell.replaceAll('"', '""')}"`;
}

const cell = fc
  .array(fc.constantFrom('a', 'é', '1', '.', ' ', '"', ',', ';', '\t', '|', '\n'), { maxLength: 6 })
  .map((characters) => characters.join(''));

describe('the rows of a CSV file', () => {
  it(titled('are the cells that were written, with any separator and line end'), async () => {
    const table = fc.array(fc.array(cell, { minLength: 1, maxLength: 4 }), {
      minLength: 1,
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(
        table,
        fc.constantFrom(...separators),
        fc.constantFrom('\n', '\r\n'),
        async (rows, separator, lineEnd) => {
          const lines = rows.map((cells) =>
            cells.map((one) => quoted(one, separator)).join(separator),
          );

          // An empty line inside a cell is none of the lines that count.
          const expected = rows.map((cells) => cells.map((one) => one.replace(/\n+/g, '\n')));
          fc.pre(!rows.flat().some((one) => one.includes('\n\n')));
          expect(await rowsOf(`${lines.join(lineEnd)}${lineEnd}`, separator)).toEqual(expected);
        },
      ),
      runs(200),
    );
  });

  it(titled('are read the same however lines fall into chunks'), async () => {
    const rows = Array.from({ length: 20_000 }, (_, row) => [String(row), `"${row}`, 'two\nlines']);
    const text = rows.map((cells) => cells.map((one) => quoted(one, ',')).join(',')).join('\n');

    expect(await rowsOf(text, ',')).toEqual(rows);
  });

  it.each([
    ['a,b,,', ['a', 'b', '', '']],
    ['"a""b",c', ['a"b', 'c']],
    ['x,"a,b"', ['x', 'a,b']],
    ['"a",', ['a', '']],
    ['"a" , "b"', ['a', 'b']],
    [' a , b ', ['a', 'b']],
    ['5" pipe,1', ['5" pipe', '1']],
    ['"a', 'open'],
    ['"a"b,c', 'broken'],
  ])('%j has the cells %j', (line, cells) => {
    expect(cellsOf(line, ',')).toEqual(cells);
  });

  it.each([
    ['timestamp;value', ';'],
    ['"a,b,c";value', ';'],
    ['timestamp\tvalue', '\t'],
    ['timestamp', ','],
  ])('the header %j separates by %j', (line, separator) => {
    expect(separatorOf(line)).toBe(separator);
  });
});
