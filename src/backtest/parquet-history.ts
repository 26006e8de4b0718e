// Rows of a Parquet file in file order, read in blocks so that memory does not grow with the file.
import {
  asyncBufferFromFile,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';

import { ConfigError } from '../errors.ts';
import { parseDecimal, parseTimestampMs } from '../producer/csv-rows.ts';
import { findColumns, historyRow, type ColumnNames, type HistoryRow } from './history-row.ts';

const blockRows = 50_000;

/**
 * Yields the rows of the Parquet file at `path` in chunks. Timestamps may be timestamps, integers
 * in ms or text; values numbers or text. Rows without a sensor id get `sensorIdDefault`.
 * @throws ConfigError if the file lacks a column or cannot be read.
 */
export async function* parquetHistory(
  path: string,
  names: ColumnNames,
  sensorIdDefault: string,
): AsyncGenerator<readonly HistoryRow[]> {
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file);
  const present = parquetSchema(metadata).children.map(({ element }) => element.name);
  const found = findColumns(present, names);
  if (found === undefined) {
    throw new ConfigError(
      `${path}: expected the columns ${names.timestamp} and ${names.value}, found ` +
        `${present.join(', ')}; set others with --time-column and --column`,
    );
  }
  const [timestamp = '', value = ''] = [present[found.timestamp], present[found.value]];
  const sensorId = present[found.sensorId];
  const columns = [timestamp, value, ...(sensorId === undefined ? [] : [sensorId])];
  const rowCount = Number(metadata.num_rows);
  for (let rowStart = 0; rowStart < rowCount; rowStart += blockRows) {
    const rowEnd = Math.min(rowCount, rowStart + blockRows);
    const options = { file, metadata, columns, compressors, rowStart, rowEnd };
    const rows = await parquetReadObjects(options);
    yield rows.map((cells) => {
      const id: unknown = sensorId === undefined ? undefined : cells[sensorId];
      return rowOf(cells[timestamp], cells[value], textOf(id), sensorIdDefault);
    });
  }
}

function rowOf(time: unknown, value: unknown, sensorId: string, idDefault: string): HistoryRow {
  const timestampText = textOf(time);
  const valueText = textOf(value);
  return historyRow(
    {
      sensorId,
      timestampText,
      valueText,
      timestampMs: time instanceof Date ? time.getTime() : parseTimestampMs(timestampText),
      value: typeof value === 'string' ? parseDecimal(value.trim()) : numberOf(value),
      fault: '',
    },
    idDefault,
  );
}

function numberOf(cell: unknown): number {
  return typeof cell === 'number' || typeof cell === 'bigint' ? Number(cell) : NaN;
}

function textOf(cell: unknown): string {
  if (typeof cell === 'string') return cell;
  if (typeof cell === 'number' || typeof cell === 'bigint') return String(cell);
  if (cell === undefined || cell === null) return '';
  if (!(cell instanceof Date)) return JSON.stringify(cell);
  return Number.isNaN(cell.getTime()) ? 'no date' : cell.toISOString();
}
