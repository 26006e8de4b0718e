import avro from 'avsc';
import { describe, expect, it } from 'vitest';

import { compileAvro } from '../../src/codecs/avro-value.ts';
import { DecodeError } from '../../src/errors.ts';
import type { TimeUnit } from '../../src/sensors/input-declaration.ts';

function read(schema: unknown, bytes: Uint8Array, timeUnit: TimeUnit = 'ms'): unknown {
  const reader = compileAvro(JSON.stringify(schema), { references: [], timeUnit });
  return reader(Buffer.from(bytes), 0, bytes.length);
}

/** Written by avsc, which shares no code with the reader's. */
function written(schema: unknown, value: unknown): Buffer {
  return avro.Type.forSchema(schema as avro.Schema, { wrapUnions: true }).toBuffer(value);
}

const nested = {
  ...{ type: 'record', name: 'Outer' },
  fields: [
    { name: 'flag', type: 'boolean' },
    { name: 'small', type: 'int' },
    { name: 'single', type: 'float' },
    { name: 'list', type: { type: 'array', items: ['null', 'double', 'string'] } },
    { name: '__proto__', type: { type: 'map', values: 'long' } },
    { name: 'next', type: ['null', 'Outer'] },
  ],
};

describe('an Avro value', () => {
  it('is what another library wrote, with the branch of a union alone', () => {
    const inner = {
      ...{ flag: false, small: -7, single: 0.5, list: [], next: null },
      ['__proto__']: { a: -(2 ** 40) },
    };
    const bytes = written(nested, {
      ...{ flag: true, small: 2 ** 31 - 1, single: -1.5, ['__proto__']: {} },
      list: [null, { double: 21.5 }, { string: 'wärme' }],
      next: { Outer: inner },
    });

    // Producers are seen with defaults of a wrong type; those are the reader's matter.
    const fields = nested.fields.map((field) => ({ ...field, default: 'wrong' }));
    const value = read({ ...nested, fields }, bytes) as Record<string, unknown>;

    expect(JSON.parse(JSON.stringify({ ...value, ['__proto__']: undefined }))).toEqual({
      ...{ flag: true, small: 2 ** 31 - 1, single: -1.5, list: [null, 21.5, 'wärme'] },
      next: JSON.parse(JSON.stringify(inner)) as unknown,
    });
    expect(Object.getPrototypeOf(value)).toBeNull();
  });

  it.each([
    ['timestamp-millis', 1_769_853_540_123n, 'us', 1_769_853_540_123_000],
    ['timestamp-micros', 1_769_853_540_123_999n, 'ms', 1_769_853_540_123],
    ['timestamp-micros', -1n, 'ms', -1],
    ['timestamp-nanos', 1_769_853_540_124_000_000n, 'ms', 1_769_853_540_124],
    ['timestamp-nanos', -1n, 'ms', -1],
    ['timestamp-millis', 1_769_853_540_123n, 's', 1_769_853_540.123],
    ['timestamp-millis', 1_769_853_540_123n, 'iso', '2026-01-31T09:59:00.123Z'],
  ] as const)('%s %s becomes the time in %s', (logicalType, long, unit, expected) => {
    expect(read({ type: 'long', logicalType }, zigzag(long), unit)).toBe(expected);
  });

  it('of nanoseconds in ns reads back as its millisecond', () => {
    const long = zigzag(1_769_853_540_124_000_000n);

    const value = read({ type: 'long', logicalType: 'timestamp-nanos' }, long, 'ns');

    expect(Math.floor((value as number) / 1e6)).toBe(1_769_853_540_124);
  });

  it.each([
    [0n, 0],
    [-1n, -1],
    [2n ** 53n - 1n, 2 ** 53 - 1],
    [-(2n ** 53n) + 1n, -(2 ** 53) + 1],
    [2n ** 63n - 1n, 2 ** 63],
    [-(2n ** 63n), -(2 ** 63)],
  ])('of a long is the nearest number: %s', (long, expected) => {
    expect(read('long', zigzag(long))).toBe(expected);
  });

  it.each([
    ['ffcfc7', 3, -12.345],
    ['', 3, 0],
    ['7f', 0, 127],
    ['00ff', 2, 2.55],
  ])('of a decimal 0x%s of scale %d is %d', (hex, scale, expected) => {
    const unscaled = Buffer.from(hex, 'hex');
    const bytes = Buffer.concat([zigzag(BigInt(unscaled.length)), unscaled]);

    const schema = { type: 'bytes', logicalType: 'decimal', precision: 9, scale };
    expect(read(schema, bytes)).toBe(expected);
  });

  it('of bytes, fixed and enums is a text', () => {
    const fixed = { type: 'fixed', name: 'Mac', size: 2 };

    expect(read('bytes', Buffer.from('0401ff', 'hex'))).toBe('01ff');
    expect(read(fixed, Buffer.from('0a0b', 'hex'))).toBe('0a0b');
    expect(read({ type: 'enum', name: 'E', symbols: ['a', 'b'] }, zigzag(1n))).toBe('b');
  });

  it('may use types of schemas that it refers to', () => {
    const other = JSON.stringify({ type: 'enum', name: 'plant.State', symbols: ['off', 'on'] });
    const schema = JSON.stringify({ type: 'array', items: 'plant.State' });

    const reader = compileAvro(schema, { references: [other], timeUnit: 'ms' });

    expect(reader(Buffer.from([4, 2, 0, 0]), 0, 4)).toEqual(['on', 'off']);
  });
});

/** Each level is one byte: the branch that goes on. */
const deep = {
  ...{ type: 'record', name: 'Deep' },
  fields: [{ name: 'next', type: ['null', 'Deep'] }],
};

describe('bytes that a schema did not write', () => {
  const list = { type: 'array', items: 'null' };
  const zero = Buffer.alloc(1);
  const items = Buffer.concat([zigzag(2n ** 20n), zero]);
  const manyLists = Buffer.concat([zigzag(2n ** 16n), ...Array.from({ length: 9 }, () => items)]);
  it.each([
    ['a count without end, of items of no bytes', list, zigzag(2n ** 40n)],
    ['more items of no bytes than a record has', list, Buffer.concat([zigzag(2n ** 21n), zero])],
    ['arrays of them', { type: 'array', items: list }, manyLists],
    ['a count beyond the record', { type: 'array', items: 'int' }, zigzag(2n ** 40n)],
    ['a long of more than 64 bits', 'long', Buffer.alloc(11, 0xff)],
    ['a length beyond the record', 'string', zigzag(100n)],
    ['a negative length', 'bytes', zigzag(-1n)],
    ['a string that is not UTF-8', 'string', Buffer.from('04ffff', 'hex')],
    ['a branch that is none', ['null', 'int'], zigzag(2n)],
    ['a negative branch', ['null', 'int'], zigzag(-1n)],
    ['a symbol that is none', { type: 'enum', name: 'E', symbols: ['a'] }, zigzag(1n)],
    ['a boolean that is none', 'boolean', Buffer.from([2])],
    ['bytes behind the value', 'int', Buffer.from([2, 2])],
    ['no bytes at all', 'double', Buffer.alloc(0)],
    ['a type within itself without end', deep, Buffer.alloc(4_000, 2)],
  ])('are refused within moments: %s', (_, schema, bytes) => {
    expect(() => read(schema, bytes)).toThrow(DecodeError);
  });

  it('a schema that is none is refused by itself', () => {
    expect(() => read({ type: 'record', name: 'A' }, Buffer.alloc(0))).toThrow(DecodeError);
    expect(() => read('unheard-of', Buffer.alloc(0))).toThrow(DecodeError);
  });
});

function zigzag(value: bigint): Buffer {
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  const bytes: number[] = [];
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  return Buffer.from([...bytes, Number(rest)]);
}
