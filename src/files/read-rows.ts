// The readings of a file: CSV of any dialect, NDJSON, a JSON array or Parquet. The declaration or
// the columns' names say where they are. One reader for `produce`, `backtest` and every other
// command. Streams: memory does not grow with the file.
//
//   bytes ─inflate─▶ text ─▶ lines ─▶ rows (cells or objects) ─fields─▶ readings and refusals
import { basename } from 'node:path';

import { ConfigError, isSensoriumError } from '../errors.ts';
import { pathText, type InputDeclaration } from '../sensors/input-declaration.ts';
import { objectFields } from './bind-fields.ts';
import { csvRows } from './csv-rows.ts';
import { fileKind } from './file-bytes.ts';
import { defaultColumns, fileShape, type FileOptions, type FileShape } from './file-shape.ts';
import { printable, type FileTimeRule } from './file-time.ts';
import { beginsJson, jsonRows } from './json-rows.ts';
import { createRowReader, type FileRow } from './row-reader.ts';
import { isNumbered, refusedRow, TableReader } from './table-rows.ts';
import { textLines } from './text-lines.ts';

/** A part of a file: its readings as columns, in the order of the file, and its refusals. */
export interface RowBatch {
  readonly count: number;
  readonly sensorIds: readonly string[];
  /** Event times, ms since epoch. */
  readonly timestampsMs: Float64Array;
  readonly values: Float64Array;
  /** The row of each reading, from 1; several readings may share one. */
  readonly rows: Float64Array;
  readonly refusals: readonly RowRefusal[];
}

export interface RowRefusal {
  readonly row: number;
  /** The field that was refused; empty where it is the row. */
  readonly field: string;
  readonly reason: string;
}

/**
 * Yields the readings of the file at `path` and the rows that hold none, in batches. Without a
 * declaration they are in the columns timestamp, value and sensor_id.
 * @throws ConfigError naming the file if it cannot be read, or lacks a column.
 */
export async function* readRows(
  path: string,
  declaration: InputDeclaration | undefined,
  options: FileOptions = {},
): AsyncGenerator<RowBatch> {
  for await (const rows of fileRows(path, declaration, options)) yield batchOf(rows);
}

function batchOf(rows: readonly FileRow[]): RowBatch {
  const readings = rows.filter(({ reason }) => reason === '');
  return {
    count: readings.length,
    sensorIds: readings.map(({ sensorId }) => sensorId),
    timestampsMs: Float64Array.from(readings, ({ timestampMs }) => timestampMs),
    values: Float64Array.from(readings, ({ value }) => value),
    rows: Float64Array.from(readings, ({ row }) => row),
    refusals:
      readings.length === rows.length
        ? []
        : rows
            .filter(({ reason }) => reason !== '')
            .map(({ row, field, reason }) => ({ row, field, reason })),
  };
}

/**
 * Yields every reading of the file, and every refused row or measurement with its reason, in the
 * order of the file, in blocks.
 * @throws ConfigError naming the file if it cannot be read, or lacks a column.
 */
export async function* fileRows(
  path: string,
  declaration: InputDeclaration | undefined,
  options: FileOptions = {},
): AsyncGenerator<readonly FileRow[]> {
  try {
    const shape = fileShape(declaration, options, stem(path));
    const rule = {
      unit: shape.timeUnit,
      zone: shape.zone,
      nowMs: Date.now(),
      doubts: { count: 0, unit: '', commas: 0 },
    };
    const opened = { path, shape, options, rule };
    if ((await fileKind(path)) === 'parquet') yield* parquetFile(opened);
    else if (options.separator === undefined && (await isJson(path))) yield* jsonFile(opened);
    else yield* csvFile(opened);
    noteDoubts(opened);
  } catch (error) {
    if (isSensoriumError(error)) {
      if (error.message.includes(path)) throw error;
      throw new ConfigError(`${path}: ${error.message}`, { path }, error);
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`cannot read ${path}: ${reason}`, { path }, error);
  }
}

/** Returns the file name without folders and without the endings that name its format. */
export function stem(path: string): string {
  return basename(path).replace(/\.(csv|tsv|txt|json|jsonl|ndjson|parquet)?(\.(gz|zst))?$/i, '');
}

interface OpenedFile {
  readonly path: string;
  readonly shape: FileShape;
  readonly options: FileOptions;
  readonly rule: FileTimeRule;
}

async function isJson(path: string): Promise<boolean> {
  for await (const lines of textLines(path)) return beginsJson(lines[0]?.text ?? '');
  return false;
}

async function* csvFile(opened: OpenedFile): AsyncGenerator<readonly FileRow[]> {
  const { path, options, rule } = opened;
  const { separator, onNote } = options;
  const shape: FileShape = { ...opened.shape, isTable: true };
  const table = new TableReader(shape, options, rule);
  const csv = csvRows(path, { separator, ...(onNote === undefined ? {} : { onNote }) });
  for await (const rows of csv) {
    const out: FileRow[] = [];
    table.read(rows, out);
    yield out;
  }
  noteMerged(table.columns, opened);
}

async function* jsonFile(opened: OpenedFile): AsyncGenerator<readonly FileRow[]> {
  const { path, shape, options, rule } = opened;
  const reader = createRowReader(shape, objectFields(), rule);
  let row = 0;
  for await (const rows of jsonRows(path, options.onNote)) {
    const out: FileRow[] = [];
    for (const { value, fault } of rows) {
      row += 1;
      if (fault === '') reader.read(row, value, out);
      else out.push(refusedRow(row, fault));
    }
    yield out;
  }
}

async function* parquetFile(opened: OpenedFile): AsyncGenerator<readonly FileRow[]> {
  const { path, shape, options, rule } = opened;
  // Loaded on demand: the reader and its decompressors would add 70 ms to every start.
  const { openParquet } = await import('./parquet-rows.ts');
  const file = await openParquet(path, { localAsText: options.timeZone !== undefined });
  const reader = createRowReader(shape, objectFields(file.columns), rule);
  let row = 0;
  for await (const rows of file.rows(neededColumns(file.columns, shape))) {
    const out: FileRow[] = [];
    for (const values of rows) {
      row += 1;
      reader.read(row, values, out);
    }
    yield out;
  }
  noteMerged(file.columns, opened);
}

/** Returns the columns that the fields lie in. */
function neededColumns(columns: readonly string[], shape: FileShape): readonly string[] {
  const { measurements, idFields, time } = shape;
  const paths = [...idFields, time];
  switch (measurements.kind) {
    case 'one':
      paths.push(measurements.field);
      break;
    case 'several':
      paths.push(...measurements.fields.map(({ field }) => field));
      break;
    case 'long':
      paths.push(measurements.metric, measurements.field);
      break;
    case 'every':
      if (measurements.under.length === 0) return columns;
      paths.push(measurements.under);
      break;
    default:
      return measurements satisfies never;
  }
  const names = new Set(
    paths.flatMap((path) => [String(path[0]), pathText(path)].map((name) => name.toLowerCase())),
  );
  return columns.filter((column) => names.has(column.trim().toLowerCase()));
}

const idName =
  /^(device|sensor|node|machine|mote|tag|asset|station|meter|unit|host)(_?(id|name))?$|^hostname$|^id$/i;

/** All rows are one sensor, though a column looks like an id. */
function noteMerged(columns: readonly string[], { shape, options }: OpenedFile): void {
  const { sensor } = defaultColumns;
  if (options.sensorId !== undefined || shape.idDefault === undefined) return;
  if (options.sensorColumn !== undefined || columns.some((name) => lower(name) === sensor)) return;
  const column = columns.find((name) => idName.test(name.trim()));
  if (column === undefined || isNumbered(columns, shape)) return;
  options.onNote?.(
    `all rows are the sensor ${shape.idDefault}; if ${printable(column)} names their sensors, ` +
      `say --sensor-column ${printable(column)}`,
  );
}

function lower(name: string): string {
  return name.trim().toLowerCase();
}

function noteDoubts({ rule, options, shape }: OpenedFile): void {
  const { doubts, zone } = rule;
  if (doubts.count > 0) {
    options.onNote?.(
      `${doubts.count} times lie in early 1970; they make sense as ${doubts.unit}: ` +
        `say --time-unit ${doubts.unit}`,
    );
  }
  if (doubts.commas > 0 && shape.decimal === 'point') {
    options.onNote?.(`${doubts.commas} values have a decimal comma: say --decimal-comma`);
  }
  if (zone.repeated > 0) {
    options.onNote?.(
      `${zone.repeated} times lie in an hour that ${options.timeZone ?? ''} has twice, the first ` +
        `${zone.firstRepeated}; the second is meant from where a sensor's time goes back or repeats`,
    );
  }
}
