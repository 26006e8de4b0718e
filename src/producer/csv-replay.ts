// Replays a CSV file of readings at its own pace, faster, or at once. A first pass checks every
// row, so a file with an error sends nothing; a second pass streams. Rows keep the order of the
// file, except that a file which lists one mote after the other is merged by time.
import { basename } from 'node:path';

import { ConfigError } from '../errors.ts';
import { csvCells, csvLines, parseDecimal, parseTimestampMs, type CsvLine } from './csv-rows.ts';
import type { PlannedReading } from './planned-reading.ts';

export interface CsvFormatOptions {
  /** Column of the value. Default: `value`; in mote files `temperature`. */
  readonly column: string | undefined;
  /** Sensor id for a file without such a column. Default: the file's name. */
  readonly sensorId: string | undefined;
  /** Mote files number their readings: event time of reading 1, and the interval, ms. */
  readonly moteStartMs: number;
  readonly moteIntervalMs: number;
}

export interface CsvFile {
  readonly path: string;
  readonly rows: number;
  readonly firstTimestampMs: number;
  readonly lastTimestampMs: number;
  /** Readings in the order they are sent, streamed from the file. */
  readings(): AsyncGenerator<CsvReading>;
}

export interface CsvReading {
  readonly sensorId: string;
  readonly timestampMs: number;
  readonly value: number;
}

export interface ReplayOptions {
  /** 1 = the file's own pace, Infinity = at once. */
  readonly speed: number;
  /** Added to every timestamp. */
  readonly shiftMs: number;
}

type RowReader = (cells: readonly string[]) => CsvReading | string;

interface Run {
  readonly byte: number;
  readonly lineNumber: number;
  readonly rows: number;
}

const runsMax = 1_000;

/**
 * Returns the file after one pass over it.
 * @throws ConfigError naming file and line: no such file, unknown columns, an unreadable cell, no
 * rows.
 */
export async function openCsv(path: string, options: CsvFormatOptions): Promise<CsvFile> {
  const format = { reader: undefined as RowReader | undefined, isMerged: false };
  const runs: { byte: number; lineNumber: number; rows: number }[] = [];
  let [rows, firstTimestampMs, lastTimestampMs] = [0, Infinity, -Infinity];
  let previous: CsvReading | undefined;
  for await (const line of readable(path)) {
    if (format.reader === undefined) {
      const columns = csvCells(line.text);
      format.isMerged = columns.includes('mote_id');
      format.reader = rowReader(path, columns, options);
      continue;
    }
    const reading = readRow(path, line, format.reader);
    if (previous === undefined || (format.isMerged && previous.sensorId !== reading.sensorId)) {
      runs.push({ byte: line.start, lineNumber: line.lineNumber, rows: 0 });
    }
    const run = runs.at(-1);
    if (run !== undefined) run.rows += 1;
    previous = reading;
    rows += 1;
    firstTimestampMs = Math.min(firstTimestampMs, reading.timestampMs);
    lastTimestampMs = Math.max(lastTimestampMs, reading.timestampMs);
    if (runs.length > runsMax) {
      throw new ConfigError(`${path}: motes change more than ${runsMax} times; sort it by mote_id`);
    }
  }
  const { reader } = format;
  if (reader === undefined || rows === 0) throw new ConfigError(`${path} has no rows`);
  const readings = (): AsyncGenerator<CsvReading> =>
    mergeByTime(runs.map((run) => readRun(path, run, reader)));
  return { path, rows, firstTimestampMs, lastTimestampMs, readings };
}

/**
 * Yields the readings of `file` with their due times: event time since the first reading, divided
 * by the speed. A timestamp that goes back (a repeated hour) is due at once, in file order.
 */
export async function* replayCsv(
  file: CsvFile,
  { speed, shiftMs }: ReplayOptions,
): AsyncGenerator<PlannedReading> {
  let dueMs = 0;
  for await (const { sensorId, timestampMs, value } of file.readings()) {
    dueMs = Math.max(dueMs, (timestampMs - file.firstTimestampMs) / speed);
    yield { dueMs, sensorId, timestampMs: timestampMs + shiftMs, value, kind: 'good' };
  }
}

/**
 * Returns the shift, ms, by which the file's last reading carries the time at which it is sent. No
 * reading is ahead of the clock then, at any speed.
 */
export function shiftToNow(file: CsvFile, options: { speed: number; nowMs: number }): number {
  const durationMs = (file.lastTimestampMs - file.firstTimestampMs) / options.speed;
  return Math.round(options.nowMs + durationMs - file.lastTimestampMs);
}

async function* readable(path: string): AsyncGenerator<CsvLine> {
  try {
    yield* csvLines(path);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`cannot read ${path}: ${reason}`, { path }, error);
  }
}

function rowReader(path: string, columns: readonly string[], options: CsvFormatOptions): RowReader {
  const mote = columns.indexOf('mote_id');
  const reading = columns.indexOf('reading');
  const timestamp = columns.indexOf('timestamp');
  const sensor = columns.indexOf('sensor_id');
  const isMote = mote >= 0 && reading >= 0;
  if (!isMote && timestamp < 0) {
    throw new ConfigError(`${path}:1: no column timestamp among ${columns.join(', ')}`);
  }
  const valueName = options.column ?? (isMote ? 'temperature' : 'value');
  const value = columns.indexOf(valueName);
  if (value < 0) {
    throw new ConfigError(
      `${path}:1: no column ${valueName} among ${columns.join(', ')}; name it with --column`,
    );
  }
  if (options.sensorId !== undefined && (isMote || sensor >= 0)) {
    throw new ConfigError(`${path} names its sensors itself; leave --sensor-id out`);
  }
  const oneId = options.sensorId ?? basename(path).replace(/\.csv$/i, '');
  return (cells) => {
    const text = cells[value] ?? '';
    const number = parseDecimal(text);
    if (!Number.isFinite(number)) return `${valueName} is ${JSON.stringify(text)}, not a number`;
    const sensorId = isMote ? `mote_${cells[mote] ?? ''}` : sensor < 0 ? oneId : cells[sensor];
    if (sensorId === undefined || sensorId === '') return 'no sensor_id';
    const timeText = cells[isMote ? reading : timestamp] ?? '';
    const timestampMs = isMote
      ? options.moteStartMs + (parseCount(timeText) - 1) * options.moteIntervalMs
      : parseTimestampMs(timeText);
    if (!Number.isSafeInteger(timestampMs)) {
      return `${isMote ? 'reading' : 'timestamp'} is ${JSON.stringify(timeText)}`;
    }
    return { sensorId, timestampMs, value: number };
  };
}

function parseCount(text: string): number {
  return /^\d{1,12}$/.test(text) ? Number(text) : NaN;
}

function readRow(path: string, line: CsvLine, reader: RowReader): CsvReading {
  const reading = reader(csvCells(line.text));
  if (typeof reading === 'string') throw new ConfigError(`${path}:${line.lineNumber}: ${reading}`);
  return reading;
}

async function* readRun(path: string, run: Run, reader: RowReader): AsyncGenerator<CsvReading> {
  let rows = 0;
  for await (const line of csvLines(path, run)) {
    if (rows === run.rows) return;
    rows += 1;
    yield readRow(path, line, reader);
  }
}

/**
 * Merges the runs by time; at equal times the earlier run comes first. Holds one reading per run.
 */
async function* mergeByTime(
  runs: readonly AsyncGenerator<CsvReading>[],
): AsyncGenerator<CsvReading> {
  const heads = await Promise.all(runs.map(async (run) => ({ run, head: await run.next() })));
  for (;;) {
    let least: (typeof heads)[number] | undefined;
    for (const candidate of heads) {
      if (candidate.head.done === true) continue;
      if (least === undefined || least.head.done === true) least = candidate;
      else if (candidate.head.value.timestampMs < least.head.value.timestampMs) least = candidate;
    }
    if (least === undefined || least.head.done === true) return;
    yield least.head.value;
    least.head = await least.run.next();
  }
}
