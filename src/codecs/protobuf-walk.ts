// The walk through the bytes of one message, tag by tag: each field that the schema has is read or
// stepped over by a walk of its own, and all others by their wire type. Compiled by
// protobuf-pick.ts and protobuf-skip.ts.
import { leaveRecord, type PickedFields } from './picked-fields.ts';
import { readEnd, readShort, skipUnknown, type ProtobufSlot } from './protobuf-bytes.ts';

export interface PickSlot extends ProtobufSlot {
  fields: PickedFields;
  /** Messages within each other. */
  depth: number;
  /** Messages so far, of all records: the number of one is its mark. */
  messages: number;
  /** The mark of the record itself. */
  record: number;
}

export type Walk = (at: PickSlot) => void;

export interface FieldWalk {
  readonly tag: number;
  readonly walk: Walk;
  /** The fields of one place may come once in a message, all together; all others any times. */
  readonly once?: number;
}

/** Runs where none of the fields of a place came. */
export interface AbsentWalk {
  readonly once: number;
  readonly walk: Walk;
}

/** The reader of whole records follows a hundred. */
const depthMax = 32;
/** Greater ones are rare, and a table of them would be long. */
const tableTags = 1_024;

export class MessageWalk {
  readonly #table: (FieldWalk | undefined)[] = [];
  readonly #others: Map<number, FieldWalk> = new Map();
  #absent: readonly AbsentWalk[] = [];
  /** By place: the message in which one of its fields came last. */
  #seen: Float64Array = new Float64Array(0);

  /** Called once, before the first walk: a message may hold messages of its own type. */
  define(fields: readonly FieldWalk[], absent: readonly AbsentWalk[]): void {
    const last = Math.max(-1, ...fields.map(({ tag }) => (tag < tableTags ? tag : -1)));
    for (let tag = 0; tag <= last; tag += 1) this.#table.push(undefined);
    for (const field of fields) {
      if (field.tag >= 0 && field.tag < tableTags) this.#table[field.tag] = field;
      else this.#others.set(field.tag, field);
    }
    this.#absent = absent;
    this.#seen = new Float64Array(1 + Math.max(-1, ...fields.map(({ once = -1 }) => once)));
  }

  // hot path
  /** Walks to the end of the message around the slot. */
  read(at: PickSlot): void {
    const { end } = at;
    const seen = this.#seen;
    const message = (at.messages += 1);
    while (at.position < end) {
      const tag = readShort(at);
      const field = tag < tableTags ? this.#table[tag] : this.#others.get(tag);
      if (field === undefined) {
        skipUnknown(at, tag);
        continue;
      }
      const { once } = field;
      if (once !== undefined) {
        if (seen[once] === message) leaveRecord();
        seen[once] = message;
      }
      field.walk(at);
    }
    for (const { once, walk } of this.#absent) if (seen[once] !== message) walk(at);
  }

  // hot path
  /** Walks through a message behind its length. */
  readWithin(at: PickSlot): void {
    const outer = at.end;
    at.depth += 1;
    if (at.depth > depthMax) leaveRecord();
    at.end = readEnd(at);
    this.read(at);
    at.end = outer;
    at.depth -= 1;
  }
}

/** Returns the walk through elements that stand in one field, behind their length. */
export function packedWalk(element: Walk): Walk {
  return (at) => {
    const outer = at.end;
    at.end = readEnd(at);
    while (at.position < at.end) element(at);
    at.end = outer;
  };
}
