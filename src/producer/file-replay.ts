// Replays a file of readings at its own pace, faster, or at once. A first pass checks every row, so
// that a file with an unreadable row sends nothing unless the caller skips them; a second pass
// streams. Rows keep the order of the file, except that a file which lists one sensor after the
// other is merged by time: sent in its order, all sensors but the first would be late.
import { ConfigError } from '../errors.ts';
import type { FileOptions } from '../files/file-shape.ts';
import { readRows, type RowBatch, type RowRefusal } from '../files/read-rows.ts';
import type { InputDeclaration } from '../sensors/input-declaration.ts';
import type { PlannedReading } from './planned-reading.ts';

export interface ReplayFile {
  readonly path: string;
  readonly readings: number;
  readonly firstTimestampMs: number;
  readonly lastTimestampMs: number;
  /** Rows, and measurements of rows, that are no reading. */
  readonly unreadable: number;
  /** The first of them. */
  readonly unreadableFirst: readonly RowRefusal[];
  /** Yields the readings in the order they are sent. */
  batches(): AsyncGenerator<Readings>;
}

/** Readings as columns. */
export type Readings = Pick<RowBatch, 'count' | 'sensorIds' | 'timestampsMs' | 'values'>;

export interface ReplayOptions {
  /** 1 = the file's own pace, Infinity = at once. */
  readonly speed: number;
  /** Added to every timestamp. */
  readonly shiftMs: number;
}

const refusalsShown = 10;
/** A file of more readings is not merged: it is held in memory for that, 28 bytes a reading. */
const mergedMax = 20_000_000;

/**
 * Returns the file after one pass over it.
 * @throws ConfigError if it cannot be read, lacks a column, or holds no readings.
 */
export async function openReplayFile(
  path: string,
  declaration: InputDeclaration | undefined,
  options: FileOptions,
): Promise<ReplayFile> {
  const order = new RowOrder();
  const first: RowRefusal[] = [];
  let [readings, unreadable, firstTimestampMs, lastTimestampMs] = [0, 0, Infinity, -Infinity];
  for await (const batch of readRows(path, declaration, options)) {
    readings += batch.count;
    unreadable += batch.refusals.length;
    first.push(...batch.refusals.slice(0, refusalsShown - first.length));
    order.add(batch);
    for (const timestampMs of batch.timestampsMs) {
      firstTimestampMs = Math.min(firstTimestampMs, timestampMs);
      lastTimestampMs = Math.max(lastTimestampMs, timestampMs);
    }
  }
  if (readings === 0) {
    const listed = first.map(({ row, reason }) => `row ${row}: ${reason}`).join('; ');
    throw new ConfigError(`${path} has no readings${listed === '' ? '' : `: ${listed}`}`);
  }
  const isMerged = order.isOneAfterTheOther && readings <= mergedMax;
  // Notes were given in the first pass.
  const { onNote: _, ...silent } = options;
  const again = (): AsyncGenerator<Readings> => readRows(path, declaration, silent);
  return {
    ...{ path, readings, firstTimestampMs, lastTimestampMs, unreadable, unreadableFirst: first },
    batches: isMerged ? () => mergedByTime(again()) : again,
  };
}

/** Tells whether a file lists one sensor after the other, and time starts again with each. */
class RowOrder {
  private readonly sensors = new Set<string>();
  private previous: string | undefined;
  private latestMs = -Infinity;
  private isGrouped = true;
  private goesBack = false;

  get isOneAfterTheOther(): boolean {
    return this.isGrouped && this.goesBack;
  }

  add({ count, sensorIds, timestampsMs }: Readings): void {
    for (let index = 0; index < count && this.isGrouped; index += 1) {
      const sensorId = sensorIds[index] ?? '';
      const timestampMs = timestampsMs[index] ?? NaN;
      if (sensorId !== this.previous) {
        this.isGrouped = !this.sensors.has(sensorId);
        this.goesBack ||= this.previous !== undefined && timestampMs < this.latestMs;
        this.sensors.add(sensorId);
        this.previous = sensorId;
      }
      this.latestMs = Math.max(this.latestMs, timestampMs);
    }
  }
}

const mergedBatch = 10_000;

/** Yields all readings by time; at equal times the one that is first in the file comes first. */
async function* mergedByTime(batches: AsyncIterable<Readings>): AsyncGenerator<Readings> {
  const all: Readings[] = [];
  for await (const batch of batches) all.push(batch);
  const count = all.reduce((sum, batch) => sum + batch.count, 0);
  const times = new Float64Array(count);
  const places = new Uint32Array(count * 2);
  let next = 0;
  for (const [batch, { timestampsMs }] of all.entries()) {
    for (const [index, timestampMs] of timestampsMs.entries()) {
      times[next] = timestampMs;
      places.set([batch, index], next * 2);
      next += 1;
    }
  }
  const order = Uint32Array.from(times.keys()).sort(
    (a, b) => (times[a] ?? 0) - (times[b] ?? 0) || a - b,
  );
  for (let begin = 0; begin < count; begin += mergedBatch) {
    const part = order.subarray(begin, begin + mergedBatch);
    const at = (place: number): [Readings | undefined, number] => [
      all[places[place * 2] ?? 0],
      places[place * 2 + 1] ?? 0,
    ];
    const found = Array.from(part, at);
    yield {
      count: part.length,
      sensorIds: found.map(([batch, index]) => batch?.sensorIds[index] ?? ''),
      timestampsMs: Float64Array.from(found, ([batch, index]) => batch?.timestampsMs[index] ?? NaN),
      values: Float64Array.from(found, ([batch, index]) => batch?.values[index] ?? NaN),
    };
  }
}

/**
 * Yields the readings of `file` with their due times: event time since the first reading, divided
 * by the speed. A timestamp that goes back (a repeated hour) is due at once, in file order.
 */
export async function* replayFile(
  file: ReplayFile,
  { speed, shiftMs }: ReplayOptions,
): AsyncGenerator<PlannedReading> {
  let dueMs = 0;
  for await (const { count, sensorIds, timestampsMs, values } of file.batches()) {
    for (let index = 0; index < count; index += 1) {
      const timestampMs = timestampsMs[index] ?? NaN;
      dueMs = Math.max(dueMs, (timestampMs - file.firstTimestampMs) / speed);
      yield {
        dueMs,
        sensorId: sensorIds[index] ?? '',
        timestampMs: timestampMs + shiftMs,
        value: values[index] ?? NaN,
        kind: 'good',
      };
    }
  }
}

/**
 * Returns the shift, ms, by which the file's last reading carries the time at which it is sent. No
 * reading is ahead of the clock then, at any speed.
 */
export function shiftToNow(file: ReplayFile, options: { speed: number; nowMs: number }): number {
  const durationMs = (file.lastTimestampMs - file.firstTimestampMs) / options.speed;
  return Math.round(options.nowMs + durationMs - file.lastTimestampMs);
}
