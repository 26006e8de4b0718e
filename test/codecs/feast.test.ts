import { readFileSync } from 'node:fs';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { holds, runs, titled } from '../../property-tests/seed.ts';
import { murmur3X86 } from '../../src/codecs/feast-hash.ts';
import {
  decodeFeastTimestamp,
  decodeFeastValue,
  encodeFeastTimestamp,
  encodeFeastValue,
  feastEntityKey,
  feastNames,
  feastField,
  feastFields,
  feastTimeField,
  feastTimestampMs,
  writeFeastTimestamp,
  type FeastType,
} from '../../src/codecs/feast.ts';

interface Vectors {
  readonly project: string;
  readonly feature_view: string;
  readonly sensors: readonly {
    readonly sensor_id: string;
    readonly key_hex: string;
    readonly ts_seconds: number;
    readonly ts_nanos: number;
    readonly ts_field_hex: string;
    readonly ts_value_hex: string;
    readonly features: readonly {
      readonly name: string;
      readonly type: FeastType;
      readonly value: string;
      readonly field_hex: string;
      readonly value_hex: string;
    }[];
  }[];
  readonly extra: {
    readonly real_nan_double: { readonly hex: string };
    readonly int64: readonly { readonly value: string; readonly hex: string }[];
    readonly double: readonly { readonly value: string; readonly hex: string }[];
  };
}

// Dumped from a Redis that the Feast SDK 0.67.0 wrote.
const vectors = JSON.parse(
  readFileSync(new URL('./feast-vectors.json', import.meta.url), 'utf8'),
) as Vectors;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const valueOf = (type: FeastType, text: string): number | bigint =>
  type === 'Int64' ? BigInt(text) : Number(text);

describe('the Feast encoding', () => {
  it.each(vectors.sensors)('writes the key that Feast wrote for "$sensor_id"', (sensor) => {
    expect(hex(feastEntityKey(sensor.sensor_id, { ...feastNames, project: vectors.project }))).toBe(
      sensor.key_hex,
    );
  });

  it.each(vectors.sensors)('writes the time that Feast wrote for "$sensor_id"', (sensor) => {
    const timestamp = { seconds: sensor.ts_seconds, nanos: sensor.ts_nanos };

    expect(hex(feastTimeField(vectors.feature_view))).toBe(sensor.ts_field_hex);
    expect(hex(encodeFeastTimestamp(timestamp))).toBe(sensor.ts_value_hex);
    expect(decodeFeastTimestamp(Buffer.from(sensor.ts_value_hex, 'hex'))).toEqual(timestamp);
  });

  it.each(vectors.sensors)('writes the fields and values of "$sensor_id"', (sensor) => {
    for (const feature of sensor.features) {
      const value = valueOf(feature.type, feature.value);

      expect(hex(feastField(feature.name, vectors.feature_view))).toBe(feature.field_hex);
      expect(hex(encodeFeastValue(feature.type, value))).toBe(feature.value_hex);
      const read = decodeFeastValue(Buffer.from(feature.value_hex, 'hex'));
      expect(read).toBe(Number.isNaN(value) ? null : Number(value));
    }
  });

  it.each(vectors.extra.int64)('writes the Int64 $value as Feast does', ({ value, hex: bytes }) => {
    expect(hex(encodeFeastValue('Int64', BigInt(value)))).toBe(bytes);
    if (Number.isSafeInteger(Number(value))) {
      expect(hex(encodeFeastValue('Int64', Number(value)))).toBe(bytes);
    }
    expect(decodeFeastValue(Buffer.from(bytes, 'hex'))).toBe(Number(value));
  });

  it.each(vectors.extra.double)('writes the Float64 $value', ({ value, hex: bytes }) => {
    expect(hex(encodeFeastValue('Float64', Number(value)))).toBe(bytes);
    expect(decodeFeastValue(Buffer.from(bytes, 'hex'))).toBe(Number(value));
  });

  it('reads a stored NaN as NaN and the empty value as null', () => {
    expect(decodeFeastValue(Buffer.from(vectors.extra.real_nan_double.hex, 'hex'))).toBeNaN();
    expect(decodeFeastValue(Buffer.alloc(0))).toBeNull();
    expect(hex(encodeFeastValue('Int64', null))).toBe('');
  });

  it('refuses what is not a number, instead of guessing', () => {
    for (const bytes of [
      '1202c3a9',
      '29000000',
      '20',
      '20ffffffffffffffffffff01',
      '2000ff',
      '3801',
    ]) {
      expect(() => decodeFeastValue(Buffer.from(bytes, 'hex')), bytes).toThrow(/expected/);
    }
    expect(() => encodeFeastValue('Int64', 1.5)).toThrow(/whole number/);
    expect(() => encodeFeastValue('Int64', 2 ** 60)).toThrow(/whole number/);
    expect(() => decodeFeastTimestamp(Buffer.from('0a00', 'hex'))).toThrow(/Timestamp/);
  });

  it(titled('reads back every double bit for bit and every safe integer'), async () => {
    await holds(
      fc.property(fc.double({ noNaN: true }), fc.maxSafeInteger(), (double, integer) => {
        expect(decodeFeastValue(encodeFeastValue('Float64', double))).toBe(double);
        expect(decodeFeastValue(encodeFeastValue('Int64', integer))).toBe(integer);
      }),
      runs(500),
    );
  });

  it(titled('reads back every millisecond, before the epoch too'), async () => {
    await holds(
      fc.property(fc.integer({ min: -8.64e15, max: 8.64e15 }), (epochMs) => {
        const bytes = Buffer.alloc(22);
        const end = writeFeastTimestamp(bytes, 0, epochMs);

        expect(feastTimestampMs(bytes.subarray(0, end))).toBe(epochMs);
      }),
      runs(500),
    );
  });

  it('stops at two features that share a field', () => {
    expect(() => feastFields(['count', 'avg_value', 'count'])).toThrow(/share one field/);
  });
});

describe('murmur3X86', () => {
  // Known answers of the reference implementation (smhasher), one per tail length, with and without a seed.
  it.each([
    ['', 0, 0x00000000],
    ['', 1, 0x514e28b7],
    ['', 0xffffffff, 0x81f16f39],
    ['test', 0, 0xba6bd213],
    ['test', 0x9747b28c, 0x704b81dc],
    ['Hello, world!', 0, 0xc0363e43],
    ['Hello, world!', 0x9747b28c, 0x24884cba],
    ['The quick brown fox jumps over the lazy dog', 0, 0x2e4ff723],
    ['aaa', 0x9747b28c, 0x283e0130],
    ['aa', 0x9747b28c, 0x5d211726],
    ['a', 0x9747b28c, 0x7fa09ea6],
  ])('hashes %j with seed %d', (text, seed, expected) => {
    expect(murmur3X86(Buffer.from(text), seed)).toBe(expected);
  });
});
