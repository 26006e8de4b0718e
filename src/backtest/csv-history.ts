// Rows of a CSV file in file order, one per line; empty lines are skipped. The first line names the
// columns in any order. Without a header the columns are timestamp, value and optionally sensor_id.
import { ConfigError } from '../errors.ts';
import { csvCells, csvLineBlocks, parseDecimal, parseTimestampMs } from '../producer/csv-rows.ts';
import {
  findColumns,
  historyRow,
  type ColumnNames,
  type Columns,
  type HistoryRow,
} from './history-row.ts';

interface Layout {
  readonly columns: Columns;
  /** Number of columns in the header; Infinity without a header. */
  readonly width: number;
}

/**
 * Yields the rows of the CSV file at `path` in chunks; rows without a sensor id get
 * `sensorIdDefault`.
 * @throws ConfigError if the header lacks a column, or a line is longer than any reading's.
 */
export async function* csvHistory(
  path: string,
  names: ColumnNames,
  sensorIdDefault: string,
): AsyncGenerator<readonly HistoryRow[]> {
  let layout: Layout | undefined;
  for await (const lines of csvLineBlocks(path)) {
    const rows: HistoryRow[] = [];
    for (const { text } of lines) {
      const cells = csvCells(text);
      if (layout === undefined) {
        layout = layoutOf(path, cells, names);
        if (layout.width < Infinity) continue;
      }
      rows.push(rowOf(cells, layout, sensorIdDefault));
    }
    yield rows;
  }
}

function layoutOf(path: string, cells: readonly string[], names: ColumnNames): Layout {
  const columns = findColumns(cells, names);
  if (columns !== undefined) return { columns, width: cells.length };
  const [timestamp = '', value = ''] = cells;
  if (Number.isSafeInteger(parseTimestampMs(timestamp)) && Number.isFinite(parseDecimal(value))) {
    return { columns: { timestamp: 0, value: 1, sensorId: 2 }, width: Infinity };
  }
  throw new ConfigError(
    `${path}:1: expected the columns ${names.timestamp} and ${names.value}, found ` +
      `${cells.join(', ').slice(0, 200)}; set others with --time-column and --column`,
  );
}

function rowOf(cells: readonly string[], { columns, width }: Layout, id: string): HistoryRow {
  const timestampText = cells[columns.timestamp] ?? '';
  const valueText = cells[columns.value] ?? '';
  // A decimal comma or an unquoted comma shifts the cells after it, so the row is refused.
  const isTooWide = cells.length > width && cells.slice(width).some((cell) => cell !== '');
  return historyRow(
    {
      sensorId: columns.sensorId < 0 ? undefined : cells[columns.sensorId],
      timestampText,
      valueText,
      timestampMs: parseTimestampMs(timestampText),
      value: parseDecimal(valueText),
      fault: isTooWide ? `${cells.length} cells, but the header has ${width}` : '',
    },
    id,
  );
}
