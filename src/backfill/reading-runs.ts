// Runs: parts of the readings, each sorted by time. Readings are collected in memory, and sorted
// once there are enough for a run. A single run stays in memory; of several, each is a file of
// blocks.
//
//   block  times   f64 × n
//          values  f64 × n
//          sensors u32 × n      n = 8,192 readings; fewer in the last block of a run
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

import { assert } from '../errors.ts';

/** Readings as columns. A sensor is its index in the list of all ids. */
export interface ReadingBlock {
  readonly count: number;
  readonly timesMs: Float64Array;
  readonly values: Float64Array;
  readonly sensors: Uint32Array;
}

/** Readings sorted by time; those of equal times are in the order of the files. */
export interface ReadingRun {
  blocks(): AsyncGenerator<ReadingBlock, undefined>;
}

/** Readings of a run: 20 MB, and as much again while they are sorted. */
export const runReadingsMax = 1_000_000;
const blockReadings = 8_192;
const readingBytes = 20;

/** Collects readings for one run. */
export class RunBuilder {
  readonly #timesMs: Float64Array;
  readonly #values: Float64Array;
  readonly #sensors: Uint32Array;
  #count = 0;
  #isSorted = true;

  constructor(readingsMax: number = runReadingsMax) {
    this.#timesMs = new Float64Array(readingsMax);
    this.#values = new Float64Array(readingsMax);
    this.#sensors = new Uint32Array(readingsMax);
  }

  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count === this.#timesMs.length;
  }

  add(sensor: number, timeMs: number, value: number): void {
    const at = this.#count;
    if (at > 0 && timeMs < (this.#timesMs[at - 1] ?? 0)) this.#isSorted = false;
    this.#timesMs[at] = timeMs;
    this.#values[at] = value;
    this.#sensors[at] = sensor;
    this.#count = at + 1;
  }

  /** Returns the readings, sorted, as a copy, and empties the builder. */
  take(): ReadingBlock {
    const count = this.#count;
    const order = this.#isSorted ? undefined : sortedOrder(this.#timesMs.subarray(0, count));
    const block = {
      count,
      timesMs: picked(this.#timesMs.subarray(0, count), order),
      values: picked(this.#values.subarray(0, count), order),
      sensors: picked(this.#sensors.subarray(0, count), order),
    };
    this.#count = 0;
    this.#isSorted = true;
    return block;
  }
}

/** Returns the indexes of `times` in order of time; equal times keep their order. */
function sortedOrder(times: Float64Array): Uint32Array {
  const order = Uint32Array.from(times.keys());
  return order.sort((a, b) => (times[a] ?? 0) - (times[b] ?? 0) || a - b);
}

function picked<Column extends Float64Array | Uint32Array>(
  column: Column,
  order: Uint32Array | undefined,
): Column {
  const copy = column.slice() as Column;
  if (order === undefined) return copy;
  for (let at = 0; at < order.length; at += 1) copy[at] = column[order[at] ?? 0] ?? NaN;
  return copy;
}

/** Returns a run that stays in memory. */
export function runInMemory(readings: ReadingBlock): ReadingRun {
  return {
    async *blocks() {
      if (readings.count > 0) yield await Promise.resolve(readings);
      return undefined;
    },
  };
}

/** Writes the readings to a file in `folder`, and returns the run that reads it. */
export async function writeRun(
  folder: string,
  number: number,
  readings: ReadingBlock,
): Promise<ReadingRun> {
  const path = join(folder, `run-${number}`);
  const { count, timesMs, values, sensors } = readings;
  const file = await open(path, 'w');
  try {
    for (let from = 0; from < count; from += blockReadings) {
      const to = Math.min(count, from + blockReadings);
      await file.writev([
        bytesOf(timesMs.subarray(from, to)),
        bytesOf(values.subarray(from, to)),
        bytesOf(sensors.subarray(from, to)),
      ]);
    }
  } finally {
    await file.close();
  }
  return { blocks: () => readRun(path, count) };
}

async function* readRun(path: string, count: number): AsyncGenerator<ReadingBlock, undefined> {
  const file = await open(path, 'r');
  try {
    for (let from = 0; from < count; from += blockReadings) {
      yield await readBlock(file, from, Math.min(blockReadings, count - from));
    }
    return undefined;
  } finally {
    await file.close();
  }
}

async function readBlock(file: FileHandle, from: number, count: number): Promise<ReadingBlock> {
  const bytes = new Uint8Array(count * readingBytes);
  const { bytesRead } = await file.read(bytes, 0, bytes.length, from * readingBytes);
  assert(bytesRead === bytes.length, 'a run holds all its readings', { from });
  return {
    count,
    timesMs: new Float64Array(bytes.buffer, 0, count),
    values: new Float64Array(bytes.buffer, 8 * count, count),
    sensors: new Uint32Array(bytes.buffer, 16 * count, count),
  };
}

function bytesOf(column: Float64Array | Uint32Array): Uint8Array {
  return new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
}
