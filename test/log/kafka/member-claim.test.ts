import { expect, test } from 'vitest';
import {
  decodeClaim,
  encodeClaim,
  resolveClaims,
  type Claimant,
} from '../../../src/log/kafka/member-claim.ts';
import { assignSticky, type Assignment } from '../../../src/log/sticky-assignment.ts';

const topics = ['raw_readings', 'raw_readings.rekeyed'];

function member(
  memberId: string,
  owned: Readonly<Record<string, readonly number[]>> = {},
  generation = 1,
): Claimant {
  const places = Object.entries(owned).flatMap(([topic, partitions]) =>
    partitions.map((partition) => ({ topic, partition })),
  );
  return { memberId, topics, claim: { generation, owned: places, info: '' } };
}

function assigned(members: readonly Claimant[], counts: Readonly<Record<string, number>>): object {
  const partitions = new Map(
    Object.entries(counts).map(([topic, count]) => [
      topic,
      Array.from({ length: count }, (_, p) => p),
    ]),
  );
  return plain(assignSticky(resolveClaims(members), partitions));
}

function plain(assignment: Assignment): object {
  return Object.fromEntries(
    [...assignment].map(([memberId, byTopic]) => [memberId, Object.fromEntries(byTopic)]),
  );
}

test('everybody keeps what they hold when nobody comes or goes', () => {
  const members = [member('b', { raw_readings: [0, 3] }), member('a', { raw_readings: [1, 2] })];

  expect(assigned(members, { raw_readings: 4 })).toEqual({
    a: { raw_readings: [1, 2] },
    b: { raw_readings: [0, 3] },
  });
});

test('a new member gets what the others hold too much of, and nothing else moves', () => {
  const members = [member('a', { raw_readings: [0, 1, 2, 3] }), member('b')];

  expect(assigned(members, { raw_readings: 4 })).toEqual({
    a: { raw_readings: [0, 1] },
    b: { raw_readings: [2, 3] },
  });
});

test('what a lost member held goes to those with the fewest', () => {
  const members = [member('a', { raw_readings: [0] }), member('b', { raw_readings: [1, 2] })];

  expect(assigned(members, { raw_readings: 4 })).toEqual({
    a: { raw_readings: [0, 3] },
    b: { raw_readings: [1, 2] },
  });
});

test('of two claims the higher generation wins', () => {
  const members = [
    member('back', { raw_readings: [0, 1] }, 4),
    member('owner', { raw_readings: [0, 1] }, 6),
    member('other', {}, 6),
  ];

  expect(assigned(members, { raw_readings: 3 })).toMatchObject({ owner: { raw_readings: [0] } });
});

test('two claims of one generation contradict each other and neither counts', () => {
  const members = [member('a', { raw_readings: [1] }, 5), member('b', { raw_readings: [1] }, 5)];

  expect(assigned(members, { raw_readings: 2 })).toEqual({
    a: { raw_readings: [0] },
    b: { raw_readings: [1] },
  });
});

test('each topic is shared by itself, and odd partitions even out over the topics', () => {
  expect(
    assigned([member('a'), member('b')], { raw_readings: 1, 'raw_readings.rekeyed': 1 }),
  ).toEqual({
    a: { raw_readings: [0], 'raw_readings.rekeyed': [] },
    b: { raw_readings: [], 'raw_readings.rekeyed': [0] },
  });
});

test('a member gets nothing of a topic it did not subscribe to', () => {
  const one: Claimant = { ...member('a'), topics: ['raw_readings'] };

  expect(assigned([one, member('b')], { raw_readings: 2, 'raw_readings.rekeyed': 2 })).toEqual({
    a: { raw_readings: [0] },
    b: { raw_readings: [1], 'raw_readings.rekeyed': [0, 1] },
  });
});

test('a claim survives its encoding, and anything else claims nothing', () => {
  const claim = { generation: 7, owned: [{ topic: 't', partition: 3 }], info: 'http://host:8080' };
  const nothing = { generation: -1, owned: [], info: '' };

  expect(decodeClaim(encodeClaim(claim))).toEqual(claim);
  for (const text of ['', 'null', '[]', '{"version":2}', '{"version":1,"owned":{}}', '\u0000']) {
    expect(decodeClaim(Buffer.from(text))).toEqual(nothing);
  }
});
