// The files of a backtest: those named, and those in the folders named, in natural order.
import { readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { ConfigError } from '../errors.ts';
import { stem } from '../files/read-rows.ts';

export interface InputFile {
  readonly path: string;
  /** Sensor id of rows without one; undefined: the name of the file without its endings. */
  readonly sensorId: string | undefined;
}

/** Of files that are taken from a folder: `.json` and `.txt` are mostly labels and notes. */
const readingsEnding = /\.(csv|tsv|jsonl|ndjson|parquet)(\.(gz|zst))?$/i;
const naturally = new Intl.Collator('en', { numeric: true }).compare;

/**
 * Returns the files at `paths`; a folder stands for its files and those of its folders, except
 * `excluded`. Where two files would name the same sensor, each is named by its whole path.
 * @throws ConfigError if a path does not exist, or a folder holds no file of readings.
 */
export function inputFiles(
  paths: readonly string[],
  excluded: readonly string[] = [],
): readonly InputFile[] {
  const left = new Set(excluded.map((path) => resolve(path)));
  const found = [...new Set(paths.flatMap((path) => filesAt(path, left)))];
  const stems = found.map((path) => stem(path));
  const shared = new Set(stems.filter((name, at) => stems.indexOf(name) !== at));
  return found.map((path) => ({
    path,
    sensorId: shared.has(stem(path)) ? wholeName(path) : undefined,
  }));
}

function filesAt(path: string, excluded: ReadonlySet<string>): readonly string[] {
  const entry = statSync(path, { throwIfNoEntry: false });
  // A file that is absent is named by the reader of files.
  if (entry?.isDirectory() !== true) return [path];
  const files = inFolder(path).filter((file) => !excluded.has(resolve(file)));
  if (files.length > 0) return files;
  throw new ConfigError(`${path}: no .csv, .tsv, .ndjson, .jsonl or .parquet file in this folder`);
}

function inFolder(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !name.startsWith('.'))
    .toSorted((a, b) => naturally(a.name, b.name))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return inFolder(path);
      return readingsEnding.test(entry.name) ? [path] : [];
    });
}

function wholeName(path: string): string {
  return path.replace(readingsEnding, '').replace(/^(\.{0,2}[\\/])+/, '');
}
