// A reading whose key is not its sensor id → the same record for the rekeyed topic, keyed by its
// sensor id, with headers that say where it entered and how far event time has come there. A dead
// letter of it is reported there (dead-letter.ts).
//
//   rekey.topic rekey.partition rekey.offset   where the record entered
//   rekey.key                                  the key it had there
//   rekey.source                               event time of its source partition
import type { OutputRecord, RecordCursor, TopicPartition } from '../log/event-log.ts';
import type { Reading } from '../sensors/reading.ts';
import { keptRecord } from './cut-record.ts';

export interface ForwardTarget {
  readonly topic: string;
  /** Text of the header `rekey.source`. */
  readonly clock: string;
}

/**
 * Returns the forward of the record the cursor stands on, read from `shard` as `reading`; every
 * byte is copied.
 */
export function forwardRecord(
  record: RecordCursor,
  reading: Reading,
  shard: TopicPartition,
  { topic, clock }: ForwardTarget,
): OutputRecord {
  const { bytes, keyStart, keyEnd, valueStart, valueEnd } = record;
  const clientHeaders = record.headers();
  const clientKey = keyStart < 0 ? null : new Uint8Array(bytes.subarray(keyStart, keyEnd));
  const forward: OutputRecord = {
    topic,
    cutAs: 'forward',
    key: reading.idBytes.subarray(reading.idStart, reading.idEnd),
    value: bytes.subarray(valueStart, valueEnd),
    headers: [
      ...clientHeaders,
      { key: 'rekey.topic', value: Buffer.from(shard.topic) },
      { key: 'rekey.partition', value: Buffer.from(String(shard.partition)) },
      { key: 'rekey.offset', value: Buffer.from(String(record.offset)) },
      { key: 'rekey.key', value: clientKey },
      { key: 'rekey.source', value: Buffer.from(clock) },
    ],
  };
  return keptRecord(forward, clientHeaders.length);
}
