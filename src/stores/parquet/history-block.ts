// Rows of history as columns: the form in which they are sorted, merged and written. NaN stands for
// a feature that a row lacks, since no feature row holds NaN.
import type { HistoryEntry } from '../history-store.ts';

/** Sorted by sensor id (in UTF-8 order), then by event time; equal rows in the order of the log. */
export interface HistoryBlock {
  readonly rows: number;
  readonly sensorIds: readonly string[];
  /** By `timeColumns`. */
  readonly times: readonly Float64Array[];
  /** By the schema's features. */
  readonly features: readonly Float64Array[];
}

/** The columns of time, in the file's order. */
export const timeColumns = ['event_timestamp', 'created', 'available_at', 'window_start'] as const;

const dayMs = 86_400_000;

/** Returns the UTC day of `ms` as YYYY-MM-DD. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** Returns when `day` ends, ms since 1970. */
export function dayEndMs(day: string): number {
  return Date.parse(day) + dayMs;
}

/** Returns how `a` and `b` compare by their UTF-8 bytes, the order of Parquet's statistics. */
export function compareIds(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const [x, y] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (x !== y) return utf8Rank(x) - utf8Rank(y);
  }
  return a.length - b.length;
}

/** UTF-16 puts surrogates before U+E000 to U+FFFF, UTF-8 after them. */
function utf8Rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** Rows in columns of a fixed capacity. */
export class BlockBuilder {
  readonly capacity: number;
  readonly #sensorIds: string[] = [];
  readonly #times: readonly Float64Array[];
  readonly #features: readonly Float64Array[];

  constructor(features: number, capacity: number) {
    this.capacity = capacity;
    this.#times = timeColumns.map(() => new Float64Array(capacity));
    this.#features = Array.from({ length: features }, () => new Float64Array(capacity));
  }

  get rows(): number {
    return this.#sensorIds.length;
  }

  add({ row, createdMs, availableMs }: HistoryEntry, names: readonly string[]): void {
    const at = this.#sensorIds.length;
    this.#sensorIds.push(row.sensor_id);
    const times = [row.window_end, createdMs, availableMs, row.window_start];
    for (const [column, values] of this.#times.entries()) values[at] = times[column] ?? NaN;
    for (const [column, values] of this.#features.entries()) {
      values[at] = row.features[names[column] ?? ''] ?? NaN;
    }
  }

  /** Adds row `index` of `block`. */
  copy(block: HistoryBlock, index: number): void {
    const at = this.#sensorIds.length;
    this.#sensorIds.push(block.sensorIds[index] ?? '');
    copyValues(block.times, index, this.#times, at);
    copyValues(block.features, index, this.#features, at);
  }

  /** Returns the rows in the order they were added, and empties the builder. */
  take(): HistoryBlock {
    const { rows } = this;
    const part = (values: Float64Array): Float64Array => values.slice(0, rows);
    const block = {
      rows,
      sensorIds: this.#sensorIds.slice(),
      times: this.#times.map(part),
      features: this.#features.map(part),
    };
    this.#sensorIds.length = 0;
    return block;
  }
}

function copyValues(
  from: readonly Float64Array[],
  index: number,
  to: readonly Float64Array[],
  at: number,
): void {
  for (let column = 0; column < to.length; column += 1) {
    const values = to[column];
    if (values !== undefined) values[at] = from[column]?.[index] ?? NaN;
  }
}

/** Returns the rows of `block`, which are in the order of the log, sorted, by UTC day. */
export function sortedByDay(block: HistoryBlock): ReadonlyMap<string, HistoryBlock> {
  const ids = [...new Set(block.sensorIds)].sort(compareIds);
  const ranks = new Map(ids.map((id, rank) => [id, rank]));
  const rank = Float64Array.from(block.sensorIds, (id) => ranks.get(id) ?? 0);
  const endMs = block.times[0] ?? new Float64Array(block.rows);
  const days = new Map<number, number[]>();
  for (let index = 0; index < block.rows; index += 1) {
    const number = Math.floor((endMs[index] ?? 0) / dayMs);
    const rows = days.get(number);
    if (rows === undefined) days.set(number, [index]);
    else rows.push(index);
  }
  const sorted = [...days].sort(([a], [b]) => a - b);
  return new Map(
    sorted.map(([number, rows]) => {
      rows.sort(
        (a, b) => (rank[a] ?? 0) - (rank[b] ?? 0) || (endMs[a] ?? 0) - (endMs[b] ?? 0) || a - b,
      );
      return [dayOf(number * dayMs), picked(block, rows)];
    }),
  );
}

function picked(block: HistoryBlock, rows: readonly number[]): HistoryBlock {
  const of = (values: Float64Array): Float64Array =>
    Float64Array.from(rows, (index) => values[index] ?? NaN);
  return {
    rows: rows.length,
    sensorIds: rows.map((index) => block.sensorIds[index] ?? ''),
    times: block.times.map(of),
    features: block.features.map(of),
  };
}
