import { readFileSync } from 'node:fs';
import avro from 'avsc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { avroMalformed, decodeAvroReading } from '../../src/codecs/avro-reading.ts';
import { encodeReadingAvro, type ProducedReading } from '../../src/codecs/reading-encoder.ts';
import { emptyReading } from '../../src/sensors/reading.ts';
import { guarded, surrounded } from '../../test/codecs/surrounded.ts';
import { holds, runs, titled } from '../seed.ts';

const schemaUrl = new URL('../../avro/raw_reading.avsc', import.meta.url);
// avsc with BigInt for long: its own loses the sign of some longs beyond ±2^52.
const long: unknown = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a < b ? -1 : Number(a > b)),
});
const type = avro.Type.forSchema(JSON.parse(readFileSync(schemaUrl, 'utf8')) as avro.Schema, {
  registry: { long: long as avro.Type },
});

interface LibraryReading {
  readonly sensor_id: string;
  readonly timestamp: bigint;
  readonly value: number;
}

/** Returns the reading that avsc decodes; undefined where it refuses the bytes. */
function decodeByLibrary(record: Buffer): LibraryReading | undefined {
  try {
    return type.fromBuffer(record) as LibraryReading;
  } catch {
    return undefined;
  }
}

/**
 * Returns the hand-written decoder's result for them, in the middle of other bytes that it must not
 * read.
 */
function decode(record: Buffer, around: string): ProducedReading | { readonly code: string } {
  const { bytes, start, end } = guarded(surrounded(record, around));
  const out = emptyReading();
  const reason = decodeAvroReading(bytes, start, end, out);
  if (reason !== null) return { code: reason.code };
  const id = Buffer.from(out.idBytes.slice(out.idStart, out.idEnd));
  return { sensor_id: id.toString(), timestamp: out.timestampMs, value: out.value };
}

const around = fc.constantFrom('\0', '\u007f', '\x80', '\xff', 'a');
const reading = fc.record({
  sensor_id: fc.oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
    fc.integer({ min: 0, max: 300 }).map((length) => 'i'.repeat(length)),
  ),
  timestamp: fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -70, max: 70 })),
  value: fc.double(),
});

function isReading({ sensor_id, timestamp, value }: ProducedReading | LibraryReading): boolean {
  const length = Buffer.byteLength(sensor_id);
  return (
    length >= 1 &&
    length <= 256 &&
    Number.isSafeInteger(Number(timestamp)) &&
    Math.abs(value) <= 1e150
  );
}

describe('the Avro decoder', () => {
  it(titled('reads every reading the encoder writes'), async () => {
    await holds(
      fc.property(reading, around, (original, filler) => {
        const record = Buffer.from(encodeReadingAvro(original));
        const decoded = decode(record, filler);

        if (isReading(original)) expect(decoded).toEqual(original);
        else expect(decoded).toEqual({ code: expect.stringMatching(/_(length|range)$/) as string });
      }),
      runs(3_000),
    );
  });

  it(
    titled('takes no bytes that avsc refuses, and reads the same from those it takes'),
    async () => {
      const changed = fc
        .tuple(reading, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }), fc.nat(4))
        .map(([original, changes, cut]) => {
          const record = Buffer.from(encodeReadingAvro(original));
          for (const [where, byte] of changes) record[where % record.length] = byte;
          return record.subarray(0, record.length - cut + 1);
        });
      const random = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
      await holds(
        fc.property(fc.oneof(changed, random), around, (record, filler) => {
          const decoded = decode(record, filler);
          const expected = decodeByLibrary(record);

          if (!('code' in decoded)) {
            expect({ ...expected }).toEqual({ ...decoded, timestamp: BigInt(decoded.timestamp) });
            return;
          }
          // Bytes that avsc would write back as they are may hold values out of range, but are well
          // formed.
          if (expected === undefined || !type.toBuffer(expected).equals(record)) return;
          expect(decoded).not.toEqual({ code: avroMalformed.code });
          expect(isReading(expected)).toBe(false);
        }),
        runs(6_000),
      );
    },
  );

  it(titled('takes no strict part of a record for a record'), async () => {
    await holds(
      fc.property(reading, fc.nat(), around, (original, cut, filler) => {
        const record = Buffer.from(encodeReadingAvro(original));
        const part = record.subarray(0, cut % record.length);

        expect(decode(part, filler)).toEqual({ code: avroMalformed.code });
      }),
      runs(1_500),
    );
  });
});
