// Reads the dead-letter topic for `dlq list` and `dlq replay`.
import type { RestoredDeadLetter } from '../codecs/dead-letter.ts';
import { restoreDeadLetter } from '../codecs/dead-letter.ts';
import { DecodeError } from '../errors.ts';
import type { EventLog, FetchedBatch } from '../log/event-log.ts';
import type { RecordCursor } from '../records/record.ts';

export interface ReadDeadLetter extends RestoredDeadLetter {
  /** Position of the dead letter itself. */
  readonly at: { readonly partition: number; readonly offset: number };
  readonly timestampMs: number;
}

export interface DeadLetterRange {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

/** Returns the current range of each partition of `topic`; none if it does not exist. */
export async function deadLetterRanges(
  log: EventLog,
  topic: string,
): Promise<readonly DeadLetterRange[]> {
  const description = await log.describeTopic(topic);
  return Promise.all(
    Array.from({ length: description?.partitions ?? 0 }, async (_, partition) => {
      const { earliest, end } = await log.offsets({ topic, partition });
      return { topic, partition, from: earliest, to: end };
    }),
  );
}

/** Yields the dead letters batch by batch; reports records of other programs to `onStranger`. */
export async function* readDeadLetters(
  log: EventLog,
  range: DeadLetterRange,
  onStranger: (offset: number, error: DecodeError) => void,
): AsyncGenerator<{ readonly letters: readonly ReadDeadLetter[]; readonly nextOffset: number }> {
  for await (const batch of log.read(range)) {
    yield { letters: [...lettersOf(batch, range, onStranger)], nextOffset: batch.nextOffset };
  }
}

function* lettersOf(
  batch: FetchedBatch,
  { partition, from, to }: DeadLetterRange,
  onStranger: (offset: number, error: DecodeError) => void,
): Generator<ReadDeadLetter> {
  const cursor = batch.records();
  while (cursor.next()) {
    const { offset, timestampMs } = cursor;
    if (offset < from || offset >= to) continue;
    try {
      yield { ...restored(cursor), at: { partition, offset }, timestampMs };
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      onStranger(offset, error);
    }
  }
}

function restored(cursor: RecordCursor): RestoredDeadLetter {
  const copy = (start: number, end: number): Uint8Array | null =>
    start < 0 ? null : Uint8Array.from(cursor.bytes.subarray(start, end));
  return restoreDeadLetter({
    key: copy(cursor.keyStart, cursor.keyEnd),
    value: copy(cursor.valueStart, cursor.valueEnd),
    headers: cursor.headers(),
  });
}
