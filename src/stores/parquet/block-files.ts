// Files of sorted rows on a disk: opened together to be merged, written whole.
import { assert } from '../../errors.ts';
import {
  blockWriter,
  openBlockFile,
  type BlockFileOptions,
  type BlockReader,
} from './block-file.ts';
import type { HistoryBlock } from './history-block.ts';
import type { DiskFile, HistoryDisk } from './history-disk.ts';
import { mergeBlocks } from './merge-blocks.ts';
import { keptRows, type KeepsRow } from './sensor-range.ts';

export interface OpenBlockFile {
  readonly file: DiskFile;
  readonly reader: BlockReader;
}

/** Opens files that must exist. The caller closes them with `closeFiles`. */
export async function openFiles(
  disk: HistoryDisk,
  paths: readonly string[],
): Promise<readonly OpenBlockFile[]> {
  const opened: OpenBlockFile[] = [];
  for (const path of paths) {
    const found = await openIfThere(disk, path);
    assert(found !== undefined, `history: ${path} is gone`, { path });
    opened.push(found);
  }
  return opened;
}

/** Opens the file at `path`, or returns undefined if there is no such file. */
export async function openIfThere(
  disk: Pick<HistoryDisk, 'open'>,
  path: string,
): Promise<OpenBlockFile | undefined> {
  const file = await disk.open(path);
  if (file === undefined) return undefined;
  try {
    return { file, reader: await openBlockFile(file, path) };
  } catch (error) {
    // A server that is asked for a damaged file again and again must not run out of descriptors.
    await file.close();
    throw error;
  }
}

export async function closeFiles(files: readonly OpenBlockFile[]): Promise<void> {
  for (const { file } of files) await file.close();
}

export interface MergeOptions {
  readonly rowsMax: number;
  /** Called after each block. */
  onBlock(): Promise<void>;
  /** Filter of the rows that are written; default: all. */
  readonly keeps?: KeepsRow;
}

/** Writes the rows of `sources`, merged, and returns how many it wrote. */
export async function writeMerged(
  disk: HistoryDisk,
  path: string,
  options: BlockFileOptions & MergeOptions,
  sources: readonly OpenBlockFile[],
): Promise<number> {
  const names = options.features.map(({ name }) => name);
  const merged = mergeBlocks(
    sources.map(({ reader }) => reader.blocks(names)),
    { features: names.length, rowsMax: options.rowsMax },
  );
  let removed = 0;
  const blocks = afterEach(merged, options, (rows) => (removed += rows));
  const written = await writeBlocks(disk, path, options, blocks);
  const read = sources.reduce((sum, { reader }) => sum + reader.facts.rows, 0);
  assert(written + removed === read, `history: ${read} rows merged into ${written}`, { path });
  return written;
}

async function* afterEach(
  blocks: AsyncIterable<HistoryBlock>,
  { keeps, onBlock }: MergeOptions,
  onRemoved: (rows: number) => void,
): AsyncGenerator<HistoryBlock> {
  for await (const block of blocks) {
    const kept = keeps === undefined ? block : keptRows(block, keeps);
    onRemoved(block.rows - kept.rows);
    if (kept.rows > 0) yield kept;
    await onBlock();
  }
}

/** Writes `blocks` as one durable file, and returns its rows. */
export async function writeBlocks(
  disk: HistoryDisk,
  path: string,
  options: BlockFileOptions,
  blocks: Iterable<HistoryBlock> | AsyncIterable<HistoryBlock>,
): Promise<number> {
  const sink = await disk.create(path);
  try {
    const writer = blockWriter(sink, options);
    let rows = 0;
    for await (const block of blocks) {
      await writer.write(block);
      rows += block.rows;
    }
    await writer.finish();
    return rows;
  } catch (error) {
    await sink.abandon();
    throw error;
  }
}

/** Yields `block` in parts of at most `rowsMax` rows. */
export function* cut(block: HistoryBlock, rowsMax: number): Generator<HistoryBlock> {
  for (let from = 0; from < block.rows; from += rowsMax) {
    const to = Math.min(block.rows, from + rowsMax);
    const part = (values: Float64Array): Float64Array => values.subarray(from, to);
    yield {
      rows: to - from,
      sensorIds: block.sensorIds.slice(from, to),
      times: block.times.map(part),
      features: block.features.map(part),
    };
  }
}
