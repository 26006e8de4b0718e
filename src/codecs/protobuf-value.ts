// Protobuf bytes → plain values, through protobufjs, behind the indexes of their message.
//
//   absent     left out where the field tells absence (optional, oneof, messages), else its default
//   64 bits    a number, rounded beyond 2^53       bytes          text, two hex digits a byte
//   enum       its name                            Timestamp      a number in the unit asked for
//   map        an object without a prototype       DoubleValue…   the value it wraps
import protobuf from 'protobufjs';
import { DecodeError } from '../errors.ts';
import type { TimeUnit } from '../sensors/input-declaration.ts';
import { messageIndexesMax, ProtobufFile } from './protobuf-file.ts';
import { inTimeUnit } from './schema-time.ts';

type ReadMessage = (message: object) => unknown;

/**
 * Returns the reader of records written with the messages of `file`: bytes [start, end) → value.
 * `references` are the texts of the files that it imports.
 * @throws DecodeError if a file is not Protobuf. The reader throws if the bytes are not a message
 * of the file.
 */
export function compileProtobuf(
  file: string,
  { references, timeUnit }: { readonly references: readonly string[]; readonly timeUnit: TimeUnit },
): (bytes: Buffer, start: number, end: number) => unknown {
  return new MessageReader(new ProtobufFile(file, references), timeUnit).read;
}

export const timestampName = '.google.protobuf.Timestamp';
/** The messages of Google's that hold one value. */
export const wrapperName: RegExp =
  /^\.google\.protobuf\.(?:Double|Float|U?Int(?:32|64)|Bool|String|Bytes)Value$/;

class MessageReader {
  readonly #file: ProtobufFile;
  readonly #timeUnit: TimeUnit;
  readonly #readers: Map<protobuf.Type, ReadMessage> = new Map();

  constructor(file: ProtobufFile, timeUnit: TimeUnit) {
    this.#file = file;
    this.#timeUnit = timeUnit;
  }

  readonly read = (bytes: Buffer, start: number, end: number): unknown => {
    const reader = protobuf.Reader.create(bytes.subarray(start, end));
    const type = this.#file.typeAt(indexesOf(reader));
    return this.#readerOf(type)(type.decode(reader));
  };

  #readerOf(type: protobuf.Type): ReadMessage {
    const known = this.#readers.get(type);
    if (known !== undefined) return known;
    const made = this.#wellKnown(type) ?? this.#plain(type);
    this.#readers.set(type, made);
    return made;
  }

  #wellKnown({ fullName }: protobuf.Type): ReadMessage | undefined {
    if (fullName === timestampName) {
      return (message) => {
        const { seconds, nanos } = message as { readonly seconds: unknown; readonly nanos: number };
        const ns = BigInt(String(seconds)) * 1_000_000_000n + BigInt(nanos);
        return inTimeUnit(ns, 'ns', this.#timeUnit);
      };
    }
    if (!wrapperName.test(fullName)) return undefined;
    return (message) => scalar((message as { readonly value: unknown }).value);
  }

  #plain(type: protobuf.Type): ReadMessage {
    // Made on first use: a message may hold messages of its own type.
    const fields = type.fieldsArray.map((field) => ({ field, one: this.#valueOf(field) }));
    return (message) => {
      const value = Object.create(null) as Record<string, unknown>;
      for (const { field, one } of fields) {
        const found = (message as Readonly<Record<string, unknown>>)[field.name];
        const isPresent = Object.hasOwn(message, field.name) && found != null;
        if (field.repeated) value[field.name] = isPresent ? (found as unknown[]).map(one) : [];
        else if (field.map) value[field.name] = mapped(isPresent ? found : {}, one);
        else if (isPresent || !tellsAbsence(field)) value[field.name] = one(found);
      }
      return value;
    };
  }

  #valueOf({ resolvedType }: protobuf.Field): (found: unknown) => unknown {
    if (resolvedType instanceof protobuf.Type) {
      return (found) => this.#readerOf(resolvedType)(found as object);
    }
    if (resolvedType === null) return scalar;
    return (found) => resolvedType.valuesById[found as number] ?? found;
  }
}

/** Whether a field that was not written is told from one that has its default. */
export function tellsAbsence({ hasPresence, resolvedType }: protobuf.Field): boolean {
  return hasPresence || resolvedType instanceof protobuf.Type;
}

function mapped(map: object, one: (found: unknown) => unknown): Record<string, unknown> {
  const values = Object.create(null) as Record<string, unknown>;
  for (const [key, found] of Object.entries(map)) values[key] = one(found);
  return values;
}

/** Returns a value that protobufjs read of a field of no message and no enum. */
export function scalar(found: unknown): unknown {
  if (typeof found !== 'object' || found === null) return found;
  if (found instanceof Uint8Array) return Buffer.from(found).toString('hex');
  // Bytes that were not written, or a 64-bit integer.
  return 'toNumber' in found ? (found as { toNumber(): number }).toNumber() : '';
}

function indexesOf(reader: protobuf.Reader): readonly number[] {
  const count = reader.sint32();
  if (count === 0) return [0];
  if (count < 0 || count > messageIndexesMax) {
    throw new DecodeError(`expected up to ${messageIndexesMax} message indexes, got ${count}`);
  }
  return Array.from({ length: count }, () => reader.sint32());
}
