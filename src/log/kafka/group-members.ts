// Reads the members of a group and their partitions from the coordinator.
import type { GroupMemberView } from '../event-log.ts';
import type { Connections } from './connections.ts';
import { kafkajs } from './internals.ts';
import { harmless, patience, retrying } from './retry.ts';
import { decodeClaim } from './member-claim.ts';

const { MemberMetadata, MemberAssignment } = kafkajs.AssignerProtocol;

/**
 * Returns the members of the group; while it rebalances, those that have no partition yet hold
 * none.
 */
export async function groupMembers(
  connections: Connections,
  groupId: string,
  topic: string,
): Promise<readonly GroupMemberView[]> {
  const { groups } = await retrying(
    async () => {
      const broker = await connections.coordinatorOf({ group: groupId }, topic);
      return broker.describeGroups({ groupIds: [groupId] });
    },
    {
      what: `Asking for the members of ${groupId}`,
      details: { groupId },
      kinds: harmless,
      ...patience,
      deadlineMs: 3_000,
      onFailure: (error) => connections.recover(error),
    },
  );
  return groups.flatMap(({ members }) =>
    members.map(({ memberMetadata, memberAssignment }) => ({
      info: infoOf(memberMetadata),
      partitions: partitionsOf(memberAssignment),
    })),
  );
}

function infoOf(memberMetadata: Buffer): string {
  if (memberMetadata.length === 0) return '';
  return decodeClaim(MemberMetadata.decode(memberMetadata).userData).info;
}

function partitionsOf(memberAssignment: Buffer): GroupMemberView['partitions'] {
  if (memberAssignment.length === 0) return [];
  const { assignment = {} } = MemberAssignment.decode(memberAssignment) ?? {};
  return Object.entries(assignment).flatMap(([topic, partitions]) =>
    partitions.map((partition) => ({ topic, partition })),
  );
}
