// The bytes of a file of readings, inflated where it is a gzip or Zstandard file. Streams: memory
// is bounded by a chunk, whatever the file inflates to. Next: text-lines.ts.
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';

import { Decompress } from 'fzstd';

import { ConfigError } from '../errors.ts';

export type FileKind = 'text' | 'parquet';

/** First bytes of files that hold no readings as they are, and the cure. */
const foreign: readonly (readonly [string, string])[] = [
  ['504b0304', 'is a ZIP archive or an Excel workbook; unpack it, or save the sheet as CSV'],
  ['d0cf11e0', 'is an old Excel workbook; save the sheet as CSV'],
  ['425a68', 'is a bzip2 file; unpack it first'],
  ['fd377a585a00', 'is an xz file; unpack it first'],
  ['4f7261', 'is an ORC file; convert it to Parquet or CSV'],
  ['4f626a01', 'is an Avro file; convert it to Parquet or CSV'],
  ['4152524f5731', 'is an Arrow file; convert it to Parquet or CSV'],
];
const gzip = '1f8b';
const zstd = '28b52ffd';
const parquet = Buffer.from('PAR1').toString('hex');
const headBytes = 8;

/**
 * Returns whether the file at `path` is Parquet or text, by its first bytes.
 * @throws ConfigError for a file of a kind that is known and not read.
 */
export async function fileKind(path: string): Promise<FileKind> {
  const head = await headOf(path);
  if (head.startsWith(parquet)) return 'parquet';
  refuseForeign(path, head);
  return 'text';
}

/** Yields the bytes of a text file, inflated. @throws ConfigError if they are no text file's. */
export async function* textBytes(path: string): AsyncGenerator<Buffer> {
  const head = await headOf(path);
  if (!head.startsWith(gzip) && !head.startsWith(zstd)) {
    yield* createReadStream(path) as AsyncIterable<Buffer>;
    return;
  }
  let isFirst = true;
  for await (const bytes of head.startsWith(gzip) ? gunzipped(path) : unzstd(path)) {
    if (isFirst) {
      const inner = bytes.toString('hex', 0, headBytes);
      if (inner.startsWith(parquet)) {
        throw new ConfigError(`${path} is a Parquet file that was compressed; unpack it first`);
      }
      refuseForeign(path, inner);
    }
    isFirst = false;
    yield bytes;
  }
}

function gunzipped(path: string): AsyncIterable<Buffer> {
  const gunzip = createGunzip();
  // An error of the file reaches the iteration, since the pipeline destroys the gunzip with it.
  pipeline(createReadStream(path), gunzip, () => undefined);
  return gunzip as AsyncIterable<Buffer>;
}

async function* unzstd(path: string): AsyncGenerator<Buffer> {
  const inflated: Uint8Array[] = [];
  const inflater = new Decompress((chunk) => inflated.push(chunk));
  const drained = function* (): Generator<Buffer> {
    for (const chunk of inflated.splice(0)) {
      if (chunk.length > 0) yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    }
  };
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    inflater.push(chunk);
    yield* drained();
  }
  inflater.push(new Uint8Array(0), true);
  yield* drained();
}

async function headOf(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0);
    return buffer.toString('hex', 0, bytesRead);
  } finally {
    await file.close();
  }
}

function refuseForeign(path: string, head: string): void {
  const found = foreign.find(([magic]) => head.startsWith(magic));
  if (found !== undefined) throw new ConfigError(`${path} ${found[1]}`);
}
