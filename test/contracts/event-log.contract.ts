// The laws of the event log (src/log/event-log.ts), run unchanged over every adapter.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { EventLog } from '../../src/log/event-log.ts';
import { eventLogCommitContract } from './event-log-commit.contract.ts';
import { eventLogGroupContract } from './event-log-group.contract.ts';
import type { EventLogHarness, LogUnderTest } from './event-log-harness.ts';
import {
  bytes,
  freshTopic,
  numbered,
  readAll,
  recordsOf,
  uniqueName,
  valuesOf,
} from './event-log-harness.ts';

/** States the laws of the event log for the adapter that `open` opens. */
export function eventLogContract(name: string, open: () => Promise<EventLogHarness>): void {
  describe(`event log contract: ${name}`, { timeout: 90_000 }, () => {
    let harness: EventLogHarness | undefined;
    const others: EventLog[] = [];
    const current = (): EventLogHarness => {
      if (harness === undefined) throw new Error('the harness is not open');
      return harness;
    };
    const underTest: LogUnderTest = {
      log: () => current().log,
      async another() {
        const other = await current().openAnother();
        others.push(other);
        return other;
      },
    };
    beforeAll(async () => {
      harness = await open();
    });
    afterAll(async () => {
      for (const other of others) await other.close();
      await harness?.close();
    });
    topicLaws(underTest);
    appendLaws(underTest);
    readLaws(underTest);
    extentLaws(underTest);
    eventLogCommitContract(underTest);
    eventLogGroupContract(underTest);
  });
}

function extentLaws({ log }: LogUnderTest): void {
  describe('offsets of many partitions', () => {
    test('are returned in the order of the request', async () => {
      const [wide, narrow] = [await freshTopic(log(), 5), await freshTopic(log())];
      await log().append(numbered(wide, 0, 7, 3));
      await log().append(numbered(narrow, 0, 2));
      const places = [
        { topic: wide, partition: 3 },
        { topic: narrow, partition: 0 },
        { topic: wide, partition: 4 },
      ];

      const extents = await log().offsetsAll(places);

      expect(extents).toEqual([
        { earliest: 0, end: 7 },
        { earliest: 0, end: 2 },
        { earliest: 0, end: 0 },
      ]);
      expect(extents).toEqual(await Promise.all(places.map((place) => log().offsets(place))));
    });

    test('of no partition are empty', async () => {
      expect(await log().offsetsAll([])).toEqual([]);
      expect(await log().observedPositions(uniqueName('g'), [])).toEqual([]);
    });
  });
}

function topicLaws({ log, another }: LogUnderTest): void {
  describe('topics', () => {
    test('ensureTopics creates missing topics and returns only those', async () => {
      const [first, second] = [uniqueName('contract'), uniqueName('contract')];

      const created = await log().ensureTopics([{ topic: first, partitions: 2 }]);
      const createdLater = await log().ensureTopics([
        { topic: first, partitions: 5 },
        { topic: second, partitions: 3 },
      ]);

      expect(created).toEqual([first]);
      expect(createdLater).toEqual([second]);
      expect((await log().describeTopic(first))?.partitions).toBe(2);
      expect((await log().describeTopic(second))?.partitions).toBe(3);
    });

    test('of two logs that create a topic at the same time, one creates it', async () => {
      const topic = uniqueName('contract');
      const other = await another();

      const created = await Promise.all(
        [log(), other].map((each) => each.ensureTopics([{ topic, partitions: 4 }])),
      );

      expect(created.flat()).toEqual([topic]);
      expect((await other.describeTopic(topic))?.partitions).toBe(4);
    });

    test('a topic has an id of its own, the same for all; one that does not exist has none', async () => {
      const [first, second] = [await freshTopic(log(), 3), await freshTopic(log())];
      const other = await another();

      const ids = await log().topicIds([first, uniqueName('missing'), second]);

      expect([...ids.keys()]).toEqual([first, second]);
      expect(new Set(ids.values()).size).toBe(2);
      expect(await other.topicIds([second, first])).toEqual(ids);
      expect(await log().topicIds([])).toEqual(new Map());
    });

    test('a topic that does not exist is described as undefined', async () => {
      expect(await log().describeTopic(uniqueName('missing'))).toBeUndefined();
    });

    test('a fresh partition is empty', async () => {
      const topic = await freshTopic(log());

      expect(await log().offsets({ topic, partition: 0 })).toEqual({ earliest: 0, end: 0 });
      expect(await readAll(log(), { topic, partition: 0 })).toEqual([]);
    });
  });
}

// Kafka's own known answers of murmur2 (UtilsTest.testMurmur2), as partitions of 7: (hash & 0x7fffffff) % 7.
const murmurAnswers = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
] as const;

function appendLaws({ log, another }: LogUnderTest): void {
  describe('append', () => {
    test('appended records are read in the order they were appended', async () => {
      const topic = await freshTopic(log());

      await log().append(numbered(topic, 0, 40));
      await Promise.all([
        log().append(numbered(topic, 40, 41)),
        log().append(numbered(topic, 41, 60)),
      ]);

      const records = await readAll(log(), { topic, partition: 0 });
      expect(records.map((record) => record.value)).toEqual(
        Array.from({ length: 60 }, (_, index) => String(index)),
      );
      expect(records.map((record) => record.offset)).toEqual(
        Array.from({ length: 60 }, (_, index) => index),
      );
      expect(await log().offsets({ topic, partition: 0 })).toEqual({ earliest: 0, end: 60 });
    });

    test('an append returns where it wrote, and another log reads it at once', async () => {
      const topic = await freshTopic(log(), 3);
      const other = await another();

      await log().append(numbered(topic, 0, 5, 2));
      const result = await log().append([...numbered(topic, 5, 8, 2), ...numbered(topic, 0, 2, 1)]);

      const ends = new Map(result.map((each) => [each.partition, each.endOffset]));
      expect([...ends].sort()).toEqual([
        [1, 2],
        [2, 8],
      ]);
      expect(await valuesOf(other, { topic, partition: 2 })).toHaveLength(8);
    });

    test('murmur2 of its key decides the partition of a record', async () => {
      const topic = await freshTopic(log(), 7);

      await log().append(murmurAnswers.map(([key]) => ({ topic, key: bytes(key), value: null })));

      for (const [key, hash] of murmurAnswers) {
        const records = await readAll(log(), { topic, partition: (hash & 0x7fffffff) % 7 });
        expect(records.map((record) => record.key)).toContain(key);
      }
    });

    test('records without a key spread over the partitions', async () => {
      const topic = await freshTopic(log(), 4);

      await log().append(
        Array.from({ length: 400 }, () => ({ topic, key: null, value: bytes('x') })),
      );

      const counts = await Promise.all(
        [0, 1, 2, 3].map(async (partition) => (await readAll(log(), { topic, partition })).length),
      );
      expect(Math.min(...counts)).toBeGreaterThan(0);
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(400);
    });

    test('keys, values, headers and times survive: null, empty, unicode, NUL and bytes', async () => {
      const topic = await freshTopic(log());
      const timestampMs = Date.now() - 5_000;
      const binary = new Uint8Array([0, 255, 128, 10, 13]);

      await log().append([
        { topic, partition: 0, key: null, value: null, timestampMs },
        { topic, partition: 0, key: bytes(''), value: bytes(''), timestampMs: timestampMs + 1 },
        {
          topic,
          partition: 0,
          key: bytes('ключ\u0000🔑'),
          value: bytes('wärme'),
          headers: [
            { key: 'dlq.reason', value: bytes('späť') },
            { key: 'twice', value: bytes('1') },
            { key: 'twice', value: bytes('2') },
            { key: 'empty', value: bytes('') },
            { key: 'ключ', value: bytes('🔑') },
          ],
          timestampMs: timestampMs - 1_000,
        },
        { topic, partition: 0, key: binary, value: binary },
      ]);

      const batches = [];
      for await (const batch of log().read({ topic, partition: 0, from: 0 })) batches.push(batch);
      const records = batches.flatMap(recordsOf);
      expect(records.map(({ key, value }) => ({ key, value })).slice(0, 3)).toEqual([
        { key: null, value: null },
        { key: '', value: '' },
        { key: 'ключ\u0000🔑', value: 'wärme' },
      ]);
      expect(records[2]?.headers).toEqual([
        { key: 'dlq.reason', value: 'späť' },
        { key: 'twice', value: '1' },
        { key: 'twice', value: '2' },
        { key: 'empty', value: '' },
        { key: 'ключ', value: '🔑' },
      ]);
      expect(records.slice(0, 3).map((record) => record.timestampMs - timestampMs)).toEqual([
        0, 1, -1_000,
      ]);
      expect(records[3]?.value).toBe(Buffer.from(binary).toString('utf8'));
      expect(Math.abs((records[3]?.timestampMs ?? 0) - Date.now())).toBeLessThan(60_000);
    });

    test('a value of 900 kB survives, and so do a hundred of 9 kB', async () => {
      const topic = await freshTopic(log());
      const large = 'ab9-'.repeat(225_000);

      await log().append([{ topic, partition: 0, key: null, value: bytes(large) }]);
      await log().append(
        Array.from({ length: 100 }, (_, index) => ({
          topic,
          partition: 0,
          key: null,
          value: bytes(`${index}:`.padEnd(9_000, 'z')),
        })),
      );

      const values = await valuesOf(log(), { topic, partition: 0 });
      expect(values).toHaveLength(101);
      expect(values[0] === large).toBe(true);
      expect(values.slice(1).map((value) => value?.split(':')[0])).toEqual(
        Array.from({ length: 100 }, (_, index) => String(index)),
      );
    });

    test('an append of nothing is fine', async () => {
      expect(await log().append([])).toEqual([]);
    });
  });
}

function readLaws({ log }: LogUnderTest): void {
  describe('read', () => {
    test('a read hands out exactly the records from `from` up to `to`', async () => {
      const topic = await freshTopic(log());
      for (let start = 0; start < 20; start += 5) {
        await log().append(numbered(topic, start, start + 5));
      }
      const at = (from: number, to?: number): Promise<(string | null)[]> =>
        readAll(log(), { topic, partition: 0, from, ...(to === undefined ? {} : { to }) }).then(
          (records) => records.map((record) => record.value),
        );

      expect(await at(7, 12)).toEqual(['7', '8', '9', '10', '11']);
      expect(await at(5, 10)).toEqual(['5', '6', '7', '8', '9']);
      expect(await at(18)).toEqual(['18', '19']);
      expect(await at(20)).toEqual([]);
      expect(await at(3, 3)).toEqual([]);
      expect(await at(16, 99)).toEqual(['16', '17', '18', '19']);
    });

    test('each batch goes on where the one before ended, and knows the high watermark', async () => {
      const topic = await freshTopic(log());
      for (let start = 0; start < 20; start += 4) {
        await log().append(numbered(topic, start, start + 4));
      }

      let position = 2;
      for await (const batch of log().read({ topic, partition: 0, from: position })) {
        expect(batch).toMatchObject({ topic, partition: 0, highWatermark: 20 });
        expect(batch.fetchOffset).toBeLessThanOrEqual(position);
        for (const record of recordsOf(batch)) {
          expect(record.offset).toBe(position);
          position = record.offset + 1;
        }
        expect(batch.nextOffset).toBeGreaterThanOrEqual(position);
        position = batch.nextOffset;
      }
      expect(position).toBe(20);
    });

    test('the records of a batch can be read twice', async () => {
      const topic = await freshTopic(log());
      await log().append(numbered(topic, 0, 3));

      for await (const batch of log().read({ topic, partition: 0, from: 0 })) {
        expect(recordsOf(batch)).toEqual(recordsOf(batch));
      }
    });

    test('a read ends at the end as it was at the call', async () => {
      const topic = await freshTopic(log());
      await log().append(numbered(topic, 0, 3));

      const values: (string | null)[] = [];
      for await (const batch of log().read({ topic, partition: 0, from: 0 })) {
        values.push(...recordsOf(batch).map((record) => record.value));
        await log().append(numbered(topic, 100, 101));
      }

      expect(values).toEqual(['0', '1', '2']);
    });

    test('offsetAtTime finds the first record at or after a time, or the end', async () => {
      const topic = await freshTopic(log());
      const base = Date.now() - 60_000;
      for (let index = 0; index < 6; index += 1) {
        await log().append([
          {
            topic,
            partition: 0,
            key: null,
            value: bytes(String(index)),
            timestampMs: base + index * 1_000,
          },
        ]);
      }
      const at = (timeMs: number): Promise<number> =>
        log().offsetAtTime({ topic, partition: 0 }, timeMs);

      expect(await at(base - 1)).toBe(0);
      expect(await at(base)).toBe(0);
      expect(await at(base + 1)).toBe(1);
      expect(await at(base + 3_000)).toBe(3);
      expect(await at(base + 5_001)).toBe(6);
    });
  });
}
