import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { holds, seed } from '../../property-tests/seed.ts';
import type { TopicPartition } from '../../src/records/record.ts';
import {
  assignSticky,
  type Assignment,
  type AssignmentMember,
} from '../../src/log/sticky-assignment.ts';

type Counts = Readonly<Record<string, number>>;

function partitionsOf(counts: Counts): ReadonlyMap<string, readonly number[]> {
  return new Map(Object.entries(counts).map(([topic, count]) => [topic, [...Array(count).keys()]]));
}

/** Returns members m0, m1, … that read every topic and hold nothing. */
function members(count: number, counts: Counts): readonly AssignmentMember[] {
  const topics = Object.keys(counts);
  return Array.from({ length: count }, (_, index) => ({ id: `m${index}`, topics, held: [] }));
}

/** Returns `group`, each member holding what `assignment` gives it. */
function holding(
  group: readonly AssignmentMember[],
  assignment: Assignment,
): readonly AssignmentMember[] {
  return group.map((member) => ({ ...member, held: sharesOf(assignment, member.id) }));
}

function sharesOf(assignment: Assignment, id: string): readonly TopicPartition[] {
  return [...(assignment.get(id) ?? [])].flatMap(([topic, numbers]) =>
    numbers.map((partition) => ({ topic, partition })),
  );
}

const sizes = (assignment: Assignment, topic: string): readonly number[] =>
  [...assignment.values()].map((shares) => shares.get(topic)?.length ?? 0);

const groups = fc.record({
  count: fc.integer({ min: 1, max: 9 }),
  raw: fc.integer({ min: 0, max: 20 }),
  rekeyed: fc.integer({ min: 0, max: 20 }),
  /** The holder of each partition: a member, or nobody where it is past the members. */
  holders: fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 40, maxLength: 40 }),
});

/** Returns the members of `groups`' value, each with what `holders` says that it holds. */
function heldAtRandom(value: typeof groups extends fc.Arbitrary<infer T> ? T : never) {
  const { count, raw, rekeyed, holders } = value;
  const all = [
    ...[...Array(raw).keys()].map((partition) => ({ topic: 'raw', partition })),
    ...[...Array(rekeyed).keys()].map((partition) => ({ topic: 'rekeyed', partition })),
  ];
  return members(count, { raw, rekeyed }).map((member, index) => ({
    ...member,
    held: all.filter((_, at) => holders[at] === index),
  }));
}

describe(`assignment (seed ${seed})`, () => {
  test('gives every partition to one member, and shares of a topic differ by one at most', async () => {
    await holds(
      fc.property(groups, (value) => {
        const { raw, rekeyed, count } = value;

        const target = assignSticky(heldAtRandom(value), partitionsOf({ raw, rekeyed }));

        const given = [...target.keys()].flatMap((id) => sharesOf(target, id));
        const distinct = new Set(given.map(({ topic, partition }) => `${topic}/${partition}`));
        expect(given).toHaveLength(raw + rekeyed);
        expect(distinct.size).toBe(raw + rekeyed);
        for (const [topic, total] of Object.entries({ raw, rekeyed })) {
          const all = sizes(target, topic);
          expect(Math.min(...all)).toBe(Math.floor(total / count));
          expect(Math.max(...all)).toBe(Math.ceil(total / count));
        }
      }),
      { seed },
    );
  });

  test('keeps an assignment that is in force', async () => {
    await holds(
      fc.property(groups, (value) => {
        const { raw, rekeyed } = value;
        const group = heldAtRandom(value);
        const first = assignSticky(group, partitionsOf({ raw, rekeyed }));

        const again = assignSticky(holding(group, first), partitionsOf({ raw, rekeyed }));

        for (const { id } of group) {
          expect(new Set(sharesOf(again, id))).toEqual(new Set(sharesOf(first, id)));
        }
      }),
      { seed },
    );
  });

  test('moves no more than evenness asks for when a member joins', async () => {
    await holds(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 0, max: 40 }), (count, raw) => {
        const before = assignSticky(members(count, { raw }), partitionsOf({ raw }));
        const joined = holding(members(count + 1, { raw }), before);

        const after = assignSticky(joined, partitionsOf({ raw }));

        const kept = joined.map(({ id, held }) => {
          const now = new Set(after.get(id)?.get('raw'));
          return held.filter(({ partition }) => now.has(partition)).length;
        });
        const moved = raw - kept.reduce((sum, each) => sum + each, 0);
        expect(moved).toBeLessThanOrEqual(Math.ceil(raw / (count + 1)));
      }),
      { seed },
    );
  });
});

test('no member gets only one kind of topic when both kinds are enough for all', () => {
  const counts = { raw: 4, rekeyed: 4 };
  const target = assignSticky(members(2, counts), partitionsOf(counts));

  expect(sizes(target, 'raw')).toEqual([2, 2]);
  expect(sizes(target, 'rekeyed')).toEqual([2, 2]);
});

test('an odd partition goes to the member that has fewer of other topics', () => {
  const counts = { a: 1, b: 1 };
  const target = assignSticky(members(2, counts), partitionsOf(counts));

  expect([...target.keys()].map((id) => sharesOf(target, id).length)).toEqual([1, 1]);
});

test('a member gets nothing of a topic that it does not read', () => {
  const group = [
    { id: 'm0', topics: ['raw'], held: [] },
    { id: 'm1', topics: ['other'], held: [] },
  ];

  const target = assignSticky(group, partitionsOf({ raw: 3 }));

  expect(target.get('m0')?.get('raw')).toEqual([0, 1, 2]);
  expect(target.get('m1')?.get('raw')).toBeUndefined();
});
