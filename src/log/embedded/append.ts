// Appends records: groups them by partition and encodes them once as Kafka record batches. Offsets
// are assigned inside the plan that writes them, which may run several times.
import { assert } from '../../errors.ts';
import type { CommitResult } from '../event-log.ts';
import type { OutputRecord } from '../../records/record.ts';
import { partitionForKey } from '../../records/partitioning.ts';
import { partitionKey } from '../../records/partition-key.ts';
import { RecordBatchBuilder } from '../record-batch-encoder.ts';
import type { PlanView } from '../../lmdb/plan-view.ts';
import {
  batchKey,
  decodeExtent,
  encodeExtent,
  extentKey,
  logTables,
  stampBatch,
  type StoredTopic,
} from './layout.ts';
import type { TopicTable } from './topics.ts';

/** Bounds the copy of one fetch; a larger record is a batch of its own. */
const batchBytesMax = 256 * 1024;
const batchRecordsMax = 10_000;

interface EncodedBatch {
  readonly bytes: Buffer;
  readonly records: number;
}

interface PartitionAppend {
  readonly topic: string;
  readonly topicId: number;
  readonly partition: number;
  readonly batches: readonly EncodedBatch[];
}

export interface PreparedAppend {
  readonly appendTimeMs: number;
  readonly partitions: readonly PartitionAppend[];
}

/** Round-robin state for records without a key. */
export interface KeylessTurn {
  next: number;
}

/**
 * Returns `records` encoded by partition, in order.
 * @throws ConfigError if a topic or partition does not exist.
 */
export function prepareAppend(
  records: readonly OutputRecord[],
  topics: TopicTable,
  options: { readonly appendTimeMs: number; readonly turn: KeylessTurn },
): PreparedAppend {
  const groups = new Map<string, { place: OutputRecord; stored: StoredTopic; at: number }>();
  const grouped: OutputRecord[][] = [];
  for (const record of records) {
    const partition = choosePartition(record, topics, options.turn);
    const key = partitionKey({ topic: record.topic, partition });
    let group = groups.get(key);
    if (group === undefined) {
      const place = { ...record, partition };
      group = { place, stored: topics.require({ ...record, partition }), at: grouped.length };
      groups.set(key, group);
      grouped.push([]);
    }
    grouped[group.at]?.push(record);
  }
  const partitions = [...groups.values()].map(({ place, stored, at }) => ({
    topic: place.topic,
    topicId: stored.id,
    partition: place.partition ?? 0,
    batches: encodeBatches(grouped[at] ?? [], stored, options.appendTimeMs),
  }));
  return { appendTimeMs: options.appendTimeMs, partitions };
}

/** Appends `prepared` to its partitions and returns the new end of each. */
export function placeAppend(view: PlanView, prepared: PreparedAppend): CommitResult {
  return prepared.partitions.map(({ topic, topicId, partition, batches }) => {
    const key = extentKey(topicId, partition);
    const extent = decodeExtent(view.get(logTables.partitions, key));
    let { end, bytes } = extent;
    for (const batch of batches) {
      stampBatch(batch.bytes, end, prepared.appendTimeMs);
      end += batch.records;
      bytes += batch.bytes.length;
      view.put(logTables.batches, batchKey(topicId, partition, end - 1), batch.bytes);
    }
    view.put(logTables.partitions, key, encodeExtent({ earliest: extent.earliest, end, bytes }));
    return { topic, partition, endOffset: end };
  });
}

function choosePartition(record: OutputRecord, topics: TopicTable, turn: KeylessTurn): number {
  if (record.partition !== undefined) return record.partition;
  const { partitions } = topics.require({ topic: record.topic, partition: 0 });
  if (record.key !== null) return partitionForKey(record.key, partitions);
  turn.next = (turn.next + 1) % 1_000_000_007;
  return turn.next % partitions;
}

function encodeBatches(
  records: readonly OutputRecord[],
  stored: StoredTopic,
  appendTimeMs: number,
): EncodedBatch[] {
  const logAppendTime = stored.config['message.timestamp.type'] === 'LogAppendTime';
  const options = { baseOffset: 0, logAppendTimeMs: logAppendTime ? appendTimeMs : undefined };
  const encoded: EncodedBatch[] = [];
  const builder = new RecordBatchBuilder();
  const cut = (): void => {
    const bytes = Buffer.allocUnsafe(builder.bytes);
    builder.write(bytes, 0, options);
    encoded.push({ bytes, records: builder.count });
    builder.clear();
  };
  for (const record of records) {
    const full = builder.count >= batchRecordsMax;
    if (!full && builder.append(record, appendTimeMs, batchBytesMax) > 0) continue;
    cut();
    builder.append(record, appendTimeMs);
  }
  if (builder.count > 0) cut();
  const placed = encoded.reduce((sum, batch) => sum + batch.records, 0);
  assert(placed === records.length, 'An append lost a record while it was cut', { placed });
  return encoded;
}
