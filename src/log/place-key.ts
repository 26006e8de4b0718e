// A partition as the key of a map: the one text that stands for it wherever places are looked up, and back. No topic's
// name holds a slash. The embedded log stores these keys with its groups: their form stays.
import { assert } from '../errors.ts';
import type { TopicPartition } from './event-log.ts';

/** Returns `topic/partition`. */
export function placeKey({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}

/**
 * Returns the place that a key of `placeKey` stands for.
 * @throws InvariantError when it is none.
 */
export function parsePlaceKey(key: string): TopicPartition {
  const at = key.lastIndexOf('/');
  const place = { topic: key.slice(0, at), partition: Number(key.slice(at + 1)) };
  assert(placeKey(place) === key, 'Not the key of a place', { key });
  return place;
}
