// Rows of a Parquet file as objects, read in blocks so that memory does not grow with the file.
// Decimals are divided by their scale here: the library multiplies by 10 ** -scale, which makes
// 20.644000000000002 of 20.644.
import {
  asyncBufferFromFile,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type FileMetaData,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';

const blockRows = 50_000;

export interface ParquetFile {
  /** The columns of the file; nested ones are one column, an object a row. */
  readonly columns: readonly string[];
  /** Yields the rows of the named columns. */
  rows(columns: readonly string[]): AsyncGenerator<readonly Readonly<Record<string, unknown>>[]>;
}

/**
 * Opens the Parquet file at `path`. `localAsText`: timestamps of no zone come as ISO text, to be
 * read in one. @throws Error if it is damaged.
 */
export async function openParquet(
  path: string,
  { localAsText }: { readonly localAsText: boolean },
): Promise<ParquetFile> {
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file);
  const columns = parquetSchema(metadata).children.map(({ element }) => element.name);
  const scales = takeScales(metadata);
  const locals = localAsText ? localTimestamps(metadata) : [];
  const rows = async function* (
    wanted: readonly string[],
  ): AsyncGenerator<readonly Readonly<Record<string, unknown>>[]> {
    const rowCount = Number(metadata.num_rows);
    const decimals = [...scales].filter(([name]) => wanted.includes(name));
    for (let rowStart = 0; rowStart < rowCount; rowStart += blockRows) {
      const rowEnd = Math.min(rowCount, rowStart + blockRows);
      const read = { file, metadata, columns: [...wanted], compressors, rowStart, rowEnd };
      const block = (await parquetReadObjects(read)) as Record<string, unknown>[];
      for (const row of block) {
        for (const [name, scale] of decimals) row[name] = scaled(row[name], scale);
        for (const name of locals) row[name] = textWithoutZone(row[name]);
      }
      yield block;
    }
  };
  return { columns, rows };
}

function localTimestamps(metadata: FileMetaData): readonly string[] {
  return parquetSchema(metadata).children.flatMap(({ element: { name, logical_type: type } }) =>
    type?.type === 'TIMESTAMP' && !type.isAdjustedToUTC ? [name] : [],
  );
}

function textWithoutZone(found: unknown): unknown {
  const isDate = found instanceof Date && !Number.isNaN(found.getTime());
  return isDate ? found.toISOString().slice(0, -1) : found;
}

/** Makes the library leave decimals unscaled; returns their scales. */
function takeScales(metadata: FileMetaData): ReadonlyMap<string, number> {
  const scales = new Map<string, number>();
  for (const { element, children } of parquetSchema(metadata).children) {
    if (children.length > 0 || element.converted_type !== 'DECIMAL') continue;
    scales.set(element.name, element.scale ?? 0);
    element.scale = 0;
  }
  return scales;
}

/** Whole numbers and powers of ten up to 22 are exact, so their quotient is the nearest double. */
function scaled(unscaled: unknown, scale: number): unknown {
  return typeof unscaled === 'number' ? unscaled / 10 ** scale : unscaled;
}
