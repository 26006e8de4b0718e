// Reads past transactions that are open, as a read-committed fetch does not: it ends at the first
// of them. Fetched uncommitted, the log says the same by its markers: a producer's records are
// decided by the next marker of that producer, and are open where none follows.
//
//   headers of [from, to) ─▶ which transactions were aborted, which are open
//   records of [from, to) ─▶ without those
import type { FetchedBatch } from '../event-log.ts';
import type { TopicPartition } from '../../records/record.ts';
import { isAbortMarker } from '../record-batch.ts';
import { checkedBatches, type CheckedBatch } from '../record-batch-header.ts';
import type { FetchedPartition } from './fetch-seam.ts';
import { fetchedBatch, type FetchDecoder } from './fetched-batch.ts';

export const isolation = { uncommitted: 0, committed: 1 };

export interface SettledRange extends TopicPartition {
  readonly from: number;
  /** Records at or past it are not handed out. */
  readonly to: number;
  /** The high watermark: the markers up to it decide. */
  readonly end: number;
}

type Fetch = (isolationLevel: number, position: number) => Promise<FetchedPartition>;

/** A transaction whose records count for nothing; it ends with its marker, if there is one. */
interface LeftOut {
  readonly producerId: string;
  readonly firstOffset: number;
  readonly endOffset: number;
}

/** Yields the records of transactions in `range` that are committed, in the order of the log. */
export async function* settledRange(
  decoder: FetchDecoder,
  range: SettledRange,
  fetch: Fetch,
): AsyncGenerator<FetchedBatch, void, undefined> {
  const { topic, partition, to } = range;
  const leftOut = await transactionsLeftOut(range, fetch);
  for await (const { position, batches, highWatermark } of uncommitted(range, to, fetch)) {
    const abortedTransactions = leftOut
      .filter(({ endOffset }) => endOffset >= position)
      .map(({ producerId, firstOffset }) => ({ producerId, firstOffset: String(firstOffset) }));
    const fetched = { topic, partition, fetchOffset: position, highWatermark, batches };
    const batch = await fetchedBatch(decoder, { ...fetched, abortedTransactions, to });
    yield { ...batch, pastOpen: true };
  }
}

async function transactionsLeftOut(range: SettledRange, fetch: Fetch): Promise<readonly LeftOut[]> {
  const { topic, partition } = range;
  const begun = new Map<string, number>();
  const leftOut: LeftOut[] = [];
  for await (const { batches } of uncommitted(range, range.end, fetch)) {
    for (const batch of batches) {
      const { baseOffset, control, lastOffset, producerId, transactional } = batch.header;
      if (!transactional) continue;
      const producer = String(producerId);
      const firstOffset = begun.get(producer);
      if (!control) {
        if (firstOffset === undefined) begun.set(producer, baseOffset);
        continue;
      }
      begun.delete(producer);
      if (firstOffset === undefined || !isAbortMarker(batch, { topic, partition })) continue;
      leftOut.push({ producerId: producer, firstOffset, endOffset: lastOffset });
    }
  }
  for (const [producerId, firstOffset] of begun) {
    leftOut.push({ producerId, firstOffset, endOffset: Infinity });
  }
  return leftOut;
}

interface Uncommitted {
  readonly position: number;
  readonly batches: readonly CheckedBatch[];
  readonly highWatermark: number;
}

async function* uncommitted(
  { topic, partition, from }: SettledRange,
  to: number,
  fetch: Fetch,
): AsyncGenerator<Uncommitted, void, undefined> {
  for (let position = from; position < to;) {
    const { messages, highWatermark } = await fetch(isolation.uncommitted, position);
    const batches = checkedBatches(messages, { topic, partition });
    yield { position, batches, highWatermark: Number(highWatermark) };
    const last = batches.at(-1);
    // The end was the high watermark: an empty answer is one that came too soon.
    if (last !== undefined) position = last.header.lastOffset + 1;
  }
}
