// Rows of a CSV file → readings: the header and what it leaves open. A file may lack it, may have
// one name less than cells (R writes row names so), and may number its readings instead of dating
// them.
import { ConfigError } from '../errors.ts';
import type { FieldPath } from '../sensors/input-declaration.ts';
import { tableFields, type RowFields } from './bind-fields.ts';
import type { CsvRow } from './csv-rows.ts';
import { defaultColumns, type FileOptions, type FileShape } from './file-shape.ts';
import { readFileTime, type FileTimeRule } from './file-time.ts';
import { createRowReader, textOf, type FileRow, type RowReader } from './row-reader.ts';

const withoutHeader = [defaultColumns.time, defaultColumns.value, defaultColumns.sensor];

/** Reads the rows of one CSV file, in their order. */
export class TableReader {
  /** Names of the columns; empty before the first row. */
  columns: readonly string[] = [];
  private readonly shape: FileShape;
  private readonly options: FileOptions;
  private readonly rule: FileTimeRule;
  private reader: RowReader | undefined;
  /** Cells that a row may have; Infinity without a header. */
  private width = 0;
  private isFirstRow = true;
  private rows = 0;

  constructor(shape: FileShape, options: FileOptions, rule: FileTimeRule) {
    this.shape = shape;
    this.options = options;
    this.rule = rule;
  }

  /** Adds what the rows hold to `out`. @throws ConfigError if the header lacks a column. */
  read(csv: readonly CsvRow[], out: FileRow[]): void {
    for (const row of csv) {
      if (this.reader === undefined && this.takeHeader(row)) continue;
      this.rows += 1;
      if (this.isFirstRow && row.fault === '') this.findRowNames(row);
      const fault = row.fault === '' ? this.tooWide(row.cells) : row.fault;
      if (fault === '') this.reader?.read(this.rows, row.cells, out);
      else out.push(refusedRow(this.rows, fault));
    }
  }

  /** Returns whether the row is the header. */
  private takeHeader({ cells, fault, lineNumber }: CsvRow): boolean {
    if (fault !== '') throw new ConfigError(`line ${lineNumber}: ${fault}`);
    const hasHeader = !this.shape.mayLackHeader || !isReading(cells, this.rule);
    this.columns = hasHeader ? cells : withoutHeader;
    this.width = hasHeader ? cells.length : Infinity;
    this.reader = this.bound(0);
    return hasHeader;
  }

  private bound(shiftedBy: number): RowReader {
    const fields = tableFields(this.columns, shiftedBy);
    const numbered = numberedFields(fields, this.shape, this.options);
    const shape = numbered === fields ? this.shape : numberedShape(this.shape, this.options);
    return createRowReader(shape, numbered, this.rule);
  }

  /** One cell more than names, and only without the first it is a reading: that is a row's name. */
  private findRowNames({ cells }: CsvRow): void {
    this.isFirstRow = false;
    if (cells.length !== this.width + 1 || this.holdsReading(cells)) return;
    const unshifted = this.reader;
    this.reader = this.bound(1);
    if (!this.holdsReading(cells)) {
      this.reader = unshifted;
      return;
    }
    this.width += 1;
    this.options.onNote?.(
      'rows have one cell more than the header: the first is taken as their name',
    );
  }

  private holdsReading(cells: readonly string[]): boolean {
    const found: FileRow[] = [];
    this.reader?.read(0, cells, found);
    return found.some(({ reason }) => reason === '');
  }

  /** A decimal comma or an unquoted comma shifts the cells behind it, so the row is refused. */
  private tooWide(cells: readonly string[]): string {
    if (cells.length <= this.width) return '';
    const isWider = cells.slice(this.width).some((cell) => cell !== '');
    return isWider ? `${cells.length} cells, but the header has ${this.width}` : '';
  }
}

/** Returns the row as one that is refused for `reason`. */
export function refusedRow(row: number, reason: string): FileRow {
  const texts = { sensorId: '', field: '', timestampText: '', valueText: '' };
  return { row, ...texts, timestampMs: NaN, value: NaN, reason };
}

function isReading(cells: readonly string[], rule: FileTimeRule): boolean {
  const [time = '', value = ''] = cells;
  const isTime = typeof readFileTime(time, rule, '') === 'number';
  return isTime && value !== '' && Number.isFinite(Number(value));
}

/** In files of motes: readings are numbered, and taken every so often. */
const moteColumn = 'mote_id';
const numberColumn = 'reading';
const defaultStartMs = Date.UTC(2010, 4, 1);
const defaultIntervalMs = 5_000;

/** Whether the columns are those of a file of numbered readings. */
export function isNumbered(columns: readonly string[], shape: FileShape): boolean {
  const has = (name: string): boolean => columns.includes(name);
  const isDated = has(defaultColumns.time) || !shape.mayLackHeader;
  return has(moteColumn) && has(numberColumn) && !isDated;
}

function numberedFields(fields: RowFields, shape: FileShape, options: FileOptions): RowFields {
  if (!isNumbered(fields.columns ?? [], shape)) return fields;
  const { moteStartMs: startMs = defaultStartMs, moteIntervalMs = defaultIntervalMs } = options;
  const mote = fields.take([moteColumn]);
  const number = fields.take([numberColumn]);
  const take = (path: FieldPath): ReturnType<RowFields['take']> => {
    if (path[0] === defaultColumns.sensor) return (row) => `mote_${textOf(mote?.(row))}`;
    if (path[0] !== defaultColumns.time) return fields.take(path);
    return (row) => {
      const text = textOf(number?.(row));
      return /^\d{1,12}$/.test(text)
        ? new Date(startMs + (Number(text) - 1) * moteIntervalMs)
        : `reading ${text}`;
    };
  };
  return { ...fields, take };
}

function numberedShape(shape: FileShape, { column }: FileOptions): FileShape {
  if (column !== undefined) return shape;
  return { ...shape, measurements: { kind: 'one', field: ['temperature'] } };
}
