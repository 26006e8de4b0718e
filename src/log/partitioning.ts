// Which partition a keyed record belongs to: the same answer as Kafka's default partitioner, so
// that one sensor's records share a partition whichever client writes them. A record without a key
// has no such place: the log chooses.
import { assert } from '../errors.ts';
import type { TopicPartition } from './event-log.ts';
import { murmur2 } from './murmur2.ts';

/** Returns every partition of a topic that has `count` of them, in order. */
export function partitionsOf(topic: string, count: number): readonly TopicPartition[] {
  return Array.from({ length: count }, (_, partition) => ({ topic, partition }));
}

/**
 * Returns the partition, 0 ≤ p < `partitions`, of `key`.
 * Source: org.apache.kafka.clients.producer.internals.BuiltInPartitioner.partitionForKey.
 * @throws InvariantError when `partitions` is not a positive integer.
 */
export function partitionForKey(key: Uint8Array, partitions: number): number {
  assert(Number.isInteger(partitions) && partitions > 0, 'A topic has at least one partition', {
    partitions,
  });
  return (murmur2(key) & 0x7fffffff) % partitions;
}
