// Which ends of a group session another session would only meet again, and what to say of them.
import { ConfigError, InvariantError } from '../../errors.ts';
import type { PartitionExtent, TopicPartition } from '../event-log.ts';
import { failureKind, rootOf } from './failures.ts';
import { LostPositionError } from './fetch-seam.ts';

export type OffsetsOf = (place: TopicPartition) => Promise<PartitionExtent>;

/** Returns whether joining again would meet the same failure. */
export function isFinal(error: unknown): boolean {
  const root = rootOf(error);
  if (root instanceof LostPositionError || root instanceof InvariantError) return true;
  const kind = failureKind(error);
  return kind === 'denied' || kind === 'refused';
}

/** Returns `error`, or where a position was lost, an error that names it and what the log holds instead. */
export async function explained(error: unknown, offsetsOf: OffsetsOf): Promise<unknown> {
  const root = rootOf(error);
  if (!(root instanceof LostPositionError)) return error;
  const { topic, partition, offset } = root;
  const { earliest, end } = await offsetsOf({ topic, partition });
  return new ConfigError(
    `Offset ${offset} of ${topic}/${partition} is wanted, but the log holds ${earliest} to ${end}`,
    { topic, partition, offset: Number(offset), earliest, end },
  );
}
