// How many bytes an output record holds: what bounds of memory and limits of topics are measured
// against.
import type { OutputRecord, RecordHeader } from '../records/record.ts';

/**
 * Length prefixes, time and offset take less than this; a header's two lengths take at most
 * `headerFrameBytes`.
 */
const recordFrameBytes = 48;
const headerFrameBytes = 10;

/**
 * Returns the bytes of key, value and headers, with room for the lengths between them; never less
 * than is written.
 */
export function recordBytes({ key, value, headers }: OutputRecord): number {
  return recordFrameBytes + (key?.length ?? 0) + (value?.length ?? 0) + headersBytes(headers);
}

/** Returns the bytes of the headers alone. */
export function headersBytes(headers: readonly RecordHeader[] = []): number {
  let bytes = 0;
  // A character of a name takes at most three bytes.
  for (const { key, value } of headers) {
    bytes += headerFrameBytes + 3 * key.length + (value?.length ?? 0);
  }
  return bytes;
}
