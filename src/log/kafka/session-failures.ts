// Which ends of a group session another session would only meet again, and what to say of a
// partition that cannot be fetched while the session goes on.
import { InvariantError, UnavailableError, type AnySensoriumError } from '../../errors.ts';
import type { PartitionExtent } from '../event-log.ts';
import type { TopicPartition } from '../../records/record.ts';
import { failureKind, rootOf, translated } from './failures.ts';

export type OffsetsOf = (place: TopicPartition) => Promise<PartitionExtent>;

/** Returns whether joining again would meet the same failure. */
export function isFinal(error: unknown): boolean {
  if (rootOf(error) instanceof InvariantError) return true;
  const kind = failureKind(error);
  return kind === 'denied' || kind === 'refused';
}

/**
 * Returns what the owner of the partition must hear of `error`, which ended its delivery at
 * `offset`. An offset that the log no longer holds is for the owner to judge, who knows what it has
 * committed: it recovers, and finds what is missing.
 */
export async function partitionFailure(
  error: unknown,
  { offset, ...place }: TopicPartition & { readonly offset: number },
  offsetsOf: OffsetsOf,
): Promise<AnySensoriumError> {
  const where = `${place.topic}/${place.partition}`;
  const root = rootOf(error);
  const outOfRange = root instanceof Error && Reflect.get(root, 'type') === 'OFFSET_OUT_OF_RANGE';
  if (!outOfRange) return translated(`Fetching ${where}`, error, { ...place, offset });
  try {
    const { earliest, end } = await offsetsOf(place);
    const message = `Offset ${offset} of ${where} is wanted, but the log holds ${earliest} to ${end}`;
    return new UnavailableError(message, { ...place, offset, earliest, end }, error);
  } catch (failure) {
    return translated(`Looking for offset ${offset} of ${where}`, failure, { ...place, offset });
  }
}
