// The `traceparent` headers of a batch's records (W3C Trace Context). Reading headers costs more
// than folding a plain reading, so a large batch is left alone where its first record has none: a
// producer that traces puts one on each of its records.
import type { RecordCursor, RecordHeader } from '../records/record.ts';

export const traceparentHeader = 'traceparent';

/** Up to this many bytes, all records of a batch are looked at. */
const smallBatchBytes = 65_536;
const traceparentLength = '00-'.length + 32 + '-'.length + 16 + '-00'.length;

interface TracedBatch {
  readonly bytes: number;
  records(): RecordCursor;
}

/**
 * Yields the `traceparent` of each sampled record of `batch` from offset `from` on; meanwhile
 * `record` stands on that record. Headers of another length or that are not sampled are left out.
 */
export function* sampledTraceparents(
  batch: TracedBatch,
  from: number,
): Generator<{ readonly traceparent: string; readonly record: RecordCursor }, void, undefined> {
  const record = batch.records();
  if (!record.next()) return;
  if (record.headerCount === 0 && batch.bytes > smallBatchBytes) return;
  do {
    if (record.headerCount === 0 || record.offset < from) continue;
    const traceparent = sampledIn(record.headers());
    if (traceparent !== undefined) yield { traceparent, record };
  } while (record.next());
}

/** Returns the header of a record that this `traceparent` is carried by. */
export function headerOf(traceparent: string): RecordHeader {
  return { key: traceparentHeader, value: Buffer.from(traceparent) };
}

function sampledIn(headers: readonly RecordHeader[]): string | undefined {
  const value = headers.findLast(({ key }) => key === traceparentHeader)?.value;
  if (value?.length !== traceparentLength) return undefined;
  const text = Buffer.from(value).toString('latin1');
  // The last two digits are flags, of which the lowest bit says that the trace is recorded.
  return (Number.parseInt(text.slice(-2), 16) & 1) === 1 ? text : undefined;
}
