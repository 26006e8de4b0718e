import { expect, it } from 'vitest';
import { standingAfterJoin } from '../../../src/log/kafka/member-standing.ts';

const first = standingAfterJoin(undefined, { memberId: 'a', generationId: 7 });

it.each([
  ['stays from one generation to the next', 'a', 8, 0],
  ['has missed a generation', 'a', 9, 1],
  ['was given another id', 'b', 8, 1],
  ['meets a group that began anew', 'a', 1, 1],
] as const)('a member that %s', (_, memberId, generationId, interruptions) => {
  const next = standingAfterJoin(first, { memberId, generationId });

  expect(next).toEqual({
    memberId,
    generationId,
    interruptions: first.interruptions + interruptions,
  });
});
