// The counts of partitions that a group goes by while its topics get more of them.
import { describe, expect, it } from 'vitest';

import { keptCounts, readGroupCounts, type GroupCounts } from '../../src/actors/group-counts.ts';
import type { PositionMetadata } from '../../src/actors/position-metadata.ts';
import { simulatedTopics as topics } from '../../property-tests/simulation/simulated-process.ts';

type Kept = Pick<PositionMetadata, 'rekeyedPartitions'> & { readonly journal?: number };

const position = ({
  rekeyedPartitions,
  journal,
}: Kept): { nextOffset: number; metadata: string } => ({
  nextOffset: 0,
  metadata: JSON.stringify({
    ...{ version: 1, origin: 0, rekeyedPartitions },
    journal: { sequence: 1, originOffset: 0, partitions: journal },
  }),
});

function countsOf(
  now: { readonly rekeyed: number; readonly journal: number },
  kept: readonly (Kept | undefined)[],
): Promise<GroupCounts> {
  const committed = kept.map((each) => (each === undefined ? undefined : position(each)));
  return readGroupCounts(
    {
      observedPositions: (_, places) =>
        Promise.resolve(
          places.map((_place, index) => ({ committed: committed[index], pending: false })),
        ),
    },
    {
      groupId: 'group',
      topics,
      partitionsNow: (topic) =>
        Promise.resolve(
          { [topics.rekeyed]: now.rekeyed, [topics.journal]: now.journal }[topic] ?? 3,
        ),
    },
  );
}

describe('the counts of a group', () => {
  it('are those of its topics where it is new, or of a version that kept none', async () => {
    const now = { rekeyed: 3, journal: 5 };
    const counts = { sourcePartitions: 3, rekeyedPartitions: 3, journalPartitions: 5 };

    for (const kept of [[], [undefined, {}]]) {
      expect(await countsOf(now, kept)).toEqual({ ...counts, formerJournalPartitions: [] });
    }
  });

  it('stay those of its start where topics got more partitions since', async () => {
    const kept = [
      { rekeyedPartitions: 2, journal: 4 },
      { rekeyedPartitions: 2, journal: 5 },
    ];

    expect(await countsOf({ rekeyed: 8, journal: 5 }, [undefined, ...kept])).toEqual({
      sourcePartitions: 3,
      rekeyedPartitions: 2,
      journalPartitions: 5,
      formerJournalPartitions: [4],
    });
  });

  it('refuse a rekeyed topic with fewer partitions than before', async () => {
    await expect(
      countsOf({ rekeyed: 1, journal: 5 }, [{ rekeyedPartitions: 2, journal: 5 }]),
    ).rejects.toThrow(/has 1 partitions, but had 2 .*new GROUP_ID/);
  });

  it('are each told once', () => {
    const kept = { rekeyedPartitions: 2, journal: 4 };

    expect(keptCounts([position(kept), position(kept)])).toEqual({
      rekeyed: [2],
      journal: [4],
    });
  });
});
