// A record's bytes → its entries, parsed: JSON text in one of its formats, or one object of the
// schema that the record names.
import { isUtf8 } from 'node:buffer';
import type { RecordCursor } from '../records/record.ts';
import type { InputDeclaration } from '../sensors/input-declaration.ts';
import type { DeadLetterReason } from '../sensors/reading.ts';
import { bufferOf } from './buffer-of.ts';
import { confluentHeaderBytes, readConfluentSchemaId } from './confluent.ts';
import { entriesOf } from './input-entries.ts';
import { notUtf8 } from './json-strict.ts';
import { readingBytesMax } from './reading-limits.ts';
import { unknownSchemaReason, type WriterSchemas } from './writer-schema.ts';

type RecordValue = Pick<RecordCursor, 'bytes' | 'valueStart' | 'valueEnd'>;
type Entries = ReturnType<typeof entriesOf>;

const utf8 = new TextDecoder('utf-8', { fatal: true });
const braceOpen = 0x7b;

/** Returns the entries of a record that has a value, or why it has none. */
export function entriesIn(
  record: RecordValue,
  format: InputDeclaration['format'],
  schemas: WriterSchemas,
): Entries {
  const { bytes, valueStart, valueEnd } = record;
  const isRegistry = format === 'registry';
  if (isRegistry && bytes[valueStart] !== braceOpen) return entryOfSchema(record, schemas);
  const content = bytes.subarray(contentStart(bytes, valueStart, valueEnd), valueEnd);
  if (!isUtf8(content)) return { entries: [], refused: notUtf8 };
  // Plain JSON among registered records: a forward that was shortened, or an older producer.
  return entriesOf(utf8.decode(content), isRegistry ? 'json' : format);
}

/**
 * Returns the id of the schema that the record must be read with; undefined where it names none, or
 * where the declaration reads records without one.
 */
export function schemaIdOf(
  { bytes, valueStart, valueEnd }: RecordValue,
  { format }: InputDeclaration,
): number | undefined {
  if (format !== 'registry' || valueStart < 0) return undefined;
  if (valueEnd - valueStart > readingBytesMax) return undefined;
  const id = readConfluentSchemaId(bytes, valueStart, valueEnd);
  return id < 0 ? undefined : id;
}

function entryOfSchema(
  { bytes, valueStart, valueEnd }: RecordValue,
  schemas: WriterSchemas,
): Entries {
  const id = readConfluentSchemaId(bytes, valueStart, valueEnd);
  if (id < 0) return { entries: [], refused: noSchemaId };
  const schema = schemas.find(id);
  if (schema === undefined) return { entries: [], refused: unknownSchemaReason(id) };
  const found = schema.read(bufferOf(bytes), valueStart + confluentHeaderBytes, valueEnd);
  if ('reason' in found) return { entries: [], refused: found.reason };
  const { value, exactly } = found;
  return { entries: [{ place: '', value, reason: undefined, text: undefined, exactly }] };
}

/** Behind a byte order mark, or behind the header of a Confluent serializer of JSON. */
function contentStart(bytes: Uint8Array, start: number, end: number): number {
  const [first, second, third] = [bytes[start], bytes[start + 1], bytes[start + 2]];
  if (end - start > 3 && first === 0xef && second === 0xbb && third === 0xbf) return start + 3;
  return end - start > confluentHeaderBytes && first === 0 ? start + confluentHeaderBytes : start;
}

const noSchemaId: DeadLetterReason = {
  code: 'confluent_magic',
  message: 'expected the header of a registered schema (0 and its id in 4 bytes), or a JSON object',
};
