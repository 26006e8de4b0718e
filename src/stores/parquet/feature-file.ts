// Writes feature rows to one Parquet file: first to a temporary file, renamed once complete, so
// that nobody reads half a file. Memory does not grow with the rows.
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { fileWriter, parquetWriteRows } from 'hyparquet-writer';

import { ConfigError, isSensoriumError } from '../../errors.ts';
import type { HistoryEntry } from '../history-store.ts';
import { declarationsJson, type DeclaredFeature } from './elements.ts';
import { featureColumns, type FeatureColumn } from './feature-columns.ts';

export interface FeatureFile {
  readonly path: string;
  readonly features: readonly DeclaredFeature[];
  readonly lineage: 'with lineage' | 'without lineage';
}

/** Rows buffered per row group: some tens of MB. */
const groupRows = 50_000;

/**
 * Writes `rows` to the file, creating its folder and replacing an existing file.
 * @throws ConfigError if it cannot be written, or the error of `rows`; no new file is left then.
 */
export async function writeFeatureFile(
  { path, features, lineage }: FeatureFile,
  rows: AsyncIterable<HistoryEntry>,
): Promise<void> {
  const columns = featureColumns(features, lineage);
  // Readers of a whole folder skip names that start with a dot.
  const partPath = join(dirname(path), `.${basename(path)}.part`);
  try {
    mkdirSync(dirname(path), { recursive: true });
  } catch (error) {
    throw notWritable(path, error);
  }
  try {
    await parquetWriteRows({
      writer: fileWriter(partPath),
      rows: cellsOf(rows, columns),
      // A dictionary would merge 0 and −0.
      columns: columns.map(({ element: { name, type } }) =>
        type === 'DOUBLE' ? { name, encoding: 'PLAIN' } : { name },
      ),
      schema: [
        { name: 'sensor_features', num_children: columns.length },
        ...columns.map(({ element }) => element),
      ],
      rowGroupSize: groupRows,
      kvMetadata: [{ key: 'sensorium.features', value: declarationsJson(features) }],
      createdBy: 'sensorium',
    });
    renameSync(partPath, path);
  } catch (error) {
    rmSync(partPath, { force: true });
    throw isSensoriumError(error) ? error : notWritable(path, error);
  }
}

function notWritable(path: string, error: unknown): ConfigError {
  const reason = error instanceof Error ? error.message : String(error);
  return new ConfigError(`cannot write ${path}: ${reason}`, { path }, error);
}

async function* cellsOf(
  rows: AsyncIterable<HistoryEntry>,
  columns: readonly FeatureColumn[],
): AsyncGenerator<Record<string, unknown>> {
  for await (const committed of rows) {
    yield Object.fromEntries(columns.map(({ element, cell }) => [element.name, cell(committed)]));
  }
}
