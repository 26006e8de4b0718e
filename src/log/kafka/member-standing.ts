// How a group member stands between its joins: what a transactional commit says of it, and whether
// another may have owned its partitions meanwhile.
import type { Standing } from './transaction-requests.ts';

export interface MemberStanding extends Standing {
  /**
   * Grows with every join before which others may have held this member's partitions: a coordinator
   * that dropped the member may have given them away and back. A member that stays has been in
   * every generation.
   */
  readonly interruptions: number;
}

/** Returns the standing after a join. */
export function standingAfterJoin(
  before: MemberStanding | undefined,
  { memberId, generationId }: Standing,
): MemberStanding {
  const stayed = before?.memberId === memberId && before.generationId + 1 === generationId;
  const interruptions = before?.interruptions ?? 0;
  return { memberId, generationId, interruptions: stayed ? interruptions : interruptions + 1 };
}
