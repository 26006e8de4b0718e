// Turns one partition's part of a fetch response into the port's FetchedBatch: aborted records are
// left out, the others are read through a cursor. Tests also let kafkajs decode the records and
// compare.
import { assert } from '../../errors.ts';
import type { FetchedBatch } from '../event-log.ts';
import type { RecordCursor, RecordHeader, TopicPartition } from '../../records/record.ts';
import { checkedCursor, isAbortMarker, type OffsetRange } from '../record-batch.ts';
import { codecs, inflate } from '../record-batch-codecs.ts';
import type { BatchPlace, CheckedBatch } from '../record-batch-header.ts';
import type { AbortedTransaction, SeamBatch } from './fetch-seam.ts';
import { frameRelease } from './frame-pool.ts';
import {
  compressionCodecs,
  createDecoder,
  decodeRecordBatch,
  type KafkajsRecord,
} from './internals.ts';

export type FetchDecoder = 'fast' | 'kafkajs';

export interface Fetched extends TopicPartition {
  readonly fetchOffset: number;
  readonly highWatermark: number;
  readonly batches: readonly CheckedBatch[];
  readonly abortedTransactions: readonly AbortedTransaction[];
  /** Records at or past it are not handed out. */
  readonly to?: number;
  readonly release?: () => void;
}

/** Returns what the seam delivered of one partition, its frame given back on release. */
export function fetchedOf(batch: SeamBatch): Fetched {
  const { topic, partition, batches, abortedTransactions } = batch;
  return {
    topic,
    partition,
    fetchOffset: Number(batch.fetchedOffset),
    highWatermark: Number(batch.highWatermark),
    batches,
    abortedTransactions,
    release: frameRelease(batch.recordSet),
  };
}

/**
 * Returns the committed records of what was fetched.
 * @throws InvariantError when a marker, or with `kafkajs` a record, cannot be read.
 */
export async function fetchedBatch(decoder: FetchDecoder, fetched: Fetched): Promise<FetchedBatch> {
  const { topic, partition, fetchOffset, highWatermark, batches, to } = fetched;
  const place: BatchPlace = { topic, partition };
  const range: OffsetRange = { from: fetchOffset, ...(to === undefined ? {} : { to }) };
  const committed = committedBatches(batches, fetched.abortedTransactions, place);
  const records =
    decoder === 'fast'
      ? (): RecordCursor => checkedCursor(committed, place, range)
      : await kafkajsCursors(committed, range);
  const endOffset = Math.max(fetchOffset, (batches.at(-1)?.header.lastOffset ?? -1) + 1);
  const nextOffset = to === undefined ? endOffset : Math.min(endOffset, to);
  const { release } = fetched;
  const bytes = batches.reduce((sum, { header }) => sum + header.length, 0);
  const batch = { topic, partition, fetchOffset, nextOffset, highWatermark, bytes, records };
  return release === undefined ? batch : { ...batch, release };
}

/**
 * Returns the batches whose records are committed, markers left out. A response names each aborted
 * transaction that overlaps it, by producer and first offset; the producer's abort marker ends it.
 * One fetch may begin inside several. Source:
 * org.apache.kafka.clients.consumer.internals.CompletedFetch.nextFetchedRecord.
 */
export function committedBatches(
  batches: readonly CheckedBatch[],
  abortedTransactions: readonly AbortedTransaction[],
  place: BatchPlace,
): CheckedBatch[] {
  const pending = [...abortedTransactions].sort(
    (left, right) => Number(left.firstOffset) - Number(right.firstOffset),
  );
  const aborting = new Set<string>();
  return batches.filter((batch) => {
    const { lastOffset, producerId, transactional, control } = batch.header;
    while (pending[0] !== undefined && Number(pending[0].firstOffset) <= lastOffset) {
      aborting.add(pending[0].producerId);
      pending.shift();
    }
    const producer = String(producerId);
    if (control) {
      if (aborting.has(producer) && isAbortMarker(batch, place)) aborting.delete(producer);
      return false;
    }
    return !(transactional && aborting.has(producer));
  });
}

async function kafkajsCursors(
  batches: readonly CheckedBatch[],
  range: OffsetRange,
): Promise<() => RecordCursor> {
  registerCodecs();
  const { from = 0, to = Number.MAX_SAFE_INTEGER } = range;
  const records: KafkajsRecord[] = [];
  for (const { bytes } of batches) {
    const decoded = await decodeRecordBatch(createDecoder(bytes));
    for (const record of decoded.records) {
      const offset = Number(record.offset);
      if (offset >= from && offset < to) records.push(record);
    }
  }
  return () => new ArrayCursor(records);
}

let codecsAreRegistered = false;

function registerCodecs(): void {
  if (codecsAreRegistered) return;
  codecsAreRegistered = true;
  for (const [number, codec] of codecs.entries()) {
    if (codec === 'none') continue;
    const decompress = (bytes: Buffer): Promise<Buffer> => {
      const inflated = inflate(codec, bytes);
      assert(inflated !== undefined, `A ${codec} batch inflates past the bound`);
      return Promise.resolve(
        Buffer.from(inflated.buffer, inflated.byteOffset, inflated.byteLength),
      );
    };
    compressionCodecs[number] = () => ({ decompress });
  }
}

/** Walks records that kafkajs made objects of, in the shape of the byte cursor. */
class ArrayCursor implements RecordCursor {
  offset = -1;
  timestampMs = 0;
  bytes: Uint8Array = new Uint8Array(0);
  keyStart = -1;
  keyEnd = -1;
  valueStart = -1;
  valueEnd = -1;
  headerCount = 0;
  readonly #records: readonly KafkajsRecord[];
  #next = 0;

  constructor(records: readonly KafkajsRecord[]) {
    this.#records = records;
  }

  next(): boolean {
    const record = this.#records[this.#next];
    if (record === undefined) return false;
    this.#next += 1;
    const { key, value } = record;
    this.offset = Number(record.offset);
    this.timestampMs = Number(record.timestamp);
    this.bytes = Buffer.concat([key ?? Buffer.alloc(0), value ?? Buffer.alloc(0)]);
    const split = key?.length ?? 0;
    this.keyStart = key === null ? -1 : 0;
    this.keyEnd = key === null ? -1 : split;
    this.valueStart = value === null ? -1 : split;
    this.valueEnd = value === null ? -1 : this.bytes.length;
    this.headerCount = this.headers().length;
    return true;
  }

  headers(): readonly RecordHeader[] {
    const record = this.#records[this.#next - 1];
    if (record === undefined) return [];
    return Object.entries(record.headers).flatMap(([key, values]) =>
      // kafkajs gathers headers of one name into a list.
      (Array.isArray(values)
        ? (values as readonly (Buffer | null)[])
        : [values as Buffer | null]
      ).map((value) => ({ key, value })),
    );
  }
}
