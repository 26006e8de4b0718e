import { expect, test } from 'vitest';
import { murmur2 } from '../../src/records/murmur2.ts';
import { partitionForKey } from '../../src/records/partitioning.ts';

// Kafka's own known answers: clients/src/test/java/org/apache/kafka/common/utils/UtilsTest.java, testMurmur2.
const knownAnswers: readonly (readonly [string, number])[] = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
];

test.each(knownAnswers)('murmur2 of %s is the hash Kafka computes', (text, hash) => {
  expect(murmur2(Buffer.from(text))).toBe(hash);
});

test('a key whose hash is negative still lands in a partition that exists', () => {
  expect(partitionForKey(Buffer.from('21'), 7)).toBe((-973932308 & 0x7fffffff) % 7);
});

test('a topic without partitions has no partition for a key', () => {
  expect(() => partitionForKey(Buffer.from('21'), 0)).toThrow(/at least one partition/);
});
