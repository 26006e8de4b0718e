// A closed window as the output record of its shard: key = sensor id, value = the feature row.
import type { OutputRecord, TopicPartition } from '../log/event-log.ts';
import type { ClosedWindow } from '../sensors/shard-state.ts';
import type { ShardContext } from './shard-context.ts';

/** Returns the function that turns a closed window of `shard` into the record to commit; it copies what it needs. */
export function featureRowRecord(
  context: Pick<ShardContext, 'topics' | 'encodeFeatureRow'>,
  shard: TopicPartition,
): (window: ClosedWindow) => OutputRecord {
  return (window) => ({
    topic: context.topics.output,
    // Uint8Array.from would walk the bytes one by one through their iterator.
    key: new Uint8Array(window.idBytes.subarray(window.idStart, window.idEnd)),
    value: context.encodeFeatureRow(window, shard),
  });
}
