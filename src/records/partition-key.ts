// The map key of a partition, and its inverse. Topic names hold no slash, so the key is
// unambiguous. The embedded log stores these keys with its groups, so their form must not change.
import { assert } from '../errors.ts';
import type { TopicPartition } from './record.ts';

/** Returns `topic/partition`. */
export function partitionKey({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}

/**
 * Returns the partition that `key` was made from.
 * @throws InvariantError if `key` was not made by `partitionKey`.
 */
export function parsePartitionKey(key: string): TopicPartition {
  const at = key.lastIndexOf('/');
  const partition = { topic: key.slice(0, at), partition: Number(key.slice(at + 1)) };
  assert(partitionKey(partition) === key, 'Not a partition key', { key });
  return partition;
}
