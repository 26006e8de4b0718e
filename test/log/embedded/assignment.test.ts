import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { holds, seed } from '../../../property-tests/seed.ts';
import { assignPartitions } from '../../../src/log/embedded/assignment.ts';
import { partitionKey } from '../../../src/log/partition-key.ts';

interface Group {
  readonly members: readonly { readonly id: string; readonly topics: readonly string[] }[];
  readonly partitions: ReadonlyMap<string, number>;
}

function group(memberCount: number, partitions: Readonly<Record<string, number>>): Group {
  const topics = Object.keys(partitions);
  const members = Array.from({ length: memberCount }, (_, index) => ({ id: `m${index}`, topics }));
  return { members, partitions: new Map(Object.entries(partitions)) };
}

function loads(target: ReadonlyMap<string, string>, topic: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [name, id] of target) {
    if (name.startsWith(`${topic}/`)) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

const groups = fc.record({
  members: fc.integer({ min: 1, max: 9 }),
  raw: fc.integer({ min: 0, max: 20 }),
  rekeyed: fc.integer({ min: 0, max: 20 }),
  /** Holder of each partition: a member, one that is gone (≥ members), or nobody (-1). */
  holders: fc.array(fc.integer({ min: -1, max: 12 }), { minLength: 40, maxLength: 40 }),
});

function claimsOf(
  raw: number,
  rekeyed: number,
  holders: readonly number[],
): Record<string, string> {
  const names = [
    ...Array.from({ length: raw }, (_, partition) => partitionKey({ topic: 'raw', partition })),
    ...Array.from({ length: rekeyed }, (_, partition) =>
      partitionKey({ topic: 'rekeyed', partition }),
    ),
  ];
  return Object.fromEntries(
    names.flatMap((name, index) => {
      const holder = holders[index] ?? -1;
      return holder < 0 ? [] : [[name, `m${holder}`]];
    }),
  );
}

describe(`assignment (seed ${seed})`, () => {
  test('every partition has one member, and members of a topic differ by one at most', async () => {
    await holds(
      fc.property(groups, ({ members, raw, rekeyed, holders }) => {
        const claims = claimsOf(raw, rekeyed, holders);
        const target = assignPartitions({ ...group(members, { raw, rekeyed }), claims });

        expect(target.size).toBe(raw + rekeyed);
        for (const [topic, count] of [
          ['raw', raw],
          ['rekeyed', rekeyed],
        ] as const) {
          for (const load of loads(target, topic).values()) {
            expect(load).toBeGreaterThanOrEqual(Math.floor(count / members));
            expect(load).toBeLessThanOrEqual(Math.ceil(count / members));
          }
        }
      }),
      { seed },
    );
  });

  test('an assignment that is in force is kept', async () => {
    await holds(
      fc.property(groups, ({ members, raw, rekeyed, holders }) => {
        const input = group(members, { raw, rekeyed });
        const first = assignPartitions({ ...input, claims: claimsOf(raw, rekeyed, holders) });

        const again = assignPartitions({ ...input, claims: Object.fromEntries(first) });

        expect(again).toEqual(first);
      }),
      { seed },
    );
  });

  test('no more moves than evenness asks for when a member joins', async () => {
    await holds(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 0, max: 40 }),
        (members, raw) => {
          const before = assignPartitions({ ...group(members, { raw }), claims: {} });

          const after = assignPartitions({
            ...group(members + 1, { raw }),
            claims: Object.fromEntries(before),
          });

          const moved = [...after].filter(([name, id]) => before.get(name) !== id).length;
          expect(moved).toBeLessThanOrEqual(Math.ceil(raw / (members + 1)));
        },
      ),
      { seed },
    );
  });
});

test('with several topics no member gets only one kind when both kinds are enough for all', () => {
  const target = assignPartitions({ ...group(2, { raw: 4, rekeyed: 4 }), claims: {} });

  expect([...loads(target, 'raw').values()]).toEqual([2, 2]);
  expect([...loads(target, 'rekeyed').values()]).toEqual([2, 2]);
});

test('an odd partition goes to the member that has less from other topics', () => {
  const target = assignPartitions({ ...group(2, { a: 1, b: 1 }), claims: {} });

  expect(new Set(target.values()).size).toBe(2);
});

test('a member gets nothing of a topic it does not read', () => {
  const members = [
    { id: 'm0', topics: ['raw'] },
    { id: 'm1', topics: ['other'] },
  ];

  const target = assignPartitions({ members, partitions: new Map([['raw', 3]]), claims: {} });

  expect(new Set(target.values())).toEqual(new Set(['m0']));
});
