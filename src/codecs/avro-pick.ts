// Avro bytes → the declared fields alone. A walk is compiled once per schema and declaration: it
// goes into the records on the way to a declared field, reads that as the reader of whole values
// does (avro-value.ts), and steps over all else, checked as if it had been read.
import avro from 'avsc';
import type { InputDeclaration } from '../sensors/input-declaration.ts';
import {
  advance,
  corrupt,
  eachItem,
  readBoolean,
  readNumber,
  requireUtf8,
  skipLong,
  type AvroSlot,
} from './avro-bytes.ts';
import { AvroReaders, DecimalType, parsedAvro } from './avro-value.ts';
import {
  claimsAt,
  claimsOf,
  declaredMeasurements,
  namedMeasurement,
  type FieldClaim,
  type PickedMeasurement,
} from './field-claims.ts';
import { give, leafRolesOf, type LeafRole } from './leaf-roles.ts';
import { leaveRecord, type FieldPicker, type PickedFields } from './picked-fields.ts';

type Walk = (at: PickSlot) => void;

interface PickSlot extends AvroSlot {
  fields: PickedFields;
}

/**
 * Returns the picker of the declared fields in records of `schema`; undefined where each of them is
 * left.
 * @throws DecodeError for a schema that no record can be read with.
 */
export function compileAvroPicker(
  schema: string,
  references: readonly string[],
  declaration: InputDeclaration,
): FieldPicker | undefined {
  const type = parsedAvro(schema, references);
  const measurements = declaredMeasurements(declaration);
  if (!(type instanceof avro.types.RecordType) || measurements === undefined) return undefined;
  const compiler = new PickCompiler(declaration, measurements);
  const walk = compiler.walk(type, claimsOf(declaration), []);
  const slot: PickSlot = {
    ...{ bytes: Buffer.alloc(0), position: 0, end: 0, depth: 0, items: 0 },
    fields: undefined as never,
  };
  return {
    measurements: compiler.measurements,
    pick(bytes, start, end, fields) {
      slot.bytes = bytes;
      slot.position = start;
      slot.end = end;
      slot.depth = 0;
      slot.items = 0;
      slot.fields = fields;
      walk(slot);
      if (slot.position !== end) leaveRecord();
    },
  };
}

/** A reader of whole records refuses 64 levels of some types, and never fewer of a record's. */
const skippedDepthMax = 32;

class PickCompiler {
  readonly measurements: PickedMeasurement[];
  readonly #declaration: InputDeclaration;
  readonly #readers: AvroReaders;
  readonly #skips: Map<avro.Type, Walk> = new Map();

  constructor(declaration: InputDeclaration, measurements: readonly PickedMeasurement[]) {
    this.#declaration = declaration;
    this.#readers = new AvroReaders(declaration.timeUnit);
    this.measurements = [...measurements];
  }

  /** Returns the walk through a value of `type`, which stands at the end of `path`. */
  walk(type: avro.Type, claims: readonly FieldClaim[], path: readonly string[]): Walk {
    return this.#walk(type, claims, { path, roles: leafRolesOf(claims) });
  }

  #walk(
    type: avro.Type,
    claims: readonly FieldClaim[],
    here: { readonly path: readonly string[]; readonly roles: readonly LeafRole[] },
  ): Walk {
    const { path, roles } = here;
    if (claims.length === 0 && roles.length === 0) return this.#skip(type);
    if (type instanceof avro.types.WrappedUnionType) {
      const branches = type.types.map((branch) => this.#walk(branch, claims, here));
      return (at) => (branches[readNumber(at)] ?? corrupt)(at);
    }
    const isRecord = type instanceof avro.types.RecordType;
    const isArray = type instanceof avro.types.ArrayType;
    if (isRecord || isArray || type instanceof avro.types.MapType) {
      // Where a value should be is an object.
      if (roles.some(({ kind }) => kind !== 'member')) return leaveRecord;
      if (claims.length === 0) return this.#skip(type);
      if (isRecord) return this.#record(type, claims, path);
      // The order of a map's members is that of a JavaScript object.
      return isArray ? this.#array(type, claims, path) : leaveRecord;
    }
    return roles.length === 0 ? this.#skip(type) : this.#leaf(type, roles);
  }

  #record(
    type: avro.types.RecordType,
    claims: readonly FieldClaim[],
    path: readonly string[],
  ): Walk {
    const every = claims.some(({ path: rest, role }) => rest.length === 0 && role.kind === 'every');
    const walks = type.fields.map((field) => {
      const claimed = claimsAt(claims, field.name);
      const within = [...path, field.name];
      // The fields of the id and of the time do not count as values.
      if (!every || claimed.length > 0) return this.walk(field.type, claimed, within);
      const measurement = namedMeasurement(field.name, within);
      if (measurement === undefined) return leaveRecord;
      const roles = [{ kind: 'member', slot: this.measurements.length } as const];
      this.measurements.push(measurement);
      return this.#walk(field.type, [], { path: within, roles });
    });
    return (at) => {
      for (const walk of walks) walk(at);
    };
  }

  #array(type: avro.types.ArrayType, claims: readonly FieldClaim[], path: readonly string[]): Walk {
    const indexes = claims.map(({ path: [first] }) => (typeof first === 'number' ? first : -1));
    const walks = Array.from({ length: Math.max(...indexes) + 1 }, (_, index) =>
      this.walk(type.itemsType, claimsAt(claims, index), path),
    );
    const skip = this.#skip(type.itemsType);
    return (at) => {
      let index = 0;
      eachItem(at, () => {
        (walks[index] ?? skip)(at);
        index += 1;
      });
    };
  }

  #leaf(type: avro.Type, roles: readonly LeafRole[]): Walk {
    const [role, ...others] = roles;
    const { id } = this.#declaration;
    const isDevice = role?.kind === 'id' && id.length === 1 && others.length === 0;
    if (isDevice && type.typeName === 'string') return pickDevice;
    const { valueTypes } = this.#declaration;
    if (role?.kind === 'value' && type.typeName === 'double' && valueTypes.includes('number')) {
      // Without a number on the heap for each value.
      const { slot } = role;
      if (others.length === 0) {
        return (at) => at.fields.takeNumber(slot, at.bytes.readDoubleLE(advance(at, 8)));
      }
    }
    const read = this.#readers.reader(type);
    if (role === undefined || others.length > 0) {
      return (at) => {
        const found = read(at);
        for (const one of roles) give(at.fields, one, found);
      };
    }
    return (at) => give(at.fields, role, read(at));
  }

  #skip(type: avro.Type): Walk {
    const known = this.#skips.get(type);
    if (known !== undefined) return known;
    // Within itself a type is stepped over by the walk that is being made.
    this.#skips.set(type, (at) => made(at));
    const made = this.#makeSkip(type);
    this.#skips.set(type, made);
    return made;
  }

  #makeSkip(type: avro.Type): Walk {
    if (type instanceof avro.types.RecordType) {
      const skips = type.fields.map((field) => this.#skip(field.type));
      return (at) => {
        at.depth += 1;
        if (at.depth > skippedDepthMax) leaveRecord();
        for (const skip of skips) skip(at);
        at.depth -= 1;
      };
    }
    if (type instanceof avro.types.ArrayType) {
      const skip = this.#skip(type.itemsType);
      return (at) => eachItem(at, () => skip(at));
    }
    if (type instanceof avro.types.MapType) {
      const skip = this.#skip(type.valuesType as avro.Type);
      return (at) =>
        eachItem(at, () => {
          skipText(at);
          skip(at);
        });
    }
    if (type instanceof avro.types.WrappedUnionType) {
      const skips = type.types.map((branch) => this.#skip(branch));
      return (at) => (skips[readNumber(at)] ?? corrupt)(at);
    }
    return this.#skipScalar(type);
  }

  #skipScalar(type: avro.Type): Walk {
    if (type instanceof avro.types.LogicalType && !(type instanceof DecimalType)) {
      return this.#skip(type.underlyingType);
    }
    if (type instanceof avro.types.FixedType) {
      const { size } = type;
      return (at) => void advance(at, size);
    }
    // All others are read, to be checked.
    return skips.get(type.typeName) ?? this.#readers.reader(type);
  }
}

const skips: ReadonlyMap<string, Walk> = new Map<string, Walk>([
  ['boolean', readBoolean],
  ['int', skipLong],
  ['long', skipLong],
  ['float', (at) => void advance(at, 4)],
  ['double', (at) => void advance(at, 8)],
  ['bytes', (at) => void advance(at, readNumber(at))],
  ['string', skipText],
]);

function skipText(at: AvroSlot): void {
  const length = readNumber(at);
  const start = advance(at, length);
  requireUtf8(at, start, start + length);
}

function pickDevice(at: PickSlot): void {
  const length = readNumber(at);
  const start = advance(at, length);
  requireUtf8(at, start, start + length);
  at.fields.takeDevice(at.bytes, start, start + length);
}
