// Labels as a table: a row a window, `sensor,start,end`, or a row a moment, `sensor,time`. A row
// that is no label is refused with its line: a judge that passes over labels would flatter.
import { ConfigError, isSensoriumError } from '../errors.ts';
import { csvRows, type CsvRow } from '../files/csv-rows.ts';
import { parseTimestampMs, printable } from '../files/file-time.ts';
import { around, type LabelWindow } from './label-window.ts';

/** Names that a column may have. */
const columnNames = {
  sensor: ['sensor', 'sensor_id'],
  start: ['start', 'start_time', 'window_start'],
  end: ['end', 'end_time', 'window_end'],
  time: ['time', 'timestamp', 'label'],
} as const;

type Columns = Readonly<Record<keyof typeof columnNames, number>>;

/**
 * Resolves with the windows of the CSV file at `path`; an empty sensor stands for every sensor. A
 * moment stands for the window that reaches `reachMs` to either side of it.
 * @throws ConfigError with the line and what was expected there.
 */
export async function readLabelTable(
  path: string,
  reachMs: number,
): Promise<readonly LabelWindow[]> {
  const rows: CsvRow[] = [];
  try {
    for await (const block of csvRows(path, { separator: undefined })) rows.push(...block);
  } catch (error) {
    if (isSensoriumError(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`cannot read ${path}: ${reason}`, { path }, error);
  }
  const [header, ...labels] = rows;
  const columns = columnsOf(header?.cells ?? []);
  if (columns === undefined) {
    const found = (header?.cells ?? []).map(printable).join(',');
    throw new ConfigError(
      `${path}: expected the columns sensor,start,end or sensor,time, found ${found === '' ? 'none' : found}`,
    );
  }
  return labels.map((row) => windowOf(row, { columns, path, reachMs }));
}

function columnsOf(cells: readonly string[]): Columns | undefined {
  const names = cells.map((cell) => cell.trim().toLowerCase());
  const place = (column: keyof typeof columnNames): number =>
    names.findIndex((name) => (columnNames[column] as readonly string[]).includes(name));
  const columns = {
    sensor: place('sensor'),
    start: place('start'),
    end: place('end'),
    time: place('time'),
  };
  const hasRange = columns.start >= 0 && columns.end >= 0;
  return columns.sensor >= 0 && (hasRange || columns.time >= 0) ? columns : undefined;
}

function windowOf(
  { cells, fault, lineNumber }: CsvRow,
  { columns, path, reachMs }: { columns: Columns; path: string; reachMs: number },
): LabelWindow {
  const fail = (problem: string): ConfigError =>
    new ConfigError(`${path}, line ${lineNumber}: ${problem}`);
  if (fault !== '') throw fail(fault);
  const timeMs = (place: number): number => {
    const text = (cells[place] ?? '').trim();
    const ms = parseTimestampMs(text);
    if (Number.isSafeInteger(ms)) return ms;
    throw fail(`expected a time, found ${text === '' ? 'nothing' : printable(text)}`);
  };
  const id = (cells[columns.sensor] ?? '').trim();
  const sensorId = id === '' ? undefined : id;
  const isMoment = columns.start < 0 || columns.end < 0;
  if (isMoment) return { ...around(timeMs(columns.time), reachMs), sensorId };
  const [startMs, endMs] = [timeMs(columns.start), timeMs(columns.end)];
  if (endMs < startMs) throw fail('the window ends before it starts');
  const labelMs = columns.time < 0 ? undefined : timeMs(columns.time);
  return { startMs, endMs, labelMs, sensorId };
}
