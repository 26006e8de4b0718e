// Files → readings sorted by time, in bounded memory: collected into runs, which are merged when
// they are folded. All files are read before a row is written, so unreadable rows are known first.
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { ConfigError } from '../errors.ts';
import type { FileOptions } from '../files/file-shape.ts';
import { readRows, type RowBatch, type RowRefusal } from '../files/read-rows.ts';
import { processExists } from '../process-exists.ts';
import type { InputDeclaration } from '../sensors/input-declaration.ts';
import { mergeRuns } from './merge-runs.ts';
import {
  RunBuilder,
  runInMemory,
  runReadingsMax,
  writeRun,
  type ReadingBlock,
  type ReadingRun,
} from './reading-runs.ts';

export interface FilesToSort {
  /** Readings of equal times are folded in the order of the files. */
  readonly paths: readonly string[];
  readonly declaration: InputDeclaration | undefined;
  readonly options: FileOptions;
  /** Only readings from here on, ms. */
  readonly fromMs: number;
  /** Only readings before, ms. */
  readonly toMs: number;
  /** The fold refuses later readings, so `lastMs` leaves them out. */
  readonly latestMs: number;
  /** The runs lie in a new folder in it, if there is more than one. */
  readonly folder: string;
  readonly runReadings?: number;
  readonly signal: AbortSignal;
  onProgress(readings: number): void;
}

export interface FileRefusal extends RowRefusal {
  readonly path: string;
}

export interface SortedReadings {
  readonly readings: number;
  /** Readings outside the range. */
  readonly leftOut: number;
  /** Time of the first reading, ms; of the last that is not from the future. */
  readonly firstMs: number;
  readonly lastMs: number;
  /** Blocks name a sensor by its index here. */
  readonly sensorIds: readonly string[];
  readonly unreadable: number;
  /** The first of the unreadable rows. */
  readonly unreadableFirst: readonly FileRefusal[];
  /** Yields the readings by time; those of equal times in the order of the files. */
  blocks(): AsyncGenerator<ReadingBlock>;
  /** Removes the runs. */
  close(): Promise<void>;
}

const refusalsShown = 10;
const sensorsMax = 10_000_000;
const runsPrefix = '.sorting-';

/**
 * Reads all files. The caller closes the result.
 * @throws ConfigError if a file cannot be read, or holds too many sensors.
 */
export async function sortReadings(files: FilesToSort): Promise<SortedReadings> {
  const sorting = new Sorting(files);
  try {
    for (const path of files.paths) await sorting.readFile(path);
    return await sorting.end();
  } catch (error) {
    await sorting.close();
    throw error;
  }
}

class Sorting {
  readonly #files: FilesToSort;
  readonly #builder: RunBuilder;
  readonly #indexes: Map<string, number> = new Map();
  readonly #sensorIds: string[] = [];
  readonly #runs: ReadingRun[] = [];
  readonly #first: FileRefusal[] = [];
  #folder: string | undefined;
  #readings = 0;
  #leftOut = 0;
  #unreadable = 0;
  #firstMs = Infinity;
  #lastMs = -Infinity;

  constructor(files: FilesToSort) {
    this.#files = files;
    this.#builder = new RunBuilder(files.runReadings ?? runReadingsMax);
  }

  async readFile(path: string): Promise<void> {
    const { declaration, options, signal } = this.#files;
    for await (const batch of readRows(path, declaration, options)) {
      signal.throwIfAborted();
      this.#unreadable += batch.refusals.length;
      for (const refusal of batch.refusals.slice(0, refusalsShown - this.#first.length)) {
        this.#first.push({ ...refusal, path });
      }
      await this.#add(batch);
      this.#files.onProgress(this.#readings);
    }
  }

  async end(): Promise<SortedReadings> {
    if (this.#builder.count > 0) {
      if (this.#runs.length === 0) this.#runs.push(runInMemory(this.#builder.take()));
      else await this.#writeRun();
    }
    return {
      ...{ readings: this.#readings, leftOut: this.#leftOut, unreadable: this.#unreadable },
      ...{ firstMs: this.#firstMs, lastMs: this.#lastMs, sensorIds: this.#sensorIds },
      unreadableFirst: this.#first,
      blocks: () => mergeRuns(this.#runs),
      close: () => this.close(),
    };
  }

  async close(): Promise<void> {
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
  }

  async #add({ count, sensorIds, timestampsMs, values }: RowBatch): Promise<void> {
    const { fromMs, latestMs, toMs } = this.#files;
    for (let at = 0; at < count; at += 1) {
      const timeMs = timestampsMs[at] ?? NaN;
      if (timeMs < fromMs || timeMs >= toMs) {
        this.#leftOut += 1;
        continue;
      }
      if (timeMs < this.#firstMs) this.#firstMs = timeMs;
      if (timeMs > this.#lastMs && timeMs <= latestMs) this.#lastMs = timeMs;
      this.#builder.add(this.#indexOf(sensorIds[at] ?? ''), timeMs, values[at] ?? NaN);
      this.#readings += 1;
      if (this.#builder.isFull) await this.#writeRun();
    }
  }

  #indexOf(sensorId: string): number {
    const known = this.#indexes.get(sensorId);
    if (known !== undefined) return known;
    const index = this.#sensorIds.length;
    if (index >= sensorsMax) {
      throw new ConfigError(`more than ${sensorsMax} sensors: backfill the files in parts`);
    }
    this.#indexes.set(sensorId, index);
    this.#sensorIds.push(sensorId);
    return index;
  }

  async #writeRun(): Promise<void> {
    this.#folder ??= await newFolder(this.#files.folder);
    this.#runs.push(await writeRun(this.#folder, this.#runs.length, this.#builder.take()));
  }
}

/** Makes a folder for this process, and removes those of processes that were killed. */
async function newFolder(parent: string): Promise<string> {
  await mkdir(parent, { recursive: true });
  for (const name of await readdir(parent)) {
    const pid = Number(/^\.sorting-(\d+)-/.exec(name)?.[1] ?? NaN);
    if (!Number.isNaN(pid) && pid !== process.pid && !processExists(pid)) {
      await rm(join(parent, name), { recursive: true, force: true });
    }
  }
  return mkdtemp(join(parent, `${runsPrefix}${process.pid}-`));
}
