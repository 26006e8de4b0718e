// A reading whose key is not its sensor id → the same record for the rekeyed topic, keyed by its
// sensor id, with headers that say where it entered and how far event time has come. A dead letter
// of it is reported there (dead-letter.ts).
//
//   rekey.topic rekey.partition rekey.offset   where the record entered
//   rekey.key                                  the key it had there
//   rekey.time                                 declared shapes only: when it entered, ms
//   rekey.group                                who forwarded it (forward-group.ts)
//   rekey.source                               event time of the sources (actors/source-clocks.ts)
import type { OutputRecord, RecordCursor, TopicPartition } from '../records/record.ts';
import { partitionForKey } from '../records/partitioning.ts';
import { keptRecord } from './cut-record.ts';
import { fieldsHeader, withoutFields } from './dead-letter.ts';
import { forwardGroupHeader } from './forward-group.ts';

export interface ForwardTarget {
  readonly topic: string;
  /**
   * Its partitions as the group counts them: a topic that gets more of them while writers run would
   * give sensors two owners.
   */
  readonly partitions: number;
  /** Text of the header `rekey.source`. */
  readonly clock: string;
  /** The sensor id, or the device id of a declared shape. */
  readonly key: Uint8Array;
  /** Left out by who only computes. */
  readonly groupId?: string | undefined;
  /** Of a record of a declared shape. */
  readonly declared?: DeclaredForward;
}

export interface DeclaredForward {
  /** When the record entered the log, ms: a declaration may take the readings' time from it. */
  readonly timeMs: number;
  /** One entry of the record; undefined for all of it. */
  readonly entry: Uint8Array | undefined;
  /** The only fields to be read; undefined for all. */
  readonly fields: readonly string[] | undefined;
  shorterValue(): Uint8Array;
}

/**
 * Returns the forward of the record the cursor stands on, read from `shard`; every byte is copied.
 */
export function forwardRecord(
  record: RecordCursor,
  shard: TopicPartition,
  { topic, partitions, clock, key, groupId, declared }: ForwardTarget,
): OutputRecord {
  const { bytes, keyStart, keyEnd, valueStart, valueEnd } = record;
  const headers = record.headers();
  const clientHeaders = declared === undefined ? headers : withoutFields(headers);
  const clientKey = keyStart < 0 ? null : new Uint8Array(bytes.subarray(keyStart, keyEnd));
  const forward: OutputRecord = {
    topic,
    partition: partitionForKey(key, partitions),
    cutAs: 'forward',
    key,
    value: declared?.entry ?? bytes.subarray(valueStart, valueEnd),
    ...(declared === undefined ? {} : { shorterValue: () => declared.shorterValue() }),
    headers: [
      ...clientHeaders,
      { key: 'rekey.topic', value: Buffer.from(shard.topic) },
      { key: 'rekey.partition', value: Buffer.from(String(shard.partition)) },
      { key: 'rekey.offset', value: Buffer.from(String(record.offset)) },
      { key: 'rekey.key', value: clientKey },
      ...(declared?.fields === undefined ? [] : [fieldsHeader(declared.fields)]),
      ...(declared === undefined
        ? []
        : [{ key: 'rekey.time', value: Buffer.from(String(declared.timeMs)) }]),
      ...(groupId === undefined ? [] : [forwardGroupHeader(groupId)]),
      { key: 'rekey.source', value: Buffer.from(clock) },
    ],
  };
  return keptRecord(forward, clientHeaders.length);
}
