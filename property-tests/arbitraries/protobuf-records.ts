// Protobuf files in which the fields of a declaration have any type, and records of their messages,
// written by hand: fields in any order, left out, repeated, packed or not, unknown ones among them,
// several of a oneof.
import fc, { type GeneratorValue } from 'fast-check';

import {
  nearMs,
  schemaRecords,
  type Place,
  type Role,
  type SchemaRecords,
} from './schema-records.ts';

type WireType = 0 | 1 | 2 | 5;

/** A type of a field, and values of it in bytes: with their length where they have one. */
interface WrittenType {
  readonly name: string;
  readonly wireType: WireType;
  readonly value: (g: GeneratorValue) => Buffer;
}

/** A file that is being written. */
interface FileText {
  readonly isProto3: boolean;
  readonly messages: string[];
}

function varint(value: bigint | number): Buffer {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  return Buffer.from([...bytes, Number(rest)]);
}

const zigzag = (value: bigint): Buffer =>
  varint(BigInt.asUintN(64, (value << 1n) ^ (BigInt.asIntN(64, value) >> 63n)));
const within = (bytes: Buffer): Buffer => Buffer.concat([varint(bytes.length), bytes]);
const text = (value: string): Buffer => within(Buffer.from(value));
const field = (number: number, wireType: WireType, value: Buffer): Buffer =>
  Buffer.concat([varint(number * 8 + wireType), value]);

function fixed(length: number, write: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.alloc(length);
  write(bytes);
  return bytes;
}

const double = (value: number): Buffer => fixed(8, (bytes) => bytes.writeDoubleLE(value));
const float = (value: number): Buffer => fixed(4, (bytes) => bytes.writeFloatLE(value));
const int32 = (value: number): Buffer => fixed(4, (bytes) => bytes.writeInt32LE(value));
const int64 = (value: bigint): Buffer => fixed(8, (bytes) => bytes.writeBigInt64LE(value));

function typed<T>(
  name: string,
  wireType: WireType,
  values: fc.Arbitrary<T>,
  encode: (value: T) => Buffer,
): WrittenType {
  return { name, wireType, value: (g) => encode(g(() => values)) };
}

const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const small = fc.integer({ min: -50, max: 50 });

function timestampType(ms: fc.Arbitrary<number>): WrittenType {
  const nanos = fc.constantFrom(0, 1, 999_999, -1, 1_500_000_000);
  return typed('google.protobuf.Timestamp', 2, fc.tuple(ms, nanos), ([time, more]) => {
    const seconds = Math.floor(time / 1_000);
    const nanosOfTime = (time - seconds * 1_000) * 1e6 + more;
    const parts = [field(1, 0, varint(seconds)), field(2, 0, varint(Math.trunc(nanosOfTime)))];
    return within(Buffer.concat(more === 0 ? parts.slice(0, 1) : parts));
  });
}

function wrapperType(name: string, { wireType, value }: WrittenType): WrittenType {
  return {
    name: `google.protobuf.${name}Value`,
    wireType: 2,
    value: (g) => within(g(fc.nat, 4) === 0 ? Buffer.alloc(0) : field(1, wireType, value(g))),
  };
}

const numbers = (values: fc.Arbitrary<number>): readonly WrittenType[] => {
  const bigs = values.map((value) => BigInt(Math.trunc(value)));
  const ints = values.map((value) => Math.trunc(value) | 0);
  return [
    typed('double', 1, values, double),
    typed('float', 5, values, float),
    typed('int32', 0, ints, varint),
    typed('uint32', 0, ints, varint),
    typed('sint32', 0, ints, (value) => varint(((value << 1) ^ (value >> 31)) >>> 0)),
    typed('fixed32', 5, ints, int32),
    typed('sfixed32', 5, ints, int32),
    typed('int64', 0, bigs, varint),
    typed('uint64', 0, bigs, varint),
    typed('sint64', 0, bigs, zigzag),
    typed('fixed64', 1, bigs, int64),
    typed('sfixed64', 1, bigs, int64),
  ];
};

const booleans = typed('bool', 0, fc.nat(2), varint);
const texts = (...values: string[]): WrittenType =>
  typed('string', 2, fc.constantFrom(...values), text);
const enums = typed('State', 0, fc.constantFrom(0, 1, 2, 7, -1), varint);

const anyScalar: fc.Arbitrary<WrittenType> = fc.oneof(
  fc.constantFrom(...numbers(fc.double({ min: -1e18, max: 1e18, noNaN: true })), booleans, enums),
  fc.constantFrom(
    typed('int64', 0, long, varint),
    typed('sint64', 0, long, zigzag),
    typed('fixed64', 1, long, int64),
    typed('uint64', 0, long, varint),
    typed('string', 2, fc.string({ unit: 'grapheme' }), text),
    typed('bytes', 2, fc.uint8Array(), (bytes) => within(Buffer.from(bytes))),
    // None of their types.
    typed('string', 2, fc.constant('ff'), () => Buffer.from('02ffff', 'hex')),
    typed('bool', 0, fc.constant(1), () => Buffer.from('8080808080808080800200', 'hex')),
  ),
);

const near = fc.double({ min: -50, max: 50, noNaN: true });
const typesOf: Readonly<Record<Role, fc.Arbitrary<WrittenType>>> = {
  id: fc.oneof(
    { weight: 6, arbitrary: fc.constant(texts('dev')) },
    fc.constantFrom(texts('a/b', 'é', '', 'x'.repeat(257)), enums),
    fc.constantFrom(...numbers(fc.constantFrom(7, -1, 0))),
    fc.constant(wrapperType('String', texts('dev'))),
  ),
  time: fc.oneof(
    { weight: 6, arbitrary: fc.constant(timestampType(nearMs)) },
    { weight: 2, arbitrary: fc.constantFrom(...numbers(nearMs)) },
    fc.constantFrom(...numbers(nearMs.map((ms) => ms / 1_000))),
    fc.constant(wrapperType('Int64', typed('int64', 0, nearMs, varint))),
    fc.constant(timestampType(fc.maxSafeInteger())),
    fc.constant(
      typed(
        'string',
        2,
        nearMs.map((ms) => new Date(ms).toISOString()),
        text,
      ),
    ),
  ),
  value: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...numbers(near)) },
    fc.constantFrom(booleans, enums, texts('21.5', 'on', 'x')),
    fc.constant(typed('double', 1, fc.constantFrom(1e151, NaN, -Infinity, -0, 0), double)),
    fc.constantFrom(
      wrapperType('Double', typed('double', 1, near, double)),
      wrapperType('Bool', booleans),
      wrapperType('UInt32', typed('uint32', 0, small, varint)),
    ),
  ),
  metric: fc.constant(texts('m', 'a/b', '%', '')),
  other: anyScalar,
};

/** Returns the type of a field at a place, mostly what is declared. */
function typeAt(place: Place, depth: number, file: FileText, g: GeneratorValue): WrittenType {
  if (g(fc.nat, 39) === 0) return g(() => anyScalar);
  const { inner, role } = place;
  const isMessage = inner.size > 0 || (role === 'other' && depth < 3 && g(fc.nat, 3) === 0);
  if (!isMessage) return g(() => typesOf[role]);
  const { name, content } = messageOf(inner, depth, file, g);
  return { name, wireType: 2, value: (again) => within(content(again)) };
}

interface WrittenField {
  readonly text: string;
  /** Returns the occurrences of the field in one message: none, one or several. */
  readonly occurrences: (g: GeneratorValue) => readonly Buffer[];
}

/** The number of a field; unknown fields have others. */
const numbersOfFields = [1, 2, 3, 4, 5, 6, 7, 15, 16, 130, 3_000, 2 ** 29 - 1];

interface WrittenMessage {
  readonly name: string;
  /** Returns a message, without its length. */
  readonly content: (g: GeneratorValue) => Buffer;
}

function messageOf(
  inner: Place['inner'],
  depth: number,
  file: FileText,
  g: GeneratorValue,
): WrittenMessage {
  const name = `T${file.messages.length}`;
  const at = file.messages.push('') - 1;
  const others = Array.from({ length: g(fc.nat, 2) }, (_, index): [string, Place] => [
    `other${index}`,
    { role: 'other', inner: new Map() },
  ]);
  const members = [...inner].filter(([member]) => member !== '[]');
  const ids = g(() => fc.shuffledSubarray(numbersOfFields, { minLength: numbersOfFields.length }));
  const fields = [...members, ...others].map(([member, place], index) =>
    writtenField(member, place, { depth, file, number: ids[index] ?? 99 }, g),
  );
  file.messages[at] = `message ${name} {\n${fields.map((one) => one.text).join('\n')}\n}`;
  return {
    name,
    content(again) {
      const parts = fields.flatMap(({ occurrences }) => occurrences(again));
      if (again(fc.nat, 3) === 0) parts.push(unknownField(again));
      const order = again(() => fc.shuffledSubarray(parts, { minLength: parts.length }));
      return Buffer.concat(order);
    },
  };
}

function unknownField(g: GeneratorValue): Buffer {
  const [wireType, value] = g(() =>
    fc.constantFrom<[WireType, Buffer]>(
      [0, varint(300)],
      [1, Buffer.alloc(8)],
      [2, text('ab')],
      [5, Buffer.alloc(4)],
    ),
  );
  return field(g(fc.boolean) ? 77 : 5_000, wireType, value);
}

function writtenField(
  name: string,
  place: Place,
  {
    depth,
    file,
    number,
  }: { readonly depth: number; readonly file: FileText; readonly number: number },
  g: GeneratorValue,
): WrittenField {
  const element = place.inner.get('[]');
  if (element !== undefined && (place.inner.size === 1 || g(fc.boolean))) {
    return repeatedField(name, number, typeAt(element, depth + 1, file, g), g(fc.boolean));
  }
  const type = typeAt(place, depth + 1, file, g);
  if (g(fc.nat, 29) === 0) return repeatedField(name, number, type, g(fc.boolean));
  if (g(fc.nat, 29) === 0) return mapField(name, number, type);
  const one = (again: GeneratorValue): Buffer => field(number, type.wireType, type.value(again));
  const occurrences = (again: GeneratorValue): readonly Buffer[] => {
    const odds = again(fc.nat, 23);
    return odds === 0 ? [] : odds === 1 ? [one(again), one(again)] : [one(again)];
  };
  const { isProto3 } = file;
  const written = `${type.name} ${name} = ${number};`;
  if (g(fc.nat, 7) === 0) {
    const decoy = number + 10_000 > 2 ** 29 ? 10_001 : number + 10_000;
    return {
      text: `oneof way_${number} { ${written} int32 decoy_${number} = ${decoy}; }`,
      occurrences: (again) =>
        again(fc.nat, 5) === 0
          ? [...occurrences(again), field(decoy, 0, varint(1))]
          : occurrences(again),
    };
  }
  const labels = isProto3 ? ['', 'optional '] : ['optional ', 'required '];
  return { text: `${g(fc.constantFrom, ...labels)}${written}`, occurrences };
}

function repeatedField(
  name: string,
  number: number,
  { name: type, value, wireType }: WrittenType,
  isPacked: boolean,
): WrittenField {
  return {
    text: `repeated ${type} ${name} = ${number};`,
    occurrences(g) {
      const elements = Array.from({ length: g(fc.nat, 3) }, () => value(g));
      if (isPacked && wireType !== 2) return [field(number, 2, within(Buffer.concat(elements)))];
      return elements.map((one) => field(number, wireType, one));
    },
  };
}

function mapField(
  name: string,
  number: number,
  { name: type, value, wireType }: WrittenType,
): WrittenField {
  return {
    text: `map<string, ${type}> ${name} = ${number};`,
    occurrences: (g) =>
      ['a', 'b'].slice(0, g(fc.nat, 2)).map((key) => {
        const parts = [field(1, 2, text(key)), field(2, wireType, value(g))];
        return field(number, 2, within(Buffer.concat(parts.slice(0, 1 + g(fc.nat, 1)))));
      }),
  };
}

/** The indexes of the message among those of its file. */
const places = [
  { before: '', indexes: Buffer.from([0]) },
  { before: '', indexes: Buffer.from([2, 0]) },
  { before: 'message Before { int32 a = 1; }', indexes: Buffer.from([2, 2]) },
];

/** A declaration, a Protobuf file, and records that differ in what was changed of them. */
export const protobufRecords: fc.Arbitrary<SchemaRecords> = schemaRecords((root, g) => {
  const file: FileText = { isProto3: g(fc.boolean), messages: [] };
  const { before, indexes } = g(() => fc.constantFrom(...places));
  const { content } = messageOf(root.inner, 0, file, g);
  const schema = [
    `syntax = "${file.isProto3 ? 'proto3' : 'proto2'}";`,
    'import "google/protobuf/timestamp.proto";',
    'import "google/protobuf/wrappers.proto";',
    before,
    ...file.messages,
    'enum State { dev = 0; on = 1; STATE_OFF = 2; }',
  ].join('\n');
  return { schema, record: () => Buffer.concat([indexes, content(g)]) };
});
