// The options of commands that read files of readings, and how they are said where a row is none.
import { InvalidArgumentError, Option, type Command } from 'commander';

import type { FileOptions } from '../files/file-shape.ts';
import type { TimeUnit } from '../sensors/input-declaration.ts';
import { printLine, type CliContext } from './context.ts';

export interface FileFlags {
  readonly column?: string;
  readonly timeColumn?: string;
  readonly sensorColumn?: string;
  readonly sensorId?: string;
  readonly timeUnit?: TimeUnit;
  readonly timeZone?: string;
  readonly separator?: string;
  readonly decimalComma?: true;
}

const timeUnits = ['ms', 's', 'us', 'ns', 'iso'] as const;

export const filesHelp = `
Files are CSV of any dialect, NDJSON, a JSON array or Parquet, also as .gz or .zst. Where INPUT_SCHEMA is
set it names the columns; the options here win. Times are ISO 8601, YYYY-MM-DD HH:MM:SS or numbers.`;

/** Adds the options that say where the readings are in a file. */
export function addFileFlags(command: Command): void {
  command
    .option('--column <name>', 'column with the value (default: value)')
    .option('--time-column <name>', 'column with the time (default: timestamp)')
    .option('--sensor-column <name>', 'column with the sensor id (default: sensor_id)')
    .option('--sensor-id <id>', 'sensor id of rows without one (default: the file name)')
    .addOption(
      new Option('--time-unit <unit>', 'unit of times that are numbers (default: ms)').choices(
        timeUnits,
      ),
    )
    .option(
      '--time-zone <zone>',
      'zone of times that name none: +02:00, Europe/Berlin (default: UTC)',
    )
    .option('--separator <character>', 'between cells: , ; | or tab (default: as found)', separator)
    .option('--decimal-comma', 'numbers are written as 20,5');
}

/** Returns the options for the reader of files; its notes go to the terminal. */
export function fileOptions(flags: FileFlags, context: CliContext): FileOptions {
  const { column, timeColumn, sensorColumn, sensorId, timeUnit, timeZone } = flags;
  return {
    ...{ column, timeColumn, sensorColumn, sensorId, timeUnit, timeZone },
    separator: flags.separator,
    decimal: flags.decimalComma === true ? 'comma' : 'point',
    onNote: (note) => printLine(context.err, `note: ${note}`),
  };
}

/** Returns the first unreadable rows as text. */
export function unreadableText(
  first: readonly { readonly row: number; readonly reason: string }[],
  count: number,
): string {
  const listed = first.map(({ row, reason }) => `row ${row}: ${reason}`).join('; ');
  return `${listed}${count > first.length ? '; …' : ''}`;
}

function separator(text: string): string {
  const one = text === 'tab' || text === '\\t' ? '\t' : text;
  if (one.length === 1 && !/["\r\n]/.test(one)) return one;
  throw new InvalidArgumentError('Expected one character, or tab.');
}
