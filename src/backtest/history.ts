// Reads the rows of a file, CSV or Parquet.
import { open } from 'node:fs/promises';
import { basename } from 'node:path';

import { ConfigError, isSensoriumError } from '../errors.ts';
import { csvHistory } from './csv-history.ts';
import type { ColumnNames, HistoryRow } from './history-row.ts';

export interface HistoryOptions {
  readonly columns: ColumnNames;
  /** Sensor id of rows without one; default: the file name without `.csv` or `.parquet`. */
  readonly sensorId: string | undefined;
}

/**
 * Yields the rows of the file at `path` in order, in chunks. Detects Parquet by its first bytes;
 * any other file is read as CSV.
 * @throws ConfigError naming the file and its problem.
 */
export async function* readHistory(
  path: string,
  { columns, sensorId }: HistoryOptions,
): AsyncGenerator<readonly HistoryRow[]> {
  const idDefault = sensorId ?? stem(path);
  try {
    if (await isParquet(path)) {
      // Loaded on demand: the reader and its decompressors would add 70 ms to every start.
      const { parquetHistory } = await import('./parquet-history.ts');
      yield* parquetHistory(path, columns, idDefault);
    } else {
      yield* csvHistory(path, columns, idDefault);
    }
  } catch (error) {
    if (isSensoriumError(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`cannot read ${path}: ${reason}`, { path }, error);
  }
}

/** Returns the file name without folders and without `.csv` or `.parquet`. */
export function stem(path: string): string {
  return basename(path).replace(/\.(csv|parquet)$/i, '');
}

async function isParquet(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.toString('latin1', 0, bytesRead) === 'PAR1';
  } finally {
    await file.close();
  }
}
