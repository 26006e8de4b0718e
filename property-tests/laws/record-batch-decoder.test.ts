// The record batch decoder against kafkajs's own, over batches written by an encoder of this file that shares nothing
// with either; and over broken bytes, where it must refuse with its own error and never read outside its input.
import { crc32c } from '@node-rs/crc32';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { InvariantError } from '../../src/errors.ts';
import type { OutputRecord, RecordCursor } from '../../src/records/record.ts';
import { fetchedBatch } from '../../src/log/kafka/fetched-batch.ts';
import { encodeRecordBatch } from '../../src/log/record-batch-encoder.ts';
import { checkedBatches } from '../../src/log/record-batch-header.ts';
import { recordCursor } from '../../src/log/record-batch.ts';
import { compressed, drain, framings } from '../../test/log/record-batch-support.ts';
import { holds, runs, titled } from '../seed.ts';

interface WrittenRecord {
  readonly offsetDelta: number;
  readonly timestampDelta: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly (readonly [string, Uint8Array | null])[];
}

interface WrittenBatch {
  readonly baseOffset: number;
  readonly baseTimestampMs: number;
  readonly maxTimestampMs: number;
  readonly logAppendTime: boolean;
  readonly records: readonly WrittenRecord[];
}

const field = fc.option(fc.uint8Array());
const record = fc.record({
  // The gap to the record before: compaction leaves holes.
  gap: fc.nat(3),
  timestampDelta: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
  key: field,
  value: field,
  // kafkajs gathers headers by name, so each name comes once and none looks like an index.
  headers: fc.uniqueArray(fc.tuple(fc.string({ unit: 'grapheme' }), field), {
    selector: ([name]) => name,
  }),
});

const batch: fc.Arbitrary<WrittenBatch> = fc
  .record({
    baseOffset: fc.nat({ max: 2 ** 50 }),
    baseTimestampMs: fc.integer({ min: 0, max: 2 ** 45 }),
    maxTimestampMs: fc.integer({ min: 0, max: 2 ** 45 }),
    logAppendTime: fc.boolean(),
    records: fc.array(record, { minLength: 1 }),
  })
  .map(({ records, ...rest }) => {
    let next = 0;
    return {
      ...rest,
      records: records.map(({ gap, headers, ...fields }) => {
        const offsetDelta = next + gap;
        next = offsetDelta + 1;
        return {
          ...fields,
          headers: headers.map(([name, value]) => [`h${name}`, value] as const),
          offsetDelta,
        };
      }),
    };
  });

function encode({ baseOffset, baseTimestampMs, maxTimestampMs, ...rest }: WrittenBatch): Buffer {
  const body = Buffer.concat(rest.records.map(encodeRecord));
  const bytes = Buffer.concat([Buffer.alloc(61), body]);
  bytes.writeBigInt64BE(BigInt(baseOffset), 0);
  bytes.writeInt32BE(bytes.length - 12, 8);
  bytes.writeInt8(2, 16);
  bytes.writeInt16BE(rest.logAppendTime ? 8 : 0, 21);
  bytes.writeInt32BE(rest.records.at(-1)?.offsetDelta ?? 0, 23);
  bytes.writeBigInt64BE(BigInt(baseTimestampMs), 27);
  bytes.writeBigInt64BE(BigInt(maxTimestampMs), 35);
  bytes.writeBigInt64BE(-1n, 43);
  bytes.writeInt32BE(rest.records.length, 57);
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);
  return bytes;
}

function encodeRecord(written: WrittenRecord): Buffer {
  const body = Buffer.concat([
    Buffer.from([0]),
    varint(written.timestampDelta),
    varint(written.offsetDelta),
    prefixed(written.key),
    prefixed(written.value),
    varint(written.headers.length),
    ...written.headers.flatMap(([name, value]) => [prefixed(Buffer.from(name)), prefixed(value)]),
  ]);
  return Buffer.concat([varint(body.length), body]);
}

function prefixed(bytes: Uint8Array | null): Buffer {
  return bytes === null ? varint(-1) : Buffer.concat([varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n));
  const bytes: number[] = [];
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}

async function decoded(
  decoder: 'fast' | 'kafkajs',
  recordSet: Uint8Array,
  from: number,
): Promise<ReturnType<typeof drain>> {
  const fetched = await fetchedBatch(decoder, {
    topic: 't',
    partition: 0,
    fetchOffset: from,
    highWatermark: 0,
    batches: checkedBatches(recordSet, {}),
    abortedTransactions: [],
  });
  return drain(fetched.records());
}

it(titled('every valid batch decodes to what kafkajs decodes, in every codec'), async () => {
  await fc.assert(
    fc.asyncProperty(
      batch,
      fc.constantFrom(...framings),
      fc.nat(5),
      async (written, framing, skip) => {
        const bytes = compressed(encode(written), framing);

        const fast = await decoded('fast', bytes, written.baseOffset + skip);

        expect(fast).toEqual(await decoded('kafkajs', bytes, written.baseOffset + skip));
      },
    ),
    runs(300),
  );
});

it(titled('what is written into a batch is what is read'), async () => {
  await holds(
    fc.property(batch, (written) => {
      const text = (bytes: Uint8Array | null): string | null =>
        bytes && Buffer.from(bytes).toString('latin1');

      expect(drain(recordCursor(encode(written)))).toEqual(
        written.records.map(({ offsetDelta, timestampDelta, key, value, headers }) => ({
          offset: written.baseOffset + offsetDelta,
          timestampMs: written.logAppendTime
            ? written.maxTimestampMs
            : written.baseTimestampMs + timestampDelta,
          key: text(key),
          value: text(value),
          headers: headers.map(([name, bytes]) => [name, text(bytes)]),
        })),
      );
    }),
    runs(300),
  );
});

it(titled('our encoder writes what this independent one writes'), async () => {
  const dense = batch.map((written) => ({
    ...written,
    records: written.records.map((each, index) => ({ ...each, offsetDelta: index })),
  }));
  await holds(
    fc.property(dense, (written) => {
      const { baseOffset, baseTimestampMs } = written;
      const records: OutputRecord[] = written.records.map((each) => ({
        topic: 't',
        key: each.key,
        value: each.value,
        headers: each.headers.map(([key, value]) => ({ key, value })),
        timestampMs: baseTimestampMs + each.timestampDelta,
      }));

      const bytes = encodeRecordBatch(records, { baseOffset, timestampMs: 0 });

      const first = written.records[0]?.timestampDelta ?? 0;
      const rebased = written.records.map((each) => ({
        ...each,
        timestampDelta: each.timestampDelta - first,
      }));
      expect(Buffer.from(bytes.subarray(61))).toEqual(
        encode({ ...written, records: rebased }).subarray(61),
      );
    }),
    runs(300),
  );
});

it(titled('broken records are refused by our error, or read inside their bytes'), async () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });
  await holds(
    fc.property(batch, damage, fc.constantFrom('seal', 'leave'), (written, edits, seal) => {
      const bytes = encode(written);
      for (const [at, value] of edits) bytes[21 + (at % (bytes.length - 21))] = value;
      // With a matching CRC the damage reaches the decoder of the records.
      if (seal === 'seal') bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);

      walkSafely(bytes);
    }),
    runs(2_000),
  );
});

it(titled('random bytes are refused by our error'), async () => {
  await holds(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => walkSafely(bytes)),
    runs(1_000),
  );
});

function walkSafely(bytes: Uint8Array): void {
  let cursor: RecordCursor;
  try {
    cursor = recordCursor(bytes);
    for (let count = 0; cursor.next(); count++) {
      const { keyStart, keyEnd, valueStart, valueEnd } = cursor;
      const inside = (start: number, end: number): boolean =>
        (start === -1 && end === -1) || (start >= 0 && start <= end && end <= cursor.bytes.length);
      expect(inside(keyStart, keyEnd) && inside(valueStart, valueEnd)).toBe(true);
      expect(count).toBeLessThan(bytes.length * 256);
      cursor.headers();
    }
  } catch (error) {
    expect(error).toBeInstanceOf(InvariantError);
  }
}
