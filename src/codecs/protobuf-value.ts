// Protobuf bytes → plain values, through protobufjs. Behind the header stand the indexes of the
// message among those of its file, outermost first; a single 0 is short for the first message.
//
//   absent     left out where the field tells absence (optional, oneof, messages), else its default
//   64 bits    a number, rounded beyond 2^53       bytes          text, two hex digits a byte
//   enum       its name                            Timestamp      a number in the unit asked for
//   map        an object without a prototype       DoubleValue…   the value it wraps
import protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor.js';
import { DecodeError } from '../errors.ts';
import type { TimeUnit } from '../sensors/input-declaration.ts';
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
  try {
    const files = [...references, file];
    const isText = files.every((text) => !base64.test(text));
    const root = isText ? rootOfTexts(files) : rootOfDescriptors(files);
    return new MessageReader(messagesIn(file), root, timeUnit).read;
  } catch (error) {
    throw new DecodeError(`the schema is no Protobuf file: ${String(error)}`, {}, error);
  }
}

/** Some serializers register the file's descriptor, and some registries keep it as it came. */
const base64 = /^[A-Za-z0-9+/\s]+={0,2}\s*$/;

function parsed(text: string, root: protobuf.Root = new protobuf.Root()): protobuf.Root {
  return protobuf.parse(text, root, { keepCase: true }).root;
}

function described(text: string): descriptor.IFileDescriptorProto {
  const decoded = descriptor.FileDescriptorProto.decode(Buffer.from(text, 'base64'));
  return decoded as unknown as descriptor.IFileDescriptorProto;
}

function rootOfTexts(texts: readonly string[]): protobuf.Root {
  const root = wellKnownRoot();
  for (const text of texts) parsed(text, root);
  root.resolveAll();
  return root;
}

function rootOfDescriptors(texts: readonly string[]): protobuf.Root {
  const file = [
    wellKnownRoot(),
    ...texts.map((text) => (base64.test(text) ? described(text) : parsed(text))),
  ].flatMap((one) =>
    one instanceof protobuf.Root ? (one.toDescriptor('proto3').file ?? []) : one,
  );
  return protobuf.Root.fromDescriptor({ file }, { keepCase: true });
}

/** Files of google/protobuf that come with every compiler, and are not in a registry. */
const wellKnown = ['any', 'duration', 'empty', 'field_mask', 'struct', 'timestamp', 'wrappers'];

function wellKnownRoot(): protobuf.Root {
  const root = new protobuf.Root();
  for (const name of wellKnown) {
    const { nested } = protobuf.common.get(`google/protobuf/${name}.proto`) ?? {};
    if (nested !== undefined) root.addJSON(nested);
  }
  root.resolveAll();
  return root;
}

/** The messages of a file in the order in which they stand there, which the indexes count. */
interface MessageName {
  readonly name: string;
  readonly inner: readonly MessageName[];
}

function messagesIn(file: string): readonly MessageName[] {
  if (!base64.test(file)) return messagesOf(parsed(file));
  const { package: space = '', messageType = [] } = described(file);
  return messageType.map((one) => nameOf(space === '' ? '' : `.${space}`, one));
}

const wrapperName = /^\.google\.protobuf\.(?:Double|Float|U?Int(?:32|64)|Bool|String|Bytes)Value$/;

class MessageReader {
  readonly #messages: readonly MessageName[];
  readonly #root: protobuf.Root;
  readonly #timeUnit: TimeUnit;
  readonly #types: Map<string, protobuf.Type> = new Map();
  readonly #readers: Map<protobuf.Type, ReadMessage> = new Map();

  constructor(messages: readonly MessageName[], root: protobuf.Root, timeUnit: TimeUnit) {
    this.#messages = messages;
    this.#root = root;
    this.#timeUnit = timeUnit;
  }

  readonly read = (bytes: Buffer, start: number, end: number): unknown => {
    const reader = protobuf.Reader.create(bytes.subarray(start, end));
    const type = this.#typeAt(indexesOf(reader));
    return this.#readerOf(type)(type.decode(reader));
  };

  #typeAt(indexes: readonly number[]): protobuf.Type {
    const key = indexes.join('.');
    const known = this.#types.get(key);
    if (known !== undefined) return known;
    let messages = this.#messages;
    let name: string | undefined;
    for (const index of indexes) {
      name = messages[index]?.name;
      if (name === undefined) throw new DecodeError(`the schema has no message ${key}`);
      messages = messages[index]?.inner ?? [];
    }
    const found = this.#root.lookupType(name ?? '');
    this.#types.set(key, found);
    return found;
  }

  #readerOf(type: protobuf.Type): ReadMessage {
    const known = this.#readers.get(type);
    if (known !== undefined) return known;
    const made = this.#wellKnown(type) ?? this.#plain(type);
    this.#readers.set(type, made);
    return made;
  }

  #wellKnown({ fullName }: protobuf.Type): ReadMessage | undefined {
    if (fullName === '.google.protobuf.Timestamp') {
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

function tellsAbsence({ hasPresence, resolvedType }: protobuf.Field): boolean {
  return hasPresence || resolvedType instanceof protobuf.Type;
}

function mapped(map: object, one: (found: unknown) => unknown): Record<string, unknown> {
  const values = Object.create(null) as Record<string, unknown>;
  for (const [key, found] of Object.entries(map)) values[key] = one(found);
  return values;
}

function scalar(found: unknown): unknown {
  if (typeof found !== 'object' || found === null) return found;
  if (found instanceof Uint8Array) return Buffer.from(found).toString('hex');
  // Bytes that were not written, or a 64-bit integer.
  return 'toNumber' in found ? (found as { toNumber(): number }).toNumber() : '';
}

/** A file has one package, and namespaces are nothing else. */
function messagesOf(space: protobuf.NamespaceBase): readonly MessageName[] {
  return space.nestedArray.flatMap((one): readonly MessageName[] => {
    if (one instanceof protobuf.Type) return [{ name: one.fullName, inner: messagesOf(one) }];
    return one instanceof protobuf.Namespace && !(one instanceof protobuf.Service)
      ? messagesOf(one)
      : [];
  });
}

function nameOf(space: string, message: descriptor.IDescriptorProto): MessageName {
  const name = `${space}.${message.name ?? ''}`;
  return { name, inner: (message.nestedType ?? []).map((one) => nameOf(name, one)) };
}

const indexesMax = 32;

function indexesOf(reader: protobuf.Reader): readonly number[] {
  const count = reader.sint32();
  if (count === 0) return [0];
  if (count < 0 || count > indexesMax) {
    throw new DecodeError(`expected up to ${indexesMax} message indexes, got ${count}`);
  }
  return Array.from({ length: count }, () => reader.sint32());
}
