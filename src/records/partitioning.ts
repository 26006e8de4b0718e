// Chooses the partition of a keyed record as Kafka's default partitioner does, so that a sensor's
// records share a partition whichever client writes them. The log chooses for records without a
// key.
import { assert } from '../errors.ts';
import type { TopicPartition } from './record.ts';
import { murmur2 } from './murmur2.ts';

/** Returns all `count` partitions of a topic, in order. */
export function partitionsOf(topic: string, count: number): readonly TopicPartition[] {
  return Array.from({ length: count }, (_, partition) => ({ topic, partition }));
}

/**
 * Returns the partition, 0 ≤ p < `partitions`, of `key`.
 * Source: org.apache.kafka.clients.producer.internals.BuiltInPartitioner.partitionForKey.
 * @throws InvariantError if `partitions` is not a positive integer.
 */
export function partitionForKey(key: Uint8Array, partitions: number): number {
  assert(Number.isInteger(partitions) && partitions > 0, 'A topic has at least one partition', {
    partitions,
  });
  return (murmur2(key) & 0x7fffffff) % partitions;
}
