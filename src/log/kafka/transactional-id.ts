// The names of the transactional ids of one input partition. Why there are two:
// producer-identities.ts.
import type { TopicPartition } from '../../records/record.ts';

export interface TransactionalIds {
  /** The id this version writes under. */
  readonly current: string;
  /** The id of the former version. */
  readonly former: string;
}

/** Returns the ids of the group's partition; all of them begin with the group. */
export function transactionalIdsOf(
  groupId: string,
  { topic, partition }: TopicPartition,
): TransactionalIds {
  return {
    current: `${groupId}/${topic}/${partition}`,
    former: `${groupId}-${topic}-${partition}`,
  };
}
