// Protobuf bytes → the declared fields alone. A walk is compiled once per message and declaration:
// it goes into the messages on the way to a declared field, reads that as the reader of whole
// values does (protobuf-value.ts), and steps over all else. A record in which a field comes twice
// is left to that reader: the last one counts, messages are merged, and one field of a oneof
// replaces another. Next on the line: protobuf-walk.ts, which follows the tags of one message.
import protobuf from 'protobufjs';
import type { FieldPath, InputDeclaration } from '../sensors/input-declaration.ts';
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
import { readDouble, readShort, textStart, type ReadScalar } from './protobuf-bytes.ts';
import { messageIndexesMax, ProtobufFile } from './protobuf-file.ts';
import { defaultOf, isLeaf, isValue, valueReader } from './protobuf-leaf.ts';
import { encodingsOf, ProtobufSkips } from './protobuf-skip.ts';
import { tellsAbsence } from './protobuf-value.ts';
import {
  MessageWalk,
  type AbsentWalk,
  type FieldWalk,
  type PickSlot,
  type Walk,
} from './protobuf-walk.ts';

/**
 * Returns the picker of the declared fields in records of `file`; undefined where each is left.
 * @throws DecodeError if a file is not Protobuf.
 */
export function compileProtobufPicker(
  file: string,
  references: readonly string[],
  declaration: InputDeclaration,
): FieldPicker | undefined {
  const measurements = declaredMeasurements(declaration);
  if (measurements === undefined) return undefined;
  return new MessagePicker(new ProtobufFile(file, references), declaration, measurements);
}

/** With the numeric fields of many messages, all of them are values that a record may have. */
const measurementsOfFileMax = 1_024;

class MessagePicker implements FieldPicker {
  readonly #compiler: PickCompiler;
  readonly #file: ProtobufFile;
  readonly #first: Walk;
  /** By the indexes of their message. */
  readonly #walks: Map<string, Walk> = new Map();
  readonly #slot: PickSlot = {
    ...{ bytes: Buffer.alloc(0), position: 0, end: 0, low: 0, high: 0 },
    ...{ depth: 0, messages: 0, record: 0 },
    fields: undefined as never,
  };

  constructor(
    file: ProtobufFile,
    declaration: InputDeclaration,
    measurements: readonly PickedMeasurement[],
  ) {
    this.#file = file;
    this.#compiler = new PickCompiler(declaration, measurements);
    this.#first = this.#compiled([0]);
  }

  get measurements(): readonly PickedMeasurement[] {
    return this.#compiler.measurements;
  }

  // hot path
  pick(bytes: Buffer, start: number, end: number, fields: PickedFields): void {
    const slot = this.#slot;
    slot.bytes = bytes;
    slot.position = start;
    slot.end = end;
    slot.depth = 0;
    slot.record = slot.messages;
    slot.fields = fields;
    const count = readIndex(slot);
    const walk = count === 0 ? this.#first : this.#walkAt(slot, count);
    walk(slot);
  }

  #walkAt(slot: PickSlot, count: number): Walk {
    if (count < 0 || count > messageIndexesMax) leaveRecord();
    const indexes = Array.from({ length: count }, () => readIndex(slot));
    const key = indexes.join('.');
    const known = this.#walks.get(key);
    if (known !== undefined) return known;
    this.#walks.set(key, this.#compiled(indexes));
    // The record is read with the measurements that were known before.
    return leaveRecord;
  }

  #compiled(indexes: readonly number[]): Walk {
    if (this.measurements.length > measurementsOfFileMax) return leaveRecord;
    try {
      return this.#compiler.root(this.#file.typeAt(indexes));
    } catch {
      // The reader of whole records says why none can be read.
      return leaveRecord;
    }
  }
}

function readIndex(slot: PickSlot): number {
  const zigzag = readShort(slot);
  return (zigzag >>> 1) ^ -(zigzag & 1);
}

interface Place {
  readonly claims: readonly FieldClaim[];
  readonly path: FieldPath;
  readonly roles: readonly LeafRole[];
}

/** The walks of the fields of one message, as they are compiled. */
class MessageCompiler {
  readonly #fields: FieldWalk[] = [];
  readonly #absent: AbsentWalk[] = [];
  readonly #oneofs: Map<protobuf.OneOf, number> = new Map();
  #places: number = 0;

  /** Adds a field that may come any times. */
  add(field: protobuf.Field, walk: Walk): void {
    this.#fields.push(...encodingsOf(field, walk));
  }

  /** Adds a field that may come once, and what to do if it does not come. */
  once(field: protobuf.Field, walk: Walk, absent: Walk | undefined): void {
    const once = this.#placeOf(field);
    this.#fields.push(...encodingsOf(field, walk, once));
    if (field.required) this.#absent.push({ once, walk: leaveRecord });
    else if (absent !== undefined) this.#absent.push({ once, walk: absent });
  }

  /** Adds a field that is not declared. */
  skip(field: protobuf.Field, walk: Walk): void {
    // The last of a oneof takes the place of the others, which may be declared.
    if (field.required || field.partOf !== null) this.once(field, walk, undefined);
    else this.add(field, walk);
  }

  /** Leaves each record. */
  leaveAlways(): void {
    this.#absent.push({ once: this.#nextPlace(), walk: leaveRecord });
  }

  walk(): MessageWalk {
    const walk = new MessageWalk();
    walk.define(this.#fields, this.#absent);
    return walk;
  }

  #placeOf({ partOf }: protobuf.Field): number {
    if (partOf === null) return this.#nextPlace();
    const place = this.#oneofs.get(partOf) ?? this.#nextPlace();
    this.#oneofs.set(partOf, place);
    return place;
  }

  #nextPlace(): number {
    this.#places += 1;
    return this.#places - 1;
  }
}

class PickCompiler {
  readonly measurements: PickedMeasurement[];
  readonly #declaration: InputDeclaration;
  readonly #skips: ProtobufSkips = new ProtobufSkips();

  constructor(declaration: InputDeclaration, measurements: readonly PickedMeasurement[]) {
    this.#declaration = declaration;
    this.measurements = [...measurements];
  }

  /** Returns the walk through a record of `type`. */
  root(type: protobuf.Type): Walk {
    // One value, and no object with fields.
    if (isValue(type)) return leaveRecord;
    const walk = this.#message(type, claimsOf(this.#declaration), []);
    return (at) => walk.read(at);
  }

  #message(type: protobuf.Type, claims: readonly FieldClaim[], path: FieldPath): MessageWalk {
    // Resolves what presence, encodings and defaults follow from.
    type.setup();
    const message = new MessageCompiler();
    const every = claims.some(({ path: rest, role }) => rest.length === 0 && role.kind === 'every');
    for (const field of type.fieldsArray) {
      // An object of JavaScript has no such member of its own.
      if (field.name === '__proto__') throw new RangeError('expected another name of a field');
      const claimed = claimsAt(claims, field.name);
      const within = [...path, field.name];
      // The fields of the id and of the time do not count as values.
      const roles =
        claimed.length > 0 || !every ? leafRolesOf(claimed) : this.#member(field, within);
      this.#field(message, field, { claims: claimed, path: within, roles });
    }
    return message.walk();
  }

  /** Returns the role of a member of the object whose numeric members are values. */
  #member(field: protobuf.Field, path: FieldPath): readonly LeafRole[] {
    if (field.repeated || field.map || !isLeaf(field)) return [];
    const measurement = namedMeasurement(field.name, path);
    if (measurement === undefined) throw new RangeError('expected a name that may end an id');
    this.measurements.push(measurement);
    return [{ kind: 'member', slot: this.measurements.length - 1 }];
  }

  #field(message: MessageCompiler, field: protobuf.Field, place: Place): void {
    if (field.repeated || field.map) {
      const walk = this.#elements(field, place);
      message.add(field, walk);
      // Where a value should be is an array or an object, written or not.
      if (place.roles.length > 0) message.leaveAlways();
      return;
    }
    const walk = this.#value(field, place);
    if (walk === undefined) return message.skip(field, this.#skips.element(field));
    const { roles } = place;
    const isLeft = isLeaf(field) && roles.length > 0 && !tellsAbsence(field);
    const found = isLeft ? defaultOf(field) : undefined;
    message.once(field, walk, isLeft ? giveTo(roles, () => found) : undefined);
  }

  /** Returns the walk over the elements of an array or a map, called for each. */
  #elements(field: protobuf.Field, { claims, path }: Place): Walk {
    const skip = this.#skips.element(field);
    if (claims.length === 0) return skip;
    // The order of a map's members is that of a JavaScript object, and an unknown symbol of an enum
    // may count as an element or not.
    if (field.map || field.resolvedType instanceof protobuf.Enum) return leaveRecord;
    const indexes = claims.map(({ path: [first] }) => (typeof first === 'number' ? first : -1));
    const walks = Array.from({ length: Math.max(...indexes) + 1 }, (_, index) => {
      const claimed = claimsAt(claims, index);
      const element = { claims: claimed, path: [...path, index], roles: leafRolesOf(claimed) };
      return this.#value(field, element) ?? skip;
    });
    let record = -1;
    let index = 0;
    return (at) => {
      if (at.record !== record) index = 0;
      record = at.record;
      const walk = walks[index] ?? skip;
      index += 1;
      walk(at);
    };
  }

  /** Returns the walk through one value on the way to declared fields; undefined for any other. */
  #value(field: protobuf.Field, { claims, path, roles }: Place): Walk | undefined {
    if (isLeaf(field)) return roles.length === 0 ? undefined : this.#leaf(field, roles);
    // Where a value should be is an object.
    if (roles.length > 0) return leaveRecord;
    const { resolvedType } = field;
    if (claims.length === 0 || !(resolvedType instanceof protobuf.Type)) return undefined;
    const walk = this.#message(resolvedType, claims, path);
    return (at) => walk.readWithin(at);
  }

  #leaf(field: protobuf.Field, roles: readonly LeafRole[]): Walk {
    const [role, ...others] = roles;
    const { id, timeUnit, valueTypes } = this.#declaration;
    const isAlone = role !== undefined && others.length === 0;
    if (isAlone && role.kind === 'id' && id.length === 1 && field.type === 'string') {
      return pickDevice;
    }
    if (isAlone && role.kind === 'value' && field.type === 'double') {
      // Without a number on the heap for each value.
      const { slot } = role;
      if (valueTypes.includes('number')) return (at) => at.fields.takeNumber(slot, readDouble(at));
    }
    return giveTo(roles, valueReader(field, timeUnit));
  }
}

function pickDevice(at: PickSlot): void {
  const start = textStart(at);
  at.fields.takeDevice(at.bytes, start, at.position);
}

function giveTo(roles: readonly LeafRole[], read: ReadScalar): Walk {
  const [role, ...others] = roles;
  if (role !== undefined && others.length === 0) return (at) => give(at.fields, role, read(at));
  return (at) => {
    const found = read(at);
    for (const one of roles) give(at.fields, one, found);
  };
}
