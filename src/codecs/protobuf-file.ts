// A Protobuf file of a registry → the types of its messages. Behind the header of a record stand
// the indexes of its message among those of the file, outermost first; a single 0 is short for the
// first message. Next on the line: protobuf-value.ts, whole values; protobuf-pick.ts, the declared
// fields alone.
import protobuf from 'protobufjs';
import descriptor from 'protobufjs/ext/descriptor.js';
import { DecodeError } from '../errors.ts';

export const messageIndexesMax = 32;

export class ProtobufFile {
  readonly #messages: readonly MessageName[];
  readonly #root: protobuf.Root;
  readonly #types: Map<string, protobuf.Type> = new Map();

  /**
   * `references` are the texts of the files that `file` imports.
   * @throws DecodeError if one of them is not Protobuf.
   */
  constructor(file: string, references: readonly string[]) {
    try {
      const files = [...references, file];
      const isText = files.every((text) => !base64.test(text));
      this.#root = isText ? rootOfTexts(files) : rootOfDescriptors(files);
      this.#messages = messagesIn(file);
    } catch (error) {
      throw new DecodeError(`the schema is no Protobuf file: ${String(error)}`, {}, error);
    }
  }

  /** Returns the type of the message at `indexes`. @throws DecodeError if there is none. */
  typeAt(indexes: readonly number[]): protobuf.Type {
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
