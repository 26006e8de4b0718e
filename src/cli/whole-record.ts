// Reads the original record of a truncated dead letter from the topic it came from.
import { withFieldsOf, type RestoredDeadLetter } from '../codecs/dead-letter.ts';
import { wholeOf } from '../codecs/cut-record.ts';
import type { EventLog } from '../log/event-log.ts';
import type { OutputRecord, RecordCursor } from '../records/record.ts';

/**
 * Returns the record to write back: the letter's own or, if it was truncated, the original from its
 * topic. Undefined if the topic no longer holds the original, or holds another record at its
 * offset.
 */
export async function wholeRecord(
  log: EventLog,
  { record, offset, cut }: RestoredDeadLetter,
): Promise<OutputRecord | undefined> {
  if (cut === undefined) return record;
  const { topic, partition = 0 } = record;
  if (((await log.describeTopic(topic))?.partitions ?? 0) <= partition) return undefined;
  const { earliest, end } = await log.offsets({ topic, partition });
  if (offset < earliest || offset >= end) return undefined;
  for await (const batch of log.read({ topic, partition, from: offset, to: offset + 1 })) {
    for (const cursor = batch.records(); cursor.next();) {
      if (cursor.offset !== offset) continue;
      if (cursor.unreadable !== undefined) return undefined;
      const content = contentOf(cursor);
      const headers = withFieldsOf(record.headers ?? [], content.headers ?? []);
      const whole = { ...content, headers, topic, partition };
      const found = wholeOf(whole);
      const isTheOne = found?.bytes === cut.whole?.bytes && found?.sha256 === cut.whole?.sha256;
      return isTheOne ? whole : undefined;
    }
  }
  return undefined;
}

function contentOf(cursor: RecordCursor): Omit<OutputRecord, 'topic'> {
  const copy = (start: number, end: number): Uint8Array | null =>
    start < 0 ? null : new Uint8Array(cursor.bytes.subarray(start, end));
  return {
    key: copy(cursor.keyStart, cursor.keyEnd),
    value: copy(cursor.valueStart, cursor.valueEnd),
    headers: cursor.headers(),
  };
}
