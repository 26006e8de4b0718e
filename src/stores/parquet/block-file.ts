// One file of history: sorted rows as Parquet, a row group a block.
//
//   sensor_id        STRING               the entity
//   event_timestamp  TIMESTAMP(ms, UTC)   the window's end
//   created          TIMESTAMP(ms, UTC)   when the row was committed
//   available_at     TIMESTAMP(ms, UTC)   from when on it counts as readable (ADR 19)
//   window_start     TIMESTAMP(ms, UTC)
//   <feature>        DOUBLE or INT64      null where the row has none
//
//   metadata  sensorium.features  the features' declarations, JSON
//             sensorium.through   the newest piece in a day file (history-folder.ts)
import { parquetMetadataAsync, parquetRead, type FileMetaData } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';

import { ConfigError } from '../../errors.ts';
import {
  declarationsJson,
  featureElement,
  textElement,
  timestampElement,
  type DeclaredFeature,
} from './elements.ts';
import { timeColumns, type HistoryBlock } from './history-block.ts';
import type { DiskFile, DiskWriter } from './history-disk.ts';

export interface BlockFileOptions {
  readonly features: readonly DeclaredFeature[];
  readonly through: number;
}

/** A writer of one file; its blocks must follow each other in order. */
export interface BlockWriter {
  write(block: HistoryBlock): Promise<void>;
  /** Makes the file durable. */
  finish(): Promise<void>;
}

export interface BlockFileFacts {
  readonly rows: number;
  readonly through: number;
  readonly features: readonly DeclaredFeature[];
}

/** Returns a writer of a history file into `sink`. */
export function blockWriter(
  sink: DiskWriter,
  { features, through }: BlockFileOptions,
): BlockWriter {
  const elements = [
    textElement('sensor_id'),
    ...timeColumns.map(timestampElement),
    ...features.map(featureElement),
  ];
  const writer = sinkWriter(sink);
  const file = new ParquetWriter({
    writer,
    schema: [{ name: 'sensor_features', num_children: elements.length }, ...elements],
    kvMetadata: [
      { key: 'sensorium.features', value: declarationsJson(features) },
      { key: 'sensorium.through', value: String(through) },
    ],
    createdBy: 'sensorium',
  });
  return {
    async write({ rows, sensorIds, times, features: values }) {
      const columns = [
        [...sensorIds],
        ...times.map((column) => BigInt64Array.from(column, BigInt)),
        ...values.map((column, index) => featureCells(column, features[index]?.type)),
      ];
      const columnData = elements.map(({ name, type }, index) => ({
        name,
        data: columns[index] ?? [],
        // A dictionary would hold 0 and −0 as one.
        ...(type === 'DOUBLE' ? { encoding: 'PLAIN' as const } : {}),
      }));
      await file.write({ columnData, rowGroupSize: rows });
    },
    async finish() {
      await file.finish();
    },
  };
}

/** hyparquet's writer, emptied into `sink` after each row group. */
function sinkWriter(sink: DiskWriter): ByteWriter {
  const writer = new ByteWriter(1_048_576);
  return Object.assign(writer, {
    async flush(): Promise<void> {
      const bytes = new Uint8Array(writer.buffer, 0, writer.index).slice();
      writer.index = 0;
      await sink.append(bytes);
    },
    async finish(): Promise<void> {
      await sink.append(new Uint8Array(writer.buffer, 0, writer.index));
      await sink.finish();
    },
  });
}

function featureCells(
  values: Float64Array,
  type: DeclaredFeature['type'] | undefined,
): Float64Array | (number | bigint | undefined)[] {
  // Most columns have no null, and a typed array is written as it is.
  if (type === 'Float64' && !values.some(Number.isNaN)) return values;
  const cell = type === 'Int64' ? BigInt : (value: number): number => value;
  return Array.from(values, (value) => (Number.isNaN(value) ? undefined : cell(value)));
}

/** An open history file. */
export interface BlockReader {
  readonly facts: BlockFileFacts;
  /** Yields the rows with `names` as their features; one that the file lacks is NaN. */
  blocks(names: readonly string[], isWanted?: WantedGroup): AsyncGenerator<HistoryBlock, undefined>;
}

/** Returns whether a row group with ids from `first` to `last` is to be read. */
export type WantedGroup = (first: string, last: string) => boolean;

/** Reads the file's metadata. @throws ConfigError when the file is not one of history. */
export async function openBlockFile(file: DiskFile, path: string): Promise<BlockReader> {
  const metadata = await metadataOf(file, path);
  const values = new Map(
    (metadata.key_value_metadata ?? []).map(({ key, value }) => [key, value ?? '']),
  );
  const through = Number(values.get('sensorium.through') ?? NaN);
  if (!Number.isSafeInteger(through)) {
    throw new ConfigError(`${path} was not written as history: move it elsewhere`, { path });
  }
  const features = JSON.parse(values.get('sensorium.features') ?? '[]') as DeclaredFeature[];
  return {
    facts: { rows: Number(metadata.num_rows), through, features },
    async *blocks(names, isWanted = () => true) {
      let rowStart = 0;
      for (const group of metadata.row_groups) {
        const rowEnd = rowStart + Number(group.num_rows);
        if (isWanted(...idRange(group))) {
          yield await readBlock(file, { metadata, rowStart, rowEnd, names });
        }
        rowStart = rowEnd;
      }
      return undefined;
    },
  };
}

async function metadataOf(file: DiskFile, path: string): Promise<FileMetaData> {
  try {
    return await parquetMetadataAsync(file);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`${path} is no whole Parquet file: ${reason}`, { path }, error);
  }
}

/** The ids' bounds; statistics hold the first bytes of a long id only. */
function idRange({ columns }: FileMetaData['row_groups'][number]): [string, string] {
  const statistics = columns[0]?.meta_data?.statistics;
  const text = (value: unknown): string | undefined =>
    typeof value === 'string' ? value : undefined;
  return [text(statistics?.min_value) ?? '', text(statistics?.max_value) ?? '\u{10ffff}'];
}

interface BlockRange {
  readonly metadata: FileMetaData;
  readonly rowStart: number;
  readonly rowEnd: number;
  readonly names: readonly string[];
}

async function readBlock(
  file: DiskFile,
  { metadata, rowStart, rowEnd, names }: BlockRange,
): Promise<HistoryBlock> {
  const rows = rowEnd - rowStart;
  const sensorIds = new Array<string>(rows).fill('');
  const present = new Set(metadata.schema.slice(1).map(({ name }) => name));
  const columns = new Map(
    [...timeColumns, ...names]
      .filter((name) => present.has(name))
      .map((name) => [name, new Float64Array(rows).fill(NaN)]),
  );
  await parquetRead({
    file,
    metadata,
    columns: ['sensor_id', ...columns.keys()],
    rowStart,
    rowEnd,
    compressors,
    parsers: { timestampFromMilliseconds: (ms: bigint) => ms },
    onChunk({ columnName, columnData, rowStart: chunkStart }) {
      const from = chunkStart - rowStart;
      const values = columns.get(columnName);
      for (let index = 0; index < columnData.length; index += 1) {
        const cell: unknown = columnData[index];
        if (values === undefined) sensorIds[from + index] = String(cell);
        else if (cell !== null && cell !== undefined) values[from + index] = Number(cell);
      }
    },
  });
  const column = (name: string): Float64Array =>
    columns.get(name) ?? new Float64Array(rows).fill(NaN);
  return { rows, sensorIds, times: timeColumns.map(column), features: names.map(column) };
}
