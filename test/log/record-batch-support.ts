// Rewrites batches the way other producers would have written them: compressed, or broken on purpose.
import { gzipSync } from 'node:zlib';
import { Zstd } from '@hpcc-js/wasm-zstd';
import { crc32c } from '@node-rs/crc32';
import { compressFrameSync } from 'lz4-napi';
import { compressSync } from 'snappy';
import { codecs, type Codec } from '../../src/log/record-batch-codecs.ts';
import { batchHeaderBytes } from '../../src/log/record-batch-header.ts';
import type { RecordCursor } from '../../src/records/record.ts';

export interface PlainRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [string, string | null])[];
}

/** Every record of the cursor, as plain data that compares by value. */
export function drain(cursor: RecordCursor): PlainRecord[] {
  const records: PlainRecord[] = [];
  while (cursor.next()) records.push(plainRecord(cursor));
  return records;
}

/** The record the cursor stands on. */
export function plainRecord(cursor: RecordCursor): PlainRecord {
  const { offset, timestampMs } = cursor;
  return {
    offset,
    timestampMs,
    key: text(cursor.bytes, cursor.keyStart, cursor.keyEnd),
    value: text(cursor.bytes, cursor.valueStart, cursor.valueEnd),
    headers: cursor
      .headers()
      .map(({ key, value }) => [key, value && text(value, 0, value.length)] as const),
  };
}

function text(bytes: Uint8Array, start: number, end: number): string | null {
  return start < 0 ? null : Buffer.from(bytes.subarray(start, end)).toString('latin1');
}

/** The batch with its length and CRC recomputed after `change` edited a copy of its bytes. */
export function resealed(batch: Uint8Array, change: (copy: Buffer) => void): Uint8Array {
  const copy = Buffer.from(batch);
  change(copy);
  copy.writeInt32BE(copy.length - 12, 8);
  copy.writeUInt32BE(crc32c(copy.subarray(21)), 17);
  return copy;
}

export type Framing = Codec | 'snappy-xerial' | 'zstd-streamed';
export const framings: readonly Framing[] = [...codecs, 'snappy-xerial', 'zstd-streamed'];

const zstd = await Zstd.load();

/** The batch with its records section compressed as a producer with that codec would send it. */
export function compressed(batch: Uint8Array, framing: Framing): Uint8Array {
  const codec = framing.split('-')[0];
  const records = deflate(Buffer.from(batch.subarray(batchHeaderBytes)), framing);
  const joined = Buffer.concat([batch.subarray(0, batchHeaderBytes), records]);
  return resealed(joined, (copy) => {
    copy.writeInt16BE(copy.readInt16BE(21) | codecs.findIndex((name) => name === codec), 21);
  });
}

function deflate(bytes: Buffer, framing: Framing): Uint8Array {
  switch (framing) {
    case 'none':
      return bytes;
    case 'gzip':
      return gzipSync(bytes);
    case 'snappy':
      return compressSync(bytes);
    case 'snappy-xerial':
      return xerial(bytes);
    case 'lz4':
      return compressFrameSync(bytes);
    case 'zstd':
      return zstd.compress(bytes);
    case 'zstd-streamed':
      // A frame without its content size in the header, as the Java client writes it.
      zstd.reset();
      return Buffer.concat([zstd.compressChunk(bytes), zstd.compressEnd()]);
  }
}

// As snappy-java's SnappyOutputStream: chunks of 32 KiB.
function xerial(bytes: Buffer): Uint8Array {
  const parts: Uint8Array[] = [Buffer.from('82534e41505059000000000100000001', 'hex')];
  for (let at = 0; at < bytes.length; at += 32 * 1024) {
    const chunk = compressSync(bytes.subarray(at, at + 32 * 1024));
    const length = Buffer.alloc(4);
    length.writeInt32BE(chunk.length);
    parts.push(length, chunk);
  }
  return Buffer.concat(parts);
}
