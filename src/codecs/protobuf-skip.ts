// The walks that step over fields of a message, checked as if they had been read: a record that the
// reader of whole values refuses is never picked from. Next on the line: protobuf-pick.ts.
import protobuf from 'protobufjs';
import { leaveRecord } from './picked-fields.ts';
import { skip32, skip64, skipBytes, skipText, skipVarint } from './protobuf-bytes.ts';
import {
  MessageWalk,
  packedWalk,
  type AbsentWalk,
  type FieldWalk,
  type Walk,
} from './protobuf-walk.ts';

const [varint, fixed64, delimited, fixed32] = [0, 1, 2, 5] as const;
type WireType = typeof varint | typeof fixed64 | typeof delimited | typeof fixed32;

/** Of the types that are no varints. */
const wireTypes: ReadonlyMap<string, WireType> = new Map([
  ['double', fixed64],
  ['fixed64', fixed64],
  ['sfixed64', fixed64],
  ['float', fixed32],
  ['fixed32', fixed32],
  ['sfixed32', fixed32],
  ['string', delimited],
  ['bytes', delimited],
]);

/** Returns how a value of `field`, or of an entry of its map, is encoded. */
function wireTypeOf({ resolvedType, type }: protobuf.FieldBase): WireType {
  if (resolvedType instanceof protobuf.Type) return delimited;
  return wireTypes.get(type) ?? varint;
}

/**
 * Returns the walks of all encodings of `field`: repeated numbers come packed or one by one.
 * `walk` reads one element.
 */
export function encodingsOf(field: protobuf.Field, walk: Walk, once?: number): FieldWalk[] {
  // A group begins with a tag of its own, at which the record is left.
  if (field.delimited) return [];
  const wireType = field.map ? delimited : wireTypeOf(field);
  const place = once === undefined ? {} : { once };
  const one = { tag: field.id * 8 + wireType, walk, ...place };
  if (!field.repeated || wireType === delimited) return [one];
  return [one, { tag: field.id * 8 + delimited, walk: packedWalk(walk), ...place }];
}

export class ProtobufSkips {
  readonly #messages: Map<protobuf.Type, MessageWalk> = new Map();

  /** Returns the walk over one element of `field`. */
  element(field: protobuf.Field): Walk {
    field.resolve();
    return field instanceof protobuf.MapField ? this.#mapEntry(field) : this.#value(field);
  }

  #value({ resolvedType, type }: protobuf.FieldBase): Walk {
    if (resolvedType instanceof protobuf.Type) return this.#message(resolvedType);
    return scalarSkip(resolvedType === null ? type : 'enum');
  }

  #message(type: protobuf.Type): Walk {
    let walk = this.#messages.get(type);
    if (walk === undefined) {
      walk = new MessageWalk();
      this.#messages.set(type, walk);
      const fields: FieldWalk[] = [];
      const absent: AbsentWalk[] = [];
      for (const field of type.fieldsArray) {
        const element = this.element(field);
        const once = field.required ? absent.length : undefined;
        if (once !== undefined) absent.push({ once, walk: leaveRecord });
        fields.push(...encodingsOf(field, element, once));
      }
      walk.define(fields, absent);
    }
    const found = walk;
    return (at) => found.readWithin(at);
  }

  #mapEntry(field: protobuf.MapField): Walk {
    const entry = new MessageWalk();
    const { keyType } = field;
    const key = { tag: 8 + (wireTypes.get(keyType) ?? varint), walk: scalarSkip(keyType) };
    const value = { tag: 16 + wireTypeOf(field), walk: this.#value(field) };
    entry.define([key, value], []);
    return (at) => entry.readWithin(at);
  }
}

function scalarSkip(type: string): Walk {
  switch (wireTypes.get(type)) {
    case fixed64:
      return skip64;
    case fixed32:
      return skip32;
    case delimited:
      return type === 'string' ? skipText : skipBytes;
    default:
      return skipVarint;
  }
}
