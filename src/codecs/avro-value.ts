// Avro bytes → plain values, for any schema that a producer may write with. One reader is compiled
// per schema. avsc parses the schemas but does not read the records: it trusts the counts in the
// bytes, so that a record of 12 bytes may keep it busy for minutes. Here each step is bounded by
// the record, and unions come out as their branch alone.
//
//   long       a number, rounded beyond 2^53         bytes, fixed   text, two hex digits a byte
//   decimal    the number it stands for              enum           its symbol
//   timestamp  a number in the unit asked for        map, record    an object without a prototype
import avro from 'avsc';
import { DecodeError } from '../errors.ts';
import type { TimeUnit } from '../sensors/input-declaration.ts';
import {
  advance,
  corrupt,
  eachItem,
  readBoolean,
  readBytes,
  readLong,
  readNumber,
  readText,
  take,
  type AvroSlot,
  type ReadValue,
} from './avro-bytes.ts';
import { inTimeUnit, type SchemaTimeUnit } from './schema-time.ts';

/**
 * Returns the reader of records written with `schema`: bytes [start, end) → the value.
 * @throws DecodeError for a schema that no record can be read with; its reader throws one for bytes
 * that are not exactly one value of it.
 */
export function compileAvro(
  schema: string,
  { references, timeUnit }: { readonly references: readonly string[]; readonly timeUnit: TimeUnit },
): (bytes: Buffer, start: number, end: number) => unknown {
  const read = new AvroReaders(timeUnit).reader(parsedAvro(schema, references));
  return (bytes, start, end) => {
    const slot: AvroSlot = { bytes, position: start, end, depth: 0, items: 0 };
    const value = read(slot);
    if (slot.position === end) return value;
    throw new DecodeError(`the record has ${end - slot.position} bytes behind its Avro value`);
  };
}

class TimestampType extends avro.types.LogicalType {}

export class DecimalType extends avro.types.LogicalType {
  readonly scale: number;

  constructor(schema: avro.Schema, options?: unknown) {
    super(schema, options);
    const { scale = 0 } = schema as unknown as { readonly scale?: number };
    if (!Number.isInteger(scale) || scale < 0) throw new DecodeError('no scale of a decimal');
    this.scale = scale;
  }
}

const timestampUnits: ReadonlyMap<string, SchemaTimeUnit> = new Map([
  ['logical:timestamp-millis', 'ms'],
  ['logical:timestamp-micros', 'us'],
  ['logical:timestamp-nanos', 'ns'],
]);

/**
 * Returns the type of records written with `schema`, which may use the types of `references`.
 * @throws DecodeError if it is not a valid Avro schema.
 */
export function parsedAvro(schema: string, references: readonly string[]): avro.Type {
  const registry: Record<string, avro.Type> = {};
  const options = {
    registry,
    wrapUnions: true,
    logicalTypes: {
      'timestamp-millis': TimestampType,
      'timestamp-micros': TimestampType,
      'timestamp-nanos': TimestampType,
      decimal: DecimalType,
    },
  };
  try {
    // Defaults concern readers with another schema; many producers write wrong ones.
    const parsed = [...references, schema].map((text) =>
      avro.Type.forSchema(
        JSON.parse(text, (key, value: unknown) => (key === 'default' ? undefined : value)) as never,
        options,
      ),
    );
    return parsed.at(-1) as avro.Type;
  } catch (error) {
    throw new DecodeError(`the schema is no Avro schema: ${String(error)}`, {}, error);
  }
}

/** Compiles each named type once: a recursive one refers to itself. */
export class AvroReaders {
  readonly #timeUnit: TimeUnit;
  readonly #compiled: Map<avro.Type, ReadValue> = new Map();

  constructor(timeUnit: TimeUnit) {
    this.#timeUnit = timeUnit;
  }

  reader(type: avro.Type): ReadValue {
    const known = this.#compiled.get(type);
    if (known !== undefined) return known;
    this.#compiled.set(type, (at) => nested(at, made));
    const made = this.#make(type);
    this.#compiled.set(type, made);
    return made;
  }

  #make(type: avro.Type): ReadValue {
    if (type instanceof avro.types.RecordType) return this.#record(type);
    if (type instanceof avro.types.ArrayType) return this.#array(type);
    if (type instanceof avro.types.MapType) return this.#map(type);
    if (type instanceof avro.types.LogicalType) return this.#logical(type);
    if (type instanceof avro.types.EnumType) return enumReader(type.symbols);
    if (type instanceof avro.types.FixedType) return fixedReader(type.size);
    if (type instanceof avro.types.WrappedUnionType) {
      const branches = type.types.map((branch) => this.reader(branch));
      return (at) => (branches[readNumber(at)] ?? corrupt)(at);
    }
    const read = primitives.get(type.typeName);
    if (read !== undefined) return read;
    throw new DecodeError(`Avro type ${type.typeName} cannot be read`);
  }

  #record(type: avro.types.RecordType): ReadValue {
    const fields = type.fields.map(({ name, type: of }) => ({ name, read: this.reader(of) }));
    return (at) => {
      const record = emptyObject();
      for (const { name, read } of fields) record[name] = read(at);
      return record;
    };
  }

  #array({ itemsType }: avro.types.ArrayType): ReadValue {
    const read = this.reader(itemsType);
    return (at) => {
      const items: unknown[] = [];
      eachItem(at, () => items.push(read(at)));
      return items;
    };
  }

  #map({ valuesType }: avro.types.MapType): ReadValue {
    const read = this.reader(valuesType as avro.Type);
    return (at) => {
      const map = emptyObject();
      eachItem(at, () => {
        const key = readText(at);
        map[key] = read(at);
      });
      return map;
    };
  }

  #logical(type: avro.types.LogicalType): ReadValue {
    const { underlyingType: under } = type;
    const unit = timestampUnits.get(type.typeName);
    if (unit !== undefined && under.typeName === 'long') {
      return (at) => inTimeUnit(readLong(at), unit, this.#timeUnit);
    }
    if (!(type instanceof DecimalType)) return this.reader(under);
    const { scale } = type;
    if (under.typeName === 'bytes') return (at) => decimal(readBytes(at), scale);
    if (!(under instanceof avro.types.FixedType)) return this.reader(under);
    return (at) => decimal(take(at, under.size), scale);
  }
}

const primitives: ReadonlyMap<string, ReadValue> = new Map<string, ReadValue>([
  ['null', () => null],
  ['boolean', readBoolean],
  ['int', readNumber],
  ['long', readNumber],
  ['float', (at) => at.bytes.readFloatLE(advance(at, 4))],
  ['double', (at) => at.bytes.readDoubleLE(advance(at, 8))],
  ['bytes', (at) => readBytes(at).toString('hex')],
  ['string', readText],
]);

function enumReader(symbols: readonly string[]): ReadValue {
  return (at) => symbols[readNumber(at)] ?? corrupt(at);
}

function fixedReader(sizeBytes: number): ReadValue {
  return (at) => take(at, sizeBytes).toString('hex');
}

/** Nesting beyond this is refused: the stack is not the record's to fill. */
const depthMax = 64;

function nested(at: AvroSlot, read: ReadValue): unknown {
  at.depth += 1;
  if (at.depth > depthMax) {
    throw new DecodeError(`the record nests a type in itself more than ${depthMax} times`);
  }
  const value = read(at);
  at.depth -= 1;
  return value;
}

function emptyObject(): Record<string, unknown> {
  // A field may be named __proto__.
  return Object.create(null) as Record<string, unknown>;
}

/** Returns the number that two's complement bytes, big-endian, of a scale stand for. */
function decimal(bytes: Buffer, scale: number): number {
  if (bytes.length === 0) return 0;
  if (bytes.length > decimalBytesMax) {
    throw new DecodeError(`expected a decimal of at most ${decimalBytesMax} bytes`);
  }
  const unscaled = BigInt.asIntN(8 * bytes.length, BigInt(`0x${bytes.toString('hex')}`));
  // Parsed as text, so that it is rounded once.
  return Number(`${unscaled}e-${scale}`);
}

const decimalBytesMax = 256;
