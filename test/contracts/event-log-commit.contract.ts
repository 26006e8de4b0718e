// The laws of the event log's transactions: all or nothing, positions with their records, one writer at a time.
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';

import { FencedError, isSensoriumError } from '../../src/errors.ts';
import type { TopicPartition } from '../../src/records/record.ts';
import type { LogUnderTest } from './event-log-harness.ts';
import { bytes, freshTopic, numbered, readAll, uniqueName, valuesOf } from './event-log-harness.ts';

/** States the laws of commits and fencing for the log under test. */
export function eventLogCommitContract(underTest: LogUnderTest): void {
  commitLaws(underTest);
  fencingLaws(underTest);
}

function commitLaws({ log, another }: LogUnderTest): void {
  describe('commit', () => {
    test('a position never committed is undefined', async () => {
      const topic = await freshTopic(log(), 2);
      const groupId = uniqueName('group');
      await log().commitOffsets(groupId, [{ topic, partition: 1, nextOffset: 0, metadata: '' }]);

      expect(await log().committed(groupId, { topic, partition: 0 })).toBeUndefined();
      expect(await log().committed(uniqueName('g'), { topic, partition: 1 })).toBeUndefined();
      expect(await log().committed(groupId, { topic, partition: 1 })).toEqual({
        nextOffset: 0,
        metadata: '',
      });
    });

    test('a record that may be cut never stops a commit, however long it is', async () => {
      const [topic, input] = [await freshTopic(log()), await freshTopic(log())];
      const place = { topic, partition: 0 };
      const long = {
        ...place,
        cutAs: 'deadLetter' as const,
        key: bytes('k'),
        value: randomBytes(3_000_000),
        headers: [
          { key: 'dlq.reason', value: bytes('too_large') },
          { key: 'dlq.offset', value: bytes('17') },
        ],
      };
      const [before, after] = numbered(topic, 0, 2);
      const writer = await log().openWriter(uniqueName('group'), { topic: input, partition: 0 });

      for (const nextOffset of [1, 2]) {
        const records = [before, long, after].flatMap((record) => record ?? []);
        const [end] = await writer.commit({ nextOffset, metadata: '', records });
        expect(end?.endOffset).toBeGreaterThanOrEqual(3 * nextOffset);
      }
      await writer.close();

      const found = await readAll(log(), { ...place, from: 0 });
      expect(found.map(({ value }) => value?.slice(0, 20))).toHaveLength(6);
      for (const index of [1, 4]) {
        const { headers, value } = found[index] ?? { headers: [], value: '' };
        const names = new Map(headers.map((header) => [header.key, header.value]));
        expect(names.get('dlq.offset')).toBe('17');
        const isWhole = value === long.value.toString();
        expect(isWhole ? undefined : names.get('dlq.bytes')).toBe(isWhole ? undefined : '3000000');
      }
    });

    test('positions of many partitions are those of each, in the order asked for', async () => {
      const [wide, narrow] = [await freshTopic(log(), 4), await freshTopic(log())];
      const groupId = uniqueName('group');
      const metadata = 'größe ✓ '.padEnd(3_000, 'm');
      await log().commitOffsets(groupId, [
        { topic: wide, partition: 2, nextOffset: 5, metadata },
        { topic: narrow, partition: 0, nextOffset: 0, metadata: '' },
      ]);

      const positions = await log().observedPositions(groupId, [
        { topic: wide, partition: 3 },
        { topic: narrow, partition: 0 },
        { topic: wide, partition: 2 },
      ]);

      expect(positions).toEqual([
        { committed: undefined, pending: false },
        { committed: { nextOffset: 0, metadata: '' }, pending: false },
        { committed: { nextOffset: 5, metadata }, pending: false },
      ]);
    });

    test('positions of many partitions are each the last that was committed, or pending', async () => {
      const topic = await freshTopic(log(), 8);
      const groupId = uniqueName('group');
      const places = Array.from({ length: 8 }, (_, partition) => ({ topic, partition }));
      const writers = await Promise.all(places.map((place) => log().openWriter(groupId, place)));
      const other = await another();

      for (let nextOffset = 1; nextOffset <= 5; nextOffset += 1) {
        const commit = { nextOffset, metadata: `m${nextOffset}`, records: [] };
        await Promise.all(writers.map((writer) => writer.commit(commit)));
        const committed = { nextOffset, metadata: `m${nextOffset}` };

        const observed = await other.observedPositions(groupId, places);
        expect(observed.filter(({ pending }) => !pending)).toEqual(
          observed.filter(({ pending }) => !pending).map(() => ({ committed, pending: false })),
        );
        for (const place of places) {
          expect(await other.committed(groupId, place)).toEqual(committed);
        }
        expect(await other.observedPositions(groupId, places)).toEqual(
          places.map(() => ({ committed, pending: false })),
        );
      }
      await Promise.all(writers.map((writer) => writer.close()));
    });

    test('a commit shows its records and its position together', async () => {
      const input = { topic: await freshTopic(log()), partition: 0 };
      const [rows, letters] = [await freshTopic(log(), 3), await freshTopic(log())];
      const groupId = uniqueName('group');
      const metadata = JSON.stringify({ watermark: 17, name: 'größe ✓ ' }).padEnd(3_980, 'm');
      const writer = await log().openWriter(groupId, input);

      const result = await writer.commit({
        nextOffset: 42,
        metadata,
        records: [
          ...numbered(rows, 0, 3, 2),
          {
            topic: letters,
            key: bytes('k'),
            value: null,
            headers: [{ key: 'a', value: bytes('b') }],
          },
        ],
      });

      const other = await another();
      expect(await other.committed(groupId, input)).toEqual({ nextOffset: 42, metadata });
      expect(await valuesOf(other, { topic: rows, partition: 2 })).toEqual(['0', '1', '2']);
      const [letter] = await readAll(other, { topic: letters, partition: 0 });
      expect(letter).toMatchObject({ key: 'k', value: null, headers: [{ key: 'a', value: 'b' }] });
      expect(result).toHaveLength(2);
      expect(result).toContainEqual({ topic: rows, partition: 2, endOffset: 3 });
      expect(result).toContainEqual({ topic: letters, partition: 0, endOffset: 1 });
      await writer.close();
    });

    test('commits of one writer follow each other, with and without records', async () => {
      const input = { topic: await freshTopic(log()), partition: 0 };
      const rows = await freshTopic(log());
      const groupId = uniqueName('group');
      const writer = await log().openWriter(groupId, input);

      for (let index = 0; index < 10; index += 1) {
        const records = index % 2 === 0 ? numbered(rows, index, index + 1) : [];
        const result = await writer.commit({ nextOffset: index, metadata: `m${index}`, records });
        expect(result).toHaveLength(records.length);
        expect(await log().committed(groupId, input)).toEqual({
          nextOffset: index,
          metadata: `m${index}`,
        });
      }

      expect(await valuesOf(log(), { topic: rows, partition: 0 })).toEqual([
        '0',
        '2',
        '4',
        '6',
        '8',
      ]);
      await writer.close();
    });

    test('a transaction that is begun ahead commits what any other would, wherever it writes', async () => {
      const input = { topic: await freshTopic(log()), partition: 0 };
      const [rows, letters] = [await freshTopic(log(), 2), await freshTopic(log())];
      const groupId = uniqueName('group');
      const writer = await log().openWriter(groupId, input);
      const outputs = [numbered(rows, 0, 1), numbered(rows, 1, 2), [], numbered(letters, 3, 4)];

      for (const [nextOffset, records] of outputs.entries()) {
        writer.begin();
        writer.begin();
        await writer.commit({ nextOffset, metadata: '', records });
      }

      const other = await another();
      expect(await valuesOf(other, { topic: rows, partition: 0 })).toEqual(['0', '1']);
      expect(await valuesOf(other, { topic: letters, partition: 0 })).toEqual(['3']);
      expect((await other.committed(groupId, input))?.nextOffset).toBe(3);
      await writer.close();
    });

    test('a commit of megabytes, made while it runs, is there as a whole and in order', async () => {
      const input = { topic: await freshTopic(log()), partition: 0 };
      const rows = await freshTopic(log(), 3);
      const writer = await log().openWriter(uniqueName('group'), input);
      const filler = 'x'.repeat(1_000);
      const records = {
        *[Symbol.iterator]() {
          for (let index = 0; index < 4_000; index += 1) {
            const value = bytes(`${index} ${filler}`);
            yield { topic: rows, partition: index % 3, key: null, value };
          }
        },
      };

      const ends = await writer.commit({ nextOffset: 1, metadata: '', records });

      for (const partition of [0, 1, 2]) {
        const values = await valuesOf(await another(), { topic: rows, partition });
        const expected = Array.from({ length: 4_000 }, (_, index) => index).filter(
          (index) => index % 3 === partition,
        );
        expect(values.map((value) => parseInt(value ?? '', 10))).toEqual(expected);
        expect(ends).toContainEqual({ topic: rows, partition, endOffset: expected.length });
      }
      expect(ends).toHaveLength(3);
      await writer.close();
    });

    test('writers of several partitions write one output partition without losing a record', async () => {
      const topic = await freshTopic(log(), 4);
      const rows = await freshTopic(log());
      const groupId = uniqueName('group');
      const logs = [log(), await another(), log(), await another()];

      await Promise.all(
        logs.map(async (each, partition) => {
          const writer = await each.openWriter(groupId, { topic, partition });
          for (let index = 0; index < 10; index += 1) {
            await writer.commit({
              nextOffset: index + 1,
              metadata: '',
              records: numbered(rows, partition * 100 + index * 2, partition * 100 + index * 2 + 2),
            });
          }
          await writer.close();
        }),
      );

      const values = await valuesOf(log(), { topic: rows, partition: 0 });
      for (const partition of [0, 1, 2, 3]) {
        const own = values.map(Number).filter((value) => Math.floor(value / 100) === partition);
        expect(own).toEqual(Array.from({ length: 20 }, (_, index) => partition * 100 + index));
      }
      expect(values).toHaveLength(80);
    });

    test('commitOffsets sets positions of several partitions, also to the greatest safe offset', async () => {
      const topic = await freshTopic(log(), 2);
      const groupId = uniqueName('group');

      await log().commitOffsets(groupId, [
        { topic, partition: 0, nextOffset: Number.MAX_SAFE_INTEGER, metadata: 'größte' },
        { topic, partition: 1, nextOffset: 2 ** 40 + 1, metadata: '' },
      ]);

      const other = await another();
      expect(await other.committed(groupId, { topic, partition: 0 })).toEqual({
        nextOffset: Number.MAX_SAFE_INTEGER,
        metadata: 'größte',
      });
      expect((await other.committed(groupId, { topic, partition: 1 }))?.nextOffset).toBe(
        2 ** 40 + 1,
      );
    });
  });
}

function fencingLaws({ log, another }: LogUnderTest): void {
  describe('fencing', () => {
    const setUp = async (): Promise<{
      input: TopicPartition;
      rows: TopicPartition;
      group: string;
    }> => ({
      input: { topic: await freshTopic(log()), partition: 0 },
      rows: { topic: await freshTopic(log()), partition: 0 },
      group: uniqueName('group'),
    });

    test('opening a writer fences the one before: its commit throws and nothing of it appears', async () => {
      const { input, rows, group } = await setUp();
      const first = await log().openWriter(group, input);
      await first.commit({ nextOffset: 1, metadata: 'first', records: numbered(rows.topic, 0, 1) });

      const second = await (await another()).openWriter(group, input);
      expect(await log().committed(group, input)).toEqual({ nextOffset: 1, metadata: 'first' });
      const late = first.commit({
        nextOffset: 9,
        metadata: 'late',
        records: numbered(rows.topic, 900, 950),
      });

      await expect(late).rejects.toBeInstanceOf(FencedError);
      expect(await log().committed(group, input)).toEqual({ nextOffset: 1, metadata: 'first' });
      await second.commit({ nextOffset: 2, metadata: 'b', records: numbered(rows.topic, 1, 2) });
      expect(await valuesOf(log(), rows)).toEqual(['0', '1']);
      expect(await log().committed(group, input)).toEqual({ nextOffset: 2, metadata: 'b' });
      await first.close();
      await second.close();
    });

    test('a transaction that is begun and never committed holds back neither readers nor the next owner', async () => {
      const { input, rows, group } = await setUp();
      const first = await log().openWriter(group, input);
      await first.commit({ nextOffset: 1, metadata: '', records: numbered(rows.topic, 0, 1) });
      first.begin();
      expect(await valuesOf(log(), rows)).toEqual(['0']);
      expect((await log().committed(group, input))?.nextOffset).toBe(1);

      const second = await (await another()).openWriter(group, input);
      await second.commit({ nextOffset: 2, metadata: '', records: numbered(rows.topic, 1, 2) });
      const late = first.commit({ nextOffset: 9, metadata: '', records: [] });

      await expect(late).rejects.toBeInstanceOf(FencedError);
      expect(await valuesOf(log(), rows)).toEqual(['0', '1']);
      expect((await log().committed(group, input))?.nextOffset).toBe(2);
      await first.close();
      await second.close();
    });

    test('a fenced writer stays fenced, and closing it does not disturb the new one', async () => {
      const { input, rows, group } = await setUp();
      const first = await log().openWriter(group, input);
      const second = await log().openWriter(group, input);

      const empty = { metadata: '', records: [] };
      await expect(first.commit({ nextOffset: 1, ...empty })).rejects.toThrow();
      await expect(first.commit({ nextOffset: 2, ...empty })).rejects.toThrow();
      await first.close();
      await second.commit({ nextOffset: 7, metadata: '', records: numbered(rows.topic, 0, 1) });

      expect((await log().committed(group, input))?.nextOffset).toBe(7);
      await second.close();
    });

    test('each opening has an epoch of its own', async () => {
      const { input, group } = await setUp();
      const epochs = new Set<string>();

      for (let index = 0; index < 4; index += 1) {
        const writer = await log().openWriter(group, input);
        epochs.add(writer.epoch);
        await writer.close();
      }

      expect(epochs.size).toBe(4);
    });

    test('writers of other partitions and of other groups are not fenced', async () => {
      const topic = await freshTopic(log(), 2);
      const [groupA, groupB] = [uniqueName('group'), uniqueName('group')];
      const first = await log().openWriter(groupA, { topic, partition: 0 });
      const others = [
        await log().openWriter(groupA, { topic, partition: 1 }),
        await log().openWriter(groupB, { topic, partition: 0 }),
      ];

      await first.commit({ nextOffset: 5, metadata: '', records: [] });

      expect((await log().committed(groupA, { topic, partition: 0 }))?.nextOffset).toBe(5);
      for (const writer of [first, ...others]) await writer.close();
    });

    test('a commit that a close interrupts is there as a whole or not at all', async () => {
      const { input, rows, group } = await setUp();
      const writer = await log().openWriter(group, input);

      const outcome = writer
        .commit({ nextOffset: 3, metadata: '', records: numbered(rows.topic, 0, 300) })
        .then(
          () => 'committed',
          (error: unknown) => (isSensoriumError(error) ? error.code : String(error)),
        );
      await writer.close();
      await writer.close();

      expect(['committed', 'UNAVAILABLE', 'FENCED']).toContain(await outcome);
      // The next opening settles what the interrupted transaction left behind.
      await (await log().openWriter(group, input)).close();
      const position = await log().committed(group, input);
      expect((await valuesOf(log(), rows)).length).toBe(position === undefined ? 0 : 300);
      if ((await outcome) === 'committed') expect(position?.nextOffset).toBe(3);
    });

    test('a closed writer commits nothing', async () => {
      const { input, rows, group } = await setUp();
      const writer = await log().openWriter(group, input);
      await writer.close();

      const late = writer.commit({
        nextOffset: 1,
        metadata: '',
        records: numbered(rows.topic, 0, 1),
      });

      await expect(late).rejects.toSatisfy(isSensoriumError);
      expect(await log().committed(group, input)).toBeUndefined();
      expect(await valuesOf(log(), rows)).toEqual([]);
    });

    test('an opening whose signal is aborted rejects', async () => {
      const { input, group } = await setUp();

      const opening = log().openWriter(group, input, AbortSignal.abort());

      await expect(opening).rejects.toSatisfy(isSensoriumError);
    });
  });
}
