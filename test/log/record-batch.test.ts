import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { InvariantError } from '../../src/errors.ts';
import type { OutputRecord } from '../../src/records/record.ts';
import { encodeRecordBatch } from '../../src/log/record-batch-encoder.ts';
import {
  batchHeaderBytes,
  batchLength,
  readBatchHeader,
} from '../../src/log/record-batch-header.ts';
import { inflate } from '../../src/log/record-batch-codecs.ts';
import { recordCursor } from '../../src/log/record-batch.ts';
import { compressed, drain, framings, plainRecord, resealed } from './record-batch-support.ts';

const timestampMs = 1_700_000_000_000;

function record(value: string | null, more: Partial<OutputRecord> = {}): OutputRecord {
  return { topic: 't', key: null, value: value === null ? null : Buffer.from(value), ...more };
}

function many(count: number): OutputRecord[] {
  return Array.from({ length: count }, (_, index) =>
    record(`{"sensor_id":"sensor_${index % 50}","timestamp":${timestampMs + index},"value":2.5}`, {
      key: Buffer.from(`sensor_${index % 50}`),
      timestampMs: timestampMs + index,
    }),
  );
}

test('a batch reads back as it was written: nulls, empties, headers, timestamps and offsets', () => {
  const batch = encodeRecordBatch(
    [
      record('first', { key: Buffer.from('k') }),
      record(null, { timestampMs: timestampMs - 5 }),
      record('', { key: Buffer.alloc(0), timestampMs: timestampMs + 7_000_000_000 }),
      record('x', {
        headers: [
          { key: 'dlq.reason', value: Buffer.from('late') },
          { key: 'ü', value: null },
          { key: '', value: Buffer.alloc(0) },
        ],
      }),
    ],
    { baseOffset: 2 ** 40, timestampMs },
  );

  expect(drain(recordCursor(batch))).toEqual([
    { offset: 2 ** 40, timestampMs, key: 'k', value: 'first', headers: [] },
    { offset: 2 ** 40 + 1, timestampMs: timestampMs - 5, key: null, value: null, headers: [] },
    {
      offset: 2 ** 40 + 2,
      timestampMs: timestampMs + 7_000_000_000,
      key: '',
      value: '',
      headers: [],
    },
    {
      offset: 2 ** 40 + 3,
      timestampMs,
      key: null,
      value: 'x',
      headers: [
        ['dlq.reason', 'late'],
        ['ü', null],
        ['', ''],
      ],
    },
  ]);
});

test('under LogAppendTime every record has the append time', () => {
  const options = { baseOffset: 0, timestampMs: 7, logAppendTimeMs: 99 };
  const batch = encodeRecordBatch(many(3), options);

  expect(drain(recordCursor(batch)).map((one) => one.timestampMs)).toEqual([99, 99, 99]);
});

test('the header carries producer, sequence and the greatest timestamp', () => {
  const producer = { id: 4_000_000_000_000n, epoch: 3, sequence: 17, transactional: true };

  const header = readBatchHeader(
    encodeRecordBatch(many(5), { baseOffset: 8, timestampMs, producer }),
  );

  expect(header).toMatchObject({
    baseOffset: 8,
    lastOffset: 12,
    recordCount: 5,
    producerId: 4_000_000_000_000n,
    producerEpoch: 3,
    baseSequence: 17,
    transactional: true,
    control: false,
    maxTimestampMs: timestampMs + 4,
  });
});

test.each(framings)('a batch compressed with %s reads back as the uncompressed one', (framing) => {
  const batch = encodeRecordBatch(many(2_000), { baseOffset: 7, timestampMs });

  const records = drain(recordCursor(compressed(batch, framing)));

  expect(records).toEqual(drain(recordCursor(batch)));
  expect(records).toHaveLength(2_000);
});

// Written by kafka-clients 4.1 (KafkaProducer, compression.type as named) into Kafka 4.1 and fetched from it: 1,500
// readings, keys sensor_0 to sensor_6, a header on every 500th. snappy is in xerial framing, zstd has no content size.
test.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)(
  'a %s batch of the Java client reads back',
  (codec) => {
    const bytes = readFileSync(new URL(`golden/java-${codec}.batch`, import.meta.url));

    const records = drain(recordCursor(bytes));

    expect(readBatchHeader(bytes)).toMatchObject({ codec, recordCount: 1_500 });
    expect(records).toEqual(
      Array.from({ length: 1_500 }, (_, index) => ({
        offset: index,
        timestampMs: timestampMs + index,
        key: `sensor_${index % 7}`,
        value: `{"sensor_id":"sensor_${index % 7}","timestamp":${timestampMs + index},"value":${(index * 0.5).toFixed(1)}}`,
        headers: index % 500 === 0 ? [['h', 'v']] : [],
      })),
    );
  },
);

test('a batch of 150,000 records is walked to its end', () => {
  const cursor = recordCursor(encodeRecordBatch(many(150_000), { baseOffset: 0, timestampMs }));

  let count = 0;
  while (cursor.next()) count += 1;

  expect(count).toBe(150_000);
  expect(cursor.offset).toBe(149_999);
});

test('a cursor over several batches stays inside the range it was asked for', () => {
  const batches = [
    encodeRecordBatch(many(10), { baseOffset: 0, timestampMs }),
    encodeRecordBatch(many(10), { baseOffset: 20, timestampMs }),
  ];

  const offsets = drain(recordCursor(batches, {}, { from: 8, to: 22 })).map((one) => one.offset);

  expect(offsets).toEqual([8, 9, 20, 21]);
});

test('a control batch holds no records', () => {
  const control = resealed(encodeRecordBatch(many(1), { baseOffset: 5, timestampMs }), (copy) =>
    copy.writeInt16BE(0x30, 21),
  );
  const data = encodeRecordBatch(many(1), { baseOffset: 6, timestampMs });

  expect(drain(recordCursor([control, data])).map((one) => one.offset)).toEqual([6]);
});

test('a batch cut short by the fetch limit has no length yet', () => {
  const batch = encodeRecordBatch(many(3), { baseOffset: 0, timestampMs });

  expect(batchLength(batch, 0)).toBe(batch.length);
  expect(batchLength(batch.subarray(0, batch.length - 1), 0)).toBeUndefined();
  expect(batchLength(batch.subarray(0, 30), 0)).toBeUndefined();
});

describe('a batch that inflates past the bound', () => {
  const value = '{"sensor_id":"k","fill":"' + 'nothing much '.repeat(4_000);
  const around = encodeRecordBatch(many(2), { baseOffset: 5, timestampMs });
  const batch = encodeRecordBatch([record(value), record('b'), record(value)], {
    baseOffset: 7,
    timestampMs,
  });
  const after = encodeRecordBatch(many(1), { baseOffset: 10, timestampMs });
  const inflatedBytes = batch.length - batchHeaderBytes;

  test.each(framings.filter((framing) => framing !== 'none'))(
    'is handed out record by record, without what was in them: %s',
    (framing) => {
      const batches = [around, compressed(batch, framing), after];
      const unreadable = recordCursor(batches, {}, { inflatedBytesMax: inflatedBytes - 1 });
      const seen: (readonly [number, boolean, string | null])[] = [];
      while (unreadable.next()) {
        const { value: found } = plainRecord(unreadable);
        expect(unreadable.section?.() === undefined || unreadable.unreadable === undefined).toBe(
          true,
        );
        seen.push([unreadable.offset, unreadable.unreadable !== undefined, found && 'read']);
      }

      expect(seen).toEqual([
        [5, false, 'read'],
        [6, false, 'read'],
        [7, true, null],
        [8, true, null],
        [9, true, null],
        [10, false, 'read'],
      ]);
      const readable = recordCursor(batches, {}, { inflatedBytesMax: inflatedBytes });
      expect(drain(readable).map((one) => one.value?.length)).toContain(value.length);
    },
  );
});

test('an lz4 frame that would inflate past the bound is not inflated to find out', () => {
  // One literal and a match of 255 bytes for each byte; the match refers to nowhere, and the frame has no checksum.
  const block = Buffer.from([0x1f, 0x61, 0, 0, ...Array.from({ length: 999 }, () => 255), 0]);
  const frame = Buffer.alloc(15 + block.length);
  frame.writeUInt32LE(0x184d2204, 0);
  frame.set([0x60, 0x40], 4);
  frame.writeUInt32LE(block.length, 7);
  frame.set(block, 11);

  expect(inflate('lz4', frame, 255 * 999)).toBeUndefined();
  expect(() => inflate('lz4', frame, 255 * 1_100)).toThrow(/does not inflate/);
});

describe('a corrupt batch is refused with its place', () => {
  const batch = encodeRecordBatch(many(3), { baseOffset: 41, timestampMs });
  const place = { topic: 'raw_readings', partition: 2 };

  const cases: readonly (readonly [string, RegExp, Uint8Array])[] = [
    ['one flipped bit', /CRC-32C/, flipped(batch)],
    ['an older format', /format is not v2/, withByte(batch, 16, 1)],
    ['an unknown codec', /codec is unknown/, resealed(batch, (copy) => copy.writeInt16BE(6, 21))],
    ['more records than bytes', /too short/, resealed(batch, (copy) => copy.writeInt32BE(99, 57))],
    ['fewer records than bytes', /follow its last/, resealed(batch, (c) => c.writeInt32BE(2, 57))],
    ['offsets past its last', /do not rise/, resealed(batch, (copy) => copy.writeInt32BE(1, 23))],
    ['a record past its end', /reaches past/, resealed(batch, (copy) => copy.fill(0xff, 61, 63))],
    ['bytes missing', /length field/, batch.subarray(0, batch.length - 1)],
    ['records that do not inflate', /inflate/, resealed(batch, (copy) => copy.writeInt16BE(4, 21))],
  ];

  test.each(cases)('%s', (_name, reason, bytes) => {
    let error: unknown;
    try {
      drain(recordCursor(bytes, place));
    } catch (caught) {
      error = caught;
    }

    expect(error).toBeInstanceOf(InvariantError);
    expect(String(error)).toMatch(reason);
    expect(String(error)).toMatch(/topic raw_readings, partition 2/);
  });
});

function flipped(batch: Uint8Array): Uint8Array {
  const copy = Buffer.from(batch);
  const last = copy.length - 2;
  copy[last] = (copy[last] ?? 0) ^ 1;
  return copy;
}

function withByte(batch: Uint8Array, at: number, value: number): Uint8Array {
  const copy = Buffer.from(batch);
  copy[at] = value;
  return copy;
}
