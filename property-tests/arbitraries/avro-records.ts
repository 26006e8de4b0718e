// Declarations, schemas in which their fields have any type, and records of these schemas, written
// by hand: mostly what is declared, sometimes odd, cut or changed.
import fc, { type GeneratorValue } from 'fast-check';

import {
  nearMs,
  schemaRecords,
  type Place,
  type Role,
  type SchemaRecords,
} from './schema-records.ts';

/** A schema and a value of it in bytes. */
interface Written {
  readonly schema: unknown;
  readonly bytes: Buffer;
}

function long(value: bigint | number): Buffer {
  let zigzag = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n));
  const bytes: number[] = [];
  while (zigzag > 0x7fn) {
    bytes.push(Number(zigzag & 0x7fn) | 0x80);
    zigzag >>= 7n;
  }
  return Buffer.from([...bytes, Number(zigzag)]);
}

const text = (value: string): Buffer => {
  const bytes = Buffer.from(value);
  return Buffer.concat([long(bytes.length), bytes]);
};

function double(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
}

function float(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

const stamp = (unit: string, perMs: bigint): ((ms: number) => Written) => {
  const schema = { type: 'long', logicalType: `timestamp-${unit}` };
  return (ms) => ({ schema, bytes: long(BigInt(ms) * perMs + perMs / 3n) });
};

let named = 0;
const newName = (): string => `T${(named += 1)}`;

const enumOf = (symbol: number): Written => ({
  schema: { type: 'enum', name: newName(), symbols: ['on', 'off', 'dev'] },
  bytes: long(symbol),
});
const decimalOf = (unscaled: number): Written => ({
  schema: { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 },
  bytes: Buffer.from([2, unscaled]),
});
const fixedOf = (size: number): Written => ({
  schema: { type: 'fixed', name: newName(), size },
  bytes: Buffer.alloc(size, 0x31),
});
const written = (schema: unknown, bytes: Buffer): Written => ({ schema, bytes });

/** No values of their schemas. */
const oddScalar: fc.Arbitrary<Written> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(written('string', Buffer.from('04ffff', 'hex'))) },
  fc.constant(written('boolean', Buffer.from([2]))),
  fc.constant(written('long', Buffer.alloc(10, 0xff))),
  fc.constant(0).map(() => enumOf(3)),
);

const anyScalar: fc.Arbitrary<Written> = fc.oneof(
  { weight: 2, arbitrary: oddScalar },
  fc.constant(written('null', Buffer.alloc(0))),
  fc.boolean().map((value) => written('boolean', Buffer.from([Number(value)]))),
  fc.integer().map((value) => written('int', long(value))),
  fc
    .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    .map((value) => written('long', long(value))),
  fc.double().map((value) => written('double', double(value))),
  fc.string({ unit: 'grapheme' }).map((value) => written('string', text(value))),
  fc.nat(300).map((size) => written('bytes', Buffer.concat([long(size), Buffer.alloc(size, 7)]))),
  fc.nat(127).map(decimalOf),
  fc.nat(2).map(enumOf),
  fc.nat(9).map(fixedOf),
);

const plain: Readonly<Record<Role, fc.Arbitrary<Written>>> = {
  id: fc.oneof(
    { weight: 6, arbitrary: fc.constant(written('string', text('dev'))) },
    fc.constantFrom('a/b', 'é', '', 'x'.repeat(257)).map((id) => written('string', text(id))),
    fc.constantFrom(7, -1, 2 ** 40).map((id) => written('long', long(id))),
    fc.constant(0).map(() => enumOf(2)),
  ),
  time: fc.oneof(
    { weight: 6, arbitrary: nearMs.map((ms) => stamp('millis', 1n)(ms)) },
    { weight: 3, arbitrary: nearMs.map((ms) => stamp('micros', 1_000n)(ms)) },
    nearMs.map((ms) => stamp('nanos', 1_000_000n)(ms)),
    nearMs.map((ms) => written('long', long(ms))),
    nearMs.map((ms) => written('double', double(ms / 1_000))),
    nearMs.map((ms) => written('string', text(new Date(ms).toISOString()))),
    fc.maxSafeInteger().map((ms) => stamp('millis', 1n)(ms)),
    fc.maxSafeInteger().map((us) => stamp('micros', 1n)(us)),
    fc.maxSafeInteger().map((ns) => stamp('nanos', 99n)(ns)),
  ),
  value: fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .double({ min: -50, max: 50, noNaN: true })
        .map((value) => written('double', double(value))),
    },
    fc.integer({ min: -50, max: 50 }).map((value) => written('int', long(value))),
    fc.float({ min: -50, max: 50, noNaN: true }).map((value) => written('float', float(value))),
    fc.boolean().map((value) => written('boolean', Buffer.from([Number(value)]))),
    fc.constantFrom('21.5', 'on', 'x').map((value) => written('string', text(value))),
    fc.constantFrom(1e151, NaN, -Infinity, -0).map((value) => written('double', double(value))),
    fc.constant(0).map(() => decimalOf(21)),
    fc.nat(1).map(enumOf),
  ),
  metric: fc.constantFrom('m', 'a/b', '%', '').map((name) => written('string', text(name))),
  other: anyScalar,
};

/** Writes a value for a place, wrapped or replaced now and then. */
function at({ role, inner }: Place, depth: number, g: GeneratorValue): Written {
  const odds = g(fc.nat, 39);
  if (odds === 0) return g(() => anyScalar);
  const made = inner.size === 0 ? leaf(role, depth, g) : container(inner, depth, g);
  return odds < 8 ? union(made, g) : made;
}

function leaf(role: Role, depth: number, g: GeneratorValue): Written {
  if (role !== 'other' || depth > 3 || g(fc.nat, 3) > 0) return g(() => plain[role]);
  const { schema, bytes } = at({ role, inner: new Map() }, depth + 1, g);
  const count = g(fc.nat, 3);
  const items = Array.from({ length: count }, () => bytes);
  if (g(fc.boolean)) return array(schema, items, g);
  const members = items.map((item, index) => Buffer.concat([text(`k${index}`), item]));
  return { schema: { type: 'map', values: schema }, bytes: blocks(members, g) };
}

function union({ schema, bytes }: Written, g: GeneratorValue): Written {
  if (schema === 'null' || Array.isArray(schema)) return { schema, bytes };
  const isNull = g(fc.nat, 3) === 0;
  return {
    schema: ['null', schema],
    bytes: isNull ? long(0) : Buffer.concat([long(1), bytes]),
  };
}

function array(items: unknown, values: readonly Buffer[], g: GeneratorValue): Written {
  return { schema: { type: 'array', items }, bytes: blocks(values, g) };
}

/** In one block, with its size or without. */
function blocks(items: readonly Buffer[], g: GeneratorValue): Buffer {
  const whole = Buffer.concat(items);
  if (items.length === 0) return long(0);
  const head = g(fc.boolean) ? [long(-items.length), long(whole.length)] : [long(items.length)];
  return Buffer.concat([...head, whole, long(0)]);
}

function container(inner: Place['inner'], depth: number, g: GeneratorValue): Written {
  const element = inner.get('[]');
  if (element !== undefined && (inner.size === 1 || g(fc.boolean))) {
    const { schema, bytes } = at(element, depth + 1, g);
    return array(
      schema,
      Array.from({ length: g(fc.nat, 4) }, () => bytes),
      g,
    );
  }
  const members = [...inner].filter(([name]) => name !== '[]');
  const others = Array.from({ length: g(fc.nat, 3) }, (_, index): [string, Place] => [
    `other${index}`,
    { role: 'other', inner: new Map() },
  ]);
  const fields = g(() =>
    fc.shuffledSubarray([...members, ...others], { minLength: members.length }),
  );
  const made = fields.map(([name, place]) => ({ name, ...at(place, depth + 1, g) }));
  return {
    schema: {
      ...{ type: 'record', name: newName() },
      fields: made.map(({ name, schema }) => ({ name, type: schema })),
    },
    bytes: Buffer.concat(made.map(({ bytes }) => bytes)),
  };
}

/** A declaration, a schema and records of it that differ in what was changed of them. */
export const avroRecords: fc.Arbitrary<SchemaRecords> = schemaRecords((places, g) => {
  named = 0;
  const { schema, bytes } = at(places, 0, g);
  return { schema: JSON.stringify(schema), record: () => bytes };
});
