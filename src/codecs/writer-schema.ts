// A schema as a registry holds it, and the reader of the records that were written with it. Behind
// Confluent's header (confluent.ts) a record is Avro, Protobuf or JSON, by the type of its schema.
// Ids are immutable, so a reader is a pure function of the id and of the declared unit of time.
import { isUtf8 } from 'node:buffer';
import { DecodeError } from '../errors.ts';
import type { InputDeclaration, TimeUnit } from '../sensors/input-declaration.ts';
import type { DeadLetterReason } from '../sensors/reading.ts';
import { compileAvroPicker } from './avro-pick.ts';
import { compileAvro } from './avro-value.ts';
import { parseExactly } from './exact-integers.ts';
import { notUtf8, parseJson } from './json-strict.ts';
import type { FieldPicker } from './picked-fields.ts';

/** As the registry answers; a schema that names no type is Avro. */
export interface RegisteredSchema {
  readonly type: string;
  readonly text: string;
  /** The schemas that it refers to, each behind those that it refers to itself. */
  readonly references: readonly { readonly name: string; readonly text: string }[];
}

export type ParsedEntry =
  | {
      readonly value: unknown;
      /** As of entries (input-entries.ts): undefined where the record is no JSON text. */
      readonly exactly: (() => unknown) | undefined;
    }
  | { readonly reason: DeadLetterReason };

export interface WriterSchema {
  /** Reads the record in bytes [start, end), without the header. Never throws. */
  read(bytes: Buffer, start: number, end: number): ParsedEntry;
  /**
   * Returns the picker of the declared fields, the same one each time; undefined where whole
   * records must be read.
   */
  picker(declaration: InputDeclaration): FieldPicker | undefined;
}

/** The schemas that records name by their id. */
export interface WriterSchemas {
  /** Returns the reader of a schema that was loaded; undefined for others. */
  find(id: number): WriterSchema | undefined;
}

/** The schemas where no record names one. */
export const noSchemas: WriterSchemas = { find: () => undefined };

/**
 * Resolves with the reader of records written with `schema`. If the schema itself cannot be read,
 * each of its records is refused for that.
 */
export async function writerSchema(
  { references, text, type }: RegisteredSchema,
  timeUnit: TimeUnit,
): Promise<WriterSchema> {
  if (type === 'JSON') return { read: readJson, picker: noPicker };
  // Not in the try block: a file of the program that cannot be loaded is not the schema's fault.
  const { compile, compilePicker } = await compilerOf(type);
  try {
    const options = { references: references.map((one) => one.text), timeUnit };
    const read = compile(text, options);
    return {
      read(bytes, start, end) {
        try {
          return { value: read(bytes, start, end), exactly: undefined };
        } catch (error) {
          // A RangeError where a value is too large or too deep for this engine.
          return { reason: { code: 'schema_mismatch', message: messageOf(error) } };
        }
      },
      picker: once((declaration) => compilePicker(text, options.references, declaration)),
    };
  } catch (error) {
    const reason: DeadLetterReason = { code: 'schema_unsupported', message: messageOf(error) };
    return { read: () => ({ reason }), picker: noPicker };
  }
}

function noPicker(): undefined {
  return undefined;
}

/** A thread has one declaration. */
function once(compile: WriterSchema['picker']): WriterSchema['picker'] {
  let last: InputDeclaration | undefined;
  let picker: FieldPicker | undefined;
  return (declaration) => {
    if (declaration !== last) picker = compile(declaration);
    last = declaration;
    return picker;
  };
}

interface SchemaCompiler {
  readonly compile: typeof compileAvro;
  readonly compilePicker: typeof compileAvroPicker;
}

async function compilerOf(type: string): Promise<SchemaCompiler> {
  switch (type) {
    case 'AVRO':
      return { compile: compileAvro, compilePicker: compileAvroPicker };
    case 'PROTOBUF': {
      // Loading protobufjs takes 45 to 75 ms of CPU, and most registries hold no Protobuf.
      const { compileProtobuf } = await import('./protobuf-value.ts');
      const { compileProtobufPicker } = await import('./protobuf-pick.ts');
      return { compile: compileProtobuf, compilePicker: compileProtobufPicker };
    }
    default: {
      const refuse = (): never => {
        throw new DecodeError(`the schema is of type ${type}; expected AVRO, PROTOBUF or JSON`);
      };
      return { compile: refuse, compilePicker: noPicker };
    }
  }
}

/** The schema of a JSON record says how it is checked; how it is read is the declaration's. */
function readJson(bytes: Buffer, start: number, end: number): ParsedEntry {
  const content = bytes.subarray(start, end);
  if (!isUtf8(content)) return { reason: notUtf8 };
  const text = content.toString();
  const parsed = parseJson(text);
  return 'reason' in parsed ? parsed : { ...parsed, exactly: () => parseExactly(text) };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Returns why a record of a schema is refused that the registry does not hold. */
export function unknownSchemaReason(id: number): DeadLetterReason {
  const message =
    `the registry has no schema ${id}; is SCHEMA_REGISTRY_URL the one that the producer writes ` +
    'to? Once it is registered, `dlq replay` puts the record back';
  return { code: 'schema_unknown', message };
}
