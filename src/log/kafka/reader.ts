// Reads a partition without a group (trap 18: kafkajs has no such consumer), read-committed, up to
// its end as of now: journal, snapshots and rebuilds. An open transaction holds committed records
// back; the read waits for it, bounded, or goes on past it (settled-range.ts).
import { systemClock } from '../../clock.ts';
import { ConfigError, UnavailableError } from '../../errors.ts';
import type { FetchedBatch } from '../event-log.ts';
import type { TopicPartition } from '../../records/record.ts';
import { checkedBatches } from '../record-batch-header.ts';
import type { Connections } from './connections.ts';
import { rootOf } from './failures.ts';
import type { FetchedPartition } from './fetch-seam.ts';
import { fetchedBatch, type FetchDecoder } from './fetched-batch.ts';
import { partitionOffsets } from './offsets.ts';
import { harmless, patience, retrying } from './retry.ts';
import { isolation, settledRange } from './settled-range.ts';

export interface ReadRange extends TopicPartition {
  readonly from: number;
  readonly to?: number;
  readonly settledOnly?: boolean;
}

const waitMs = 500;
const fetchBytesMax = 4 * 1024 * 1024;
/**
 * A transaction ends within a minute, by commit, abort or timeout, ours and those of most other
 * producers.
 */
const heldBackMsMax = 90_000;

/**
 * Yields the committed records of `[from, end)`, end = the high watermark at the call or `to` where
 * that is less.
 * @throws ConfigError when the log does not hold `from`; UnavailableError when a transaction stays
 * open.
 */
export async function* readPartition(
  connections: Connections,
  decoder: FetchDecoder,
  range: ReadRange,
): AsyncGenerator<FetchedBatch, void, undefined> {
  const { topic, partition, from } = range;
  const { earliest, end } = await partitionOffsets(connections, { topic, partition });
  const to = Math.min(range.to ?? end, end);
  if (from < to && from < earliest) {
    throw new ConfigError(
      `${topic}/${partition} is wanted from offset ${from}, but the log begins at ${earliest}`,
      { topic, partition, from, earliest },
    );
  }
  const fetch = (isolationLevel: number, position: number): Promise<FetchedPartition> =>
    fetchAt(connections, range, isolationLevel, position);
  let progressMs = systemClock.monotonicMs();
  for (let position = from; position < to;) {
    const fetched = await fetch(isolation.committed, position);
    const batches = checkedBatches(fetched.messages, { topic, partition });
    if (batches.length === 0) {
      if (range.settledOnly === true && Number(fetched.lastStableOffset) <= position) {
        return yield* settledRange(decoder, { topic, partition, from: position, to, end }, fetch);
      }
      if (systemClock.monotonicMs() - progressMs < heldBackMsMax) continue;
      throw new UnavailableError(
        `${topic}/${partition} has an open transaction at offset ${position}`,
        { topic, partition, position, end, lastStableOffset: Number(fetched.lastStableOffset) },
      );
    }
    const highWatermark = Number(fetched.highWatermark);
    const { abortedTransactions } = fetched;
    const batch = await fetchedBatch(decoder, {
      topic,
      partition,
      fetchOffset: position,
      highWatermark,
      batches,
      abortedTransactions,
      to,
    });
    position = batch.nextOffset;
    progressMs = systemClock.monotonicMs();
    yield batch;
  }
}

async function fetchAt(
  connections: Connections,
  { topic, partition }: TopicPartition,
  isolationLevel: number,
  position: number,
): Promise<FetchedPartition> {
  const request = { partition, fetchOffset: String(position), maxBytes: fetchBytesMax };
  return retrying(
    async () => {
      const leader = await connections.leaderOf({ topic, partition });
      const { responses } = await leader.fetch({
        isolationLevel,
        maxWaitTime: waitMs,
        minBytes: 1,
        maxBytes: fetchBytesMax,
        topics: [{ topic, partitions: [request] }],
      });
      const fetched = responses[0]?.partitions[0];
      if (fetched === undefined) throw new UnavailableError('A fetch answer lacks its partition');
      if (fetched.failure !== undefined) throw fetched.failure;
      return fetched;
    },
    {
      what: `Reading ${topic}/${partition}`,
      details: { topic, partition, position },
      kinds: harmless,
      ...patience,
      onFailure: (error) =>
        rethrowOutOfRange(error, topic, partition, position) ?? connections.recover(error),
    },
  );
}

function rethrowOutOfRange(
  error: unknown,
  topic: string,
  partition: number,
  position: number,
): undefined {
  const root = rootOf(error);
  if (!(root instanceof Error) || Reflect.get(root, 'type') !== 'OFFSET_OUT_OF_RANGE') {
    return undefined;
  }
  throw new ConfigError(`The log does not hold offset ${position} of ${topic}/${partition}`, {
    topic,
    partition,
    position,
  });
}
