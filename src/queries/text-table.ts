// A result as an aligned table for a terminal.
import type { TextRows } from './engine.ts';

const cellWidthMax = 60;

/** Returns the lines of the table: names, a rule, the rows. */
export function textTable({ columns, rows }: TextRows): readonly string[] {
  const cells = rows.map((row) => row.map((value) => shortened(value ?? 'NULL')));
  const widths = columns.map((name, column) =>
    Math.max(name.length, ...cells.map((row) => row[column]?.length ?? 0)),
  );
  const isRight = columns.map((_, column) =>
    rows.every((row) => row[column] === null || isNumber(row[column] ?? '')),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((value, column) => {
        const width = widths[column] ?? 0;
        return isRight[column] === true ? value.padStart(width) : value.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [line(columns), line(widths.map((width) => '-'.repeat(width))), ...cells.map(line)];
}

function shortened(text: string): string {
  const oneLine = text.replaceAll(/\s/g, ' ');
  return oneLine.length <= cellWidthMax ? oneLine : `${oneLine.slice(0, cellWidthMax - 1)}…`;
}

function isNumber(text: string): boolean {
  return text !== '' && Number.isFinite(Number(text));
}
