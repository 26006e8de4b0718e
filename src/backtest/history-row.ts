// One row of history: a reading, or the reason why it is not one. Bad rows are kept, so that every
// input row has an output row. Next: the scorer.

export interface HistoryRow {
  readonly sensorId: string;
  /** Copied from the file to the output. */
  readonly timestampText: string;
  readonly valueText: string;
  /** Event time in ms since the epoch; NaN in an unreadable row. */
  readonly timestampMs: number;
  /** NaN in an unreadable row. */
  readonly value: number;
  /** Why the row is not a reading; empty for a reading. */
  readonly reason: string;
}

/** The unparsed cells of a row; undefined if a cell is missing. */
export interface RowCells {
  readonly sensorId: string | undefined;
  readonly timestampText: string;
  readonly valueText: string;
  readonly timestampMs: number;
  readonly value: number;
  /** An error of the row as a whole; empty if there is none. */
  readonly fault: string;
}

export interface ColumnNames {
  readonly timestamp: string;
  readonly value: string;
  readonly sensorId: string;
}

export interface Columns {
  readonly timestamp: number;
  readonly value: number;
  /** −1 if the file has no such column. */
  readonly sensorId: number;
}

/** The live program's limit: beyond it sums of squares would overflow. */
const valueMax = 1e150;
const sensorIdBytesMax = 256;

/** Returns the row for `cells`; without a sensor id it gets `sensorIdDefault`. */
export function historyRow(cells: RowCells, sensorIdDefault: string): HistoryRow {
  const { timestampText, valueText, timestampMs, value } = cells;
  const sensorId =
    cells.sensorId === undefined || cells.sensorId === '' ? sensorIdDefault : cells.sensorId;
  const reason = cells.fault === '' ? fault(cells, sensorId) : cells.fault;
  return reason === ''
    ? { sensorId, timestampText, valueText, timestampMs, value, reason }
    : { sensorId, timestampText, valueText, timestampMs: NaN, value: NaN, reason };
}

/** Returns the indexes of the columns in `names`, ignoring case; undefined if one is missing. */
export function findColumns(names: readonly string[], wanted: ColumnNames): Columns | undefined {
  const lower = names.map((name) => name.trim().toLowerCase());
  const find = (name: string): number => lower.indexOf(name.toLowerCase());
  const columns = {
    timestamp: find(wanted.timestamp),
    value: find(wanted.value),
    sensorId: find(wanted.sensorId),
  };
  return columns.timestamp < 0 || columns.value < 0 ? undefined : columns;
}

function fault({ timestampText, valueText, timestampMs, value }: RowCells, id: string): string {
  if (timestampText === '') return 'timestamp is missing';
  if (!Number.isSafeInteger(timestampMs)) return `timestamp is not a time: ${shown(timestampText)}`;
  if (valueText === '') return 'value is missing';
  if (!Number.isFinite(value)) return `value is not a number: ${shown(valueText)}`;
  if (Math.abs(value) > valueMax) return 'value is beyond ±1e150';
  // One UTF-16 unit takes at most three bytes, so shorter ids need no count.
  if (id.length * 3 > sensorIdBytesMax && Buffer.byteLength(id) > sensorIdBytesMax) {
    return `sensor_id is longer than ${sensorIdBytesMax} bytes`;
  }
  return '';
}

function shown(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
