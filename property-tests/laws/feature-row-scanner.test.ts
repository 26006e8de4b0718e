import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFeatureRow, type FeatureRow } from '../../src/codecs/feature-row.ts';
import { createFeatureRowScanner } from '../../src/codecs/feature-row-scanner.ts';
import { DecodeError } from '../../src/errors.ts';
import { holds, runs, titled } from '../seed.ts';

const text = fc.oneof(
  fc.constantFrom('count', 'avg_value', '__proto__', '1', 'constructor', 'a}', '', 'sensor_000'),
  fc.string({ unit: 'grapheme-ascii' }),
  fc.string({ unit: 'grapheme' }),
);
const whole = fc.oneof(fc.maxSafeNat(), fc.maxSafeInteger(), fc.nat(100), fc.constant(-0));
const double = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.double({ min: -100, max: 100, noNaN: true }),
  fc.nat(1_000),
);
const row = fc.record({
  sensor_id: text,
  window_start: fc.oneof(fc.constant(0), whole),
  window_end: whole,
  event_time: fc.oneof(fc.constant('2023-11-14T22:15:00.000Z'), text),
  features: fc
    .uniqueArray(fc.tuple(text, double), { maxLength: 5, selector: ([name]) => name })
    .map((features) => Object.fromEntries(features)),
  lineage: fc.record({
    topic: fc.oneof(fc.constant('raw_readings'), text),
    partition: whole,
    first_offset: whole,
    last_offset: whole,
  }),
});

/** Like JSON.stringify, which writes −0 as 0. */
const json = (value: unknown): string =>
  JSON.stringify(value, (_, number: unknown) =>
    Object.is(number, -0) ? '-0!' : number,
  ).replaceAll('"-0!"', '-0');

const splice = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  drop: fc.nat(3),
  put: fc.oneof(
    fc.constantFrom(
      '', '"', '}', '{', ',', ':', '\\', ' ', '-', '.', '0', '9e400', 'null', '\u00e9', '\n',
      '"__proto__":1,', '"count":1,', '}}', '[',
    ),
    fc.string({ maxLength: 3 }),
  ),
}); // prettier-ignore

const spoilt = fc.option(
  fc.record({ at: fc.nat(500), byte: fc.integer({ min: 0x7f, max: 0xff }) }),
  {
    freq: 5,
  },
);

/** Bytes near a row: some of its text exchanged, at times one byte that may be no UTF-8. */
const nearRow = fc
  .tuple(row, fc.array(splice, { maxLength: 2 }), spoilt)
  .map(([value, splices, spoil]) => {
    let written = json(value);
    for (const { at, drop, put } of splices) {
      const from = Math.floor(at * written.length);
      written = written.slice(0, from) + put + written.slice(from + drop);
    }
    const bytes = Buffer.from(written);
    if (spoil !== null && spoil.at < bytes.length) bytes[spoil.at] = spoil.byte;
    return bytes;
  })
  .filter((bytes) => bytes[0] === 0x7b);
const nearRows = fc.array(nearRow, { minLength: 1 });

/** The row, by the strict parser alone: the scanner never takes a space after the opening brace. */
function strictRow(bytes: Buffer): FeatureRow | undefined {
  try {
    return decodeFeatureRow(Buffer.concat([Buffer.from('{ '), bytes.subarray(1)]));
  } catch (error) {
    expect(error).toBeInstanceOf(DecodeError);
    return undefined;
  }
}

describe('the scanner of feature rows', () => {
  it(
    titled('reads what the strict parser reads, or leaves it to it; whatever it read before'),
    async () => {
      await holds(
        fc.property(nearRows, fc.string({ maxLength: 4 }), (texts, filler) => {
          const scanner = createFeatureRowScanner();
          const around = Buffer.from(filler);
          for (const bytes of texts) {
            const inside = Buffer.concat([around, bytes, around]);

            const scanned = scanner.scan(inside, around.length, around.length + bytes.length);

            if (scanned !== undefined) expect(scanned).toEqual(strictRow(bytes));
          }
        }),
        runs(2_000),
      );
    },
  );

  it(titled('leaves no row that is written without escapes to the strict parser'), async () => {
    const plain = row.filter(
      (value) =>
        value.sensor_id !== '' &&
        value.window_end > value.window_start &&
        Object.keys(value.features).length > 0 &&
        Math.min(...Object.values(value.lineage).map((part) => Number(part) || 0)) >= 0 &&
        !/\\|__proto__/.test(json(value)),
    );
    await holds(
      fc.property(fc.array(plain), (values) => {
        const scanner = createFeatureRowScanner();
        for (const value of values) {
          const bytes = Buffer.from(json(value));

          expect(scanner.scan(bytes, 0, bytes.length)).toEqual(value);
        }
      }),
      runs(500),
    );
  });
});
