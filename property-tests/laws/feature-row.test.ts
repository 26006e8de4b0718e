// The text of feature rows: written without strings, it is the text that V8's own would be.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { encodeFeatureRowJson } from '../../src/codecs/feature-row.ts';
import { isoTime } from '../../src/codecs/iso-time.ts';
import { rowWriter } from '../../src/kernel/row-writer.ts';
import type { ClosedWindow } from '../../src/sensors/shard-state.ts';
import { holds, runs, titled } from '../seed.ts';

const jsonNumber = (x: number): string => (Object.is(x, -0) ? '-0' : String(x));

const anyBits = fc
  .tuple(fc.nat(0xffffffff), fc.nat(0xffffffff))
  .map(([low, high]) => new Float64Array(Uint32Array.of(low, high).buffer)[0] ?? 0);
const short = fc
  .tuple(fc.integer(), fc.integer({ min: -30, max: 30 }))
  .map(([digits, power]) => Number(`${digits}e${power}`));
const powerOfTwo = fc
  .tuple(fc.integer({ min: -1074, max: 1023 }), fc.constantFrom(-1, 0, 1))
  .map(([power, ulps]) => neighbour(2 ** power, ulps));
const powerOfTen = fc
  .tuple(fc.integer({ min: -323, max: 308 }), fc.constantFrom(-1, 0, 1))
  .map(([power, ulps]) => neighbour(Number(`1e${power}`), ulps));
const integer = fc.oneof(
  fc.maxSafeInteger(),
  fc.bigInt({ min: 0n, max: 10n ** 25n }).map(Number),
  fc.nat(100_000),
);
const anyNumber = fc.oneof(anyBits, fc.double(), short, powerOfTwo, powerOfTen, integer);

function neighbour(x: number, ulps: number): number {
  const bits = new BigInt64Array(Float64Array.of(x).buffer);
  bits[0] = (bits[0] ?? 0n) + BigInt(ulps);
  return new Float64Array(bits.buffer)[0] ?? 0;
}

describe('a number in a row', () => {
  const before = Buffer.from('<');
  const after = Buffer.from('>');

  /** The text of `x`, or undefined where it is left to V8. */
  function textOf(x: number): string | undefined {
    const writer = rowWriter();
    writer.setPieces([before, after]);
    writer.numbers[0] = x;
    return writer.write(0, 1)?.toString();
  }

  it(titled("is V8's text of it"), async () => {
    await holds(
      fc.property(anyNumber, (x) => {
        const text = textOf(x);
        if (text === undefined) {
          expect(Number.isFinite(x) && Math.abs(x) > 1e-280).toBe(false);
          return;
        }
        expect(text).toBe(`<${jsonNumber(x)}>`);
      }),
      runs(100_000),
    );
  });

  it.each([
    0,
    -0,
    1e21,
    1e-7,
    123456789012345680000,
    5e-324,
    2 ** 53,
    9007199254740993,
    1.7976931348623157e308,
  ])('is written as ever: %s', (x) => {
    expect(textOf(x) ?? `<${jsonNumber(x)}>`).toBe(`<${jsonNumber(x)}>`);
  });

  it.each([NaN, Infinity, -Infinity])('is not %s', (x) => {
    expect(textOf(x)).toBeUndefined();
  });
});

describe('a row', () => {
  const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
  const windows = fc.record({
    id: fc.oneof(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }).map((text) => text.toWellFormed()),
      fc.constantFrom('sensor_001', 'a"b', 'a\\b', 'a\nb', 'x'.repeat(256)),
    ),
    windowStartMs: fc.oneof(fc.constantFrom(0, 60_000), fc.integer({ min: -1e14, max: 1e14 })),
    values: fc.array(finite, { minLength: 3, maxLength: 3 }),
    partition: fc.constantFrom(0, 7),
    firstOffset: fc.maxSafeNat(),
    lastOffset: fc.maxSafeNat(),
    topic: fc.constantFrom('readings', 'a"b'),
  });

  let current: readonly number[] = [];
  // The same features for all rows, as a program has.
  const features = [0, 1, 2].map((index) => ({
    name: `f"${index}`,
    needs: [],
    value: () => current[index] ?? NaN,
  }));

  it(titled('is the JSON of its parts, whatever row was written before it'), async () => {
    await holds(
      fc.property(fc.array(windows, { minLength: 1, maxLength: 4 }), (rows) => {
        for (const {
          id,
          windowStartMs,
          values,
          partition,
          firstOffset,
          lastOffset,
          topic,
        } of rows) {
          const idBytes = Buffer.from(`--${id}`);
          const windowEndMs = windowStartMs + 60_000;
          const window = {
            ...{ idBytes, idStart: 2, idEnd: idBytes.length },
            ...{ windowStartMs, windowEndMs, firstOffset, lastOffset, isWhole: true },
          } as unknown as ClosedWindow;
          current = values;

          const bytes = encodeFeatureRowJson(window, { topic, partition, features });

          const named = values.map(
            (value, index) => `${JSON.stringify(`f"${index}`)}:${jsonNumber(value)}`,
          );
          expect(Buffer.from(bytes).toString()).toBe(
            `{"sensor_id":${JSON.stringify(id)},"window_start":${windowStartMs},"window_end":${windowEndMs},` +
              `"event_time":"${isoTime(windowEndMs)}","features":{${named.join(',')}},` +
              `"lineage":{"topic":${JSON.stringify(topic)},"partition":${partition},` +
              `"first_offset":${firstOffset},"last_offset":${lastOffset}}}`,
          );
        }
      }),
      runs(3_000),
    );
  });
});
