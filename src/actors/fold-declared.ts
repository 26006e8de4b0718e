// Folds a record of a declared shape: all its readings in one position, so that a crash never
// leaves half a record. A record keyed by its device folds here with all its sensors; another is
// forwarded whole, once, keyed by its device. What is refused of a record becomes one dead letter
// that names every refused field; the fields beside them are folded all the same.
import { bufferOf } from '../codecs/buffer-of.ts';
import { confluentHeaderBytes } from '../codecs/confluent.ts';
import { deadLetterRecord, entryTimeAmong, fieldsAmong } from '../codecs/dead-letter.ts';
import { forwardRecord } from '../codecs/forward.ts';
import {
  createInputReader,
  fillReading,
  type Entry,
  type FieldRefusal,
  refusedWhole,
  type InputReader,
  type ReadRecord,
} from '../codecs/input-reader.ts';
import { enteredAt, type InputRecord } from '../codecs/input-record.ts';
import { PickedFields } from '../codecs/picked-fields.ts';
import { schemaIdOf } from '../codecs/record-entries.ts';
import { shortEntry } from '../codecs/short-entry.ts';
import { unknownSchemaReason } from '../codecs/writer-schema.ts';
import type { RecordCursor, RecordHeader } from '../records/record.ts';
import type { InputDeclaration } from '../sensors/input-declaration.ts';
import { emptyReading, type DeadLetterReason, type Reading } from '../sensors/reading.ts';
import type { FoldContext } from './fold-context.ts';
import { hearClock, hearForwarded, hearReading } from './heard-time.ts';
import { keyIsSensorId } from './record-key.ts';
import type { ShardMemory } from './shard-memory.ts';
import {
  badSourceHeader,
  isMarker,
  keyMismatch,
  otherGroup,
  readSourceClock,
} from './source-clocks.ts';

/** A measurement of a scanned record that was not folded. */
export interface RefusedRow {
  /** Its place among the record's readings, from 0. */
  readonly measurement: number;
  readonly reason: DeadLetterReason;
}

/** Returns the folder of the shape that the settings declare; undefined where they declare none. */
export function declaredFolder(context: FoldContext): DeclaredFolder | undefined {
  const { input } = context.semantics;
  return input === undefined ? undefined : new DeclaredFolder(context, input);
}

export class DeclaredFolder {
  private readonly context: FoldContext;
  private readonly reader: InputReader;
  /** A record is one reading: then it is refused as a whole, and by no field. */
  private readonly isSingle: boolean;
  private readonly rekeyAll: boolean;
  private readonly picked: PickedFields;
  private readonly reading: Reading = emptyReading();
  private isFolding: boolean = false;

  constructor(context: FoldContext, declaration: InputDeclaration) {
    this.context = context;
    this.picked = new PickedFields(declaration, context.semantics.maxAheadMs);
    this.reader = createInputReader(declaration, context.semantics.maxAheadMs, context.schemas);
    const { format, measurements } = declaration;
    const isObject = format === 'json' || format === 'registry';
    this.isSingle = isObject && measurements.kind === 'one';
    this.rekeyAll = context.semantics.inputKeying === 'rekey';
  }

  /** The sensor whose reading is being folded: the one at fault where the fold throws. */
  get foldingSensor(): string | undefined {
    const { idBytes, idStart, idEnd } = this.reading;
    return this.isFolding ? Buffer.from(idBytes.subarray(idStart, idEnd)).toString() : undefined;
  }

  /**
   * Returns the id of the schema that must be loaded, or found to be unknown, before the record is
   * folded; undefined where nothing is missing.
   */
  missingSchema({ unknownSchemas }: ShardMemory, record: RecordCursor): number | undefined {
    const { schemas } = this.context;
    if (schemas === undefined || record.unreadable !== undefined) return undefined;
    const id = schemaIdOf(record, this.reader.declaration);
    if (id === undefined || unknownSchemas.has(id)) return undefined;
    return schemas.find(id) === undefined ? id : undefined;
  }

  /**
   * Folds, forwards or refuses the record's readings. Returns how many were folded; undefined for a
   * source's marker and for a forward of another group, which hold none.
   */
  foldRecord(memory: ShardMemory, record: RecordCursor): number | undefined {
    this.isFolding = false;
    const headers = record.headerCount === 0 ? [] : record.headers();
    if (memory.role === 'source') return this.foldSource(memory, record, this.onlyOf(headers));
    const { outbox, semantics } = this.context;
    const clock = readSourceClock(record, this.context.settings?.groupId);
    if (clock === otherGroup) return outbox.leaveOut();
    if (clock === undefined) {
      const refused = [{ field: '', reason: badSourceHeader }];
      this.refuse(record, refused, { only: this.onlyOf(headers), others: 0 });
      return 0;
    }
    const isReading = !isMarker(record, clock);
    const folded = isReading ? this.foldRekeyed(memory, record, headers) : undefined;
    hearClock(memory, clock, semantics, outbox);
    return folded;
  }

  /** Makes a dead letter of a scanned record that was folded but for `rows`; `others` were. */
  refuseRows(record: RecordCursor, rows: readonly RefusedRow[], others: number): void {
    // Names of fields are needed only here, so that the record is read once more.
    const [entry] = this.isSingle ? [] : this.reader.read(record).entries;
    const refused = rows.map(({ measurement, reason }) => {
      return { field: entry?.measured[measurement]?.field ?? '', reason };
    });
    this.refuse(record, refused, { only: undefined, others });
  }

  /** Reads the record, unless the journal says that its schema is unknown. */
  private read(
    { unknownSchemas }: ShardMemory,
    record: InputRecord,
    only: ReadonlySet<string> | undefined,
  ): ReadRecord {
    const id = unknownSchemas.size === 0 ? undefined : schemaIdOf(record, this.reader.declaration);
    if (id === undefined || !unknownSchemas.has(id)) return this.reader.read(record, only);
    return refusedWhole(unknownSchemaReason(id));
  }

  // hot path
  /**
   * Whether the declared fields alone were read, and their device is the record's key. Everything
   * else is left to the reader of whole records.
   */
  private pick(
    { unknownSchemas }: ShardMemory,
    record: InputRecord,
    only: ReadonlySet<string> | undefined,
  ): boolean {
    const { declaration } = this.reader;
    if (only !== undefined || unknownSchemas.size > 0) return false;
    const id = schemaIdOf(record, declaration);
    const picker = id === undefined ? id : this.context.schemas?.find(id)?.picker(declaration);
    if (picker === undefined) return false;
    const start = record.valueStart + confluentHeaderBytes;
    if (!this.picked.read(picker, record, bufferOf(record.bytes), start)) return false;
    this.picked.fillDevice(this.reading);
    return keyIsSensorId(record, this.reading);
  }

  // hot path
  /** Folds what was picked of the record; returns how many readings were folded. */
  private foldPicked(memory: ShardMemory, record: RecordCursor): number {
    const { context, picked, reading } = this;
    const { offset, timestampMs } = record;
    let refused: FieldRefusal[] | undefined;
    let folded = 0;
    for (let slot = 0; slot < picked.slots; slot += 1) {
      if (!picked.fill(reading, slot)) continue;
      this.isFolding = true;
      const reason = memory.state.fold(reading, timestampMs, offset, context.outbox);
      if (reason === null) folded += 1;
      else (refused ??= []).push({ field: this.isSingle ? '' : picked.fieldOf(slot), reason });
    }
    this.isFolding = false;
    if (refused !== undefined) this.refuse(record, refused, { only: undefined, others: folded });
    return folded;
  }

  private onlyOf(headers: readonly RecordHeader[]): ReadonlySet<string> | undefined {
    return this.isSingle ? undefined : fieldsAmong(headers);
  }

  private foldSource(
    memory: ShardMemory,
    record: RecordCursor,
    only: ReadonlySet<string> | undefined,
  ): number {
    if (!this.rekeyAll && this.pick(memory, record, only)) {
      const folded = this.foldPicked(memory, record);
      hearReading(memory, memory.state.maxEventTimeMs);
      return folded;
    }
    const { entries, refusals } = this.read(memory, record, only);
    const refused = [...refusals];
    let folded = 0;
    let forwarded = 0;
    for (const entry of entries) {
      if (!this.rekeyAll && keyIs(record, entry.deviceId)) {
        folded += this.foldEntry(memory, record, entry, refused);
        hearReading(memory, memory.state.maxEventTimeMs);
      } else if (this.mayForward(memory, record, entry, refused)) {
        forwarded += 1;
        this.forward(record, entry, only);
      }
    }
    this.refuse(record, refused, { only, others: folded + forwarded });
    return folded;
  }

  private foldRekeyed(
    memory: ShardMemory,
    record: RecordCursor,
    headers: readonly RecordHeader[],
  ): number {
    const entered = enteredAt(record, entryTimeAmong(headers));
    const only = this.onlyOf(headers);
    if (this.pick(memory, entered, only)) return this.foldPicked(memory, record);
    const { entries, refusals } = this.read(memory, entered, only);
    const refused = [...refusals];
    let folded = 0;
    for (const entry of entries) {
      if (keyIs(record, entry.deviceId)) folded += this.foldEntry(memory, record, entry, refused);
      else refused.push(...refusedEntry(entry, keyMismatch));
    }
    this.refuse(record, refused, { only, others: folded });
    return folded;
  }

  private foldEntry(
    memory: ShardMemory,
    record: RecordCursor,
    entry: Entry,
    refused: FieldRefusal[],
  ): number {
    const { context, reading } = this;
    let folded = 0;
    for (const measured of entry.measured) {
      fillReading(reading, entry, measured);
      this.isFolding = true;
      const { offset, timestampMs } = record;
      const reason = memory.state.fold(reading, timestampMs, offset, context.outbox);
      if (reason === null) folded += 1;
      else refused.push({ field: this.isSingle ? '' : measured.field, reason });
    }
    this.isFolding = false;
    refused.push(...entry.refusals);
    return folded;
  }

  /** Whether the entry may be forwarded; its time then counts for its source. */
  private mayForward(
    memory: ShardMemory,
    record: RecordCursor,
    entry: Entry,
    refused: FieldRefusal[],
  ): boolean {
    const reason = hearForwarded(memory, entry, record, this.context.semantics);
    if (reason === null) return true;
    refused.push(...refusedEntry(entry, reason));
    return false;
  }

  private forward(record: RecordCursor, entry: Entry, only: ReadonlySet<string> | undefined): void {
    const { forwarding, outbox, shard, topics } = this.context;
    if (forwarding === undefined || outbox.muted) return;
    const { partitions, clock } = forwarding;
    const { declaration } = this.reader;
    const text = entry.text?.();
    outbox.forward(
      forwardRecord(record, shard, {
        topic: topics.rekeyed,
        partitions,
        clock,
        groupId: this.context.settings?.groupId,
        key: Buffer.from(entry.deviceId),
        declared: {
          timeMs: record.timestampMs,
          entry: text === undefined ? undefined : Buffer.from(text),
          fields: only === undefined ? undefined : fieldsOf(entry),
          shorterValue: () => shortEntry(entry, declaration),
        },
      }),
    );
  }

  /** Makes the record one dead letter, unless nothing is refused of it. */
  private refuse(record: RecordCursor, refused: readonly FieldRefusal[], rest: Rest): void {
    const { outbox, shard, topics } = this.context;
    if (outbox.muted || refused.length === 0) return;
    const reason = reasonOf(refused);
    const fields = refusedFields(refused, rest);
    outbox.deadLetter(
      reason.code,
      deadLetterRecord(record, reason, shard, topics.deadLetters, fields),
    );
  }
}

interface Rest {
  /** The fields that were to be read; undefined for all. */
  readonly only: ReadonlySet<string> | undefined;
  /** Readings of the record that were folded, and entries that were forwarded. */
  readonly others: number;
}

/** Returns the fields that a letter names: once it is put back, only they are read. */
function refusedFields(
  refused: readonly FieldRefusal[],
  { only, others }: Rest,
): readonly string[] | 'all' {
  if (others === 0) return only === undefined ? 'all' : [...only];
  const fields = refused.map(({ field }) => field);
  if (only === undefined) return fields;
  // Of a whole entry that is refused, those of its fields that were to be read.
  return fields.flatMap((field) =>
    only.has(field) ? field : [...only].filter((one) => one.startsWith(`${field}.`)),
  );
}

function keyIs({ bytes, keyStart, keyEnd }: RecordCursor, deviceId: string): boolean {
  if (keyStart < 0) return false;
  return Buffer.from(deviceId).compare(bytes, keyStart, keyEnd) === 0;
}

function refusedEntry(
  { measured, refusals }: Entry,
  reason: DeadLetterReason,
): readonly FieldRefusal[] {
  return [...measured.map(({ field }) => ({ field, reason })), ...refusals];
}

/** The entry's fields as the forward of the entry alone names them. */
function fieldsOf({ measured, refusals, text }: Entry): readonly string[] {
  const fields = [...measured, ...refusals].map(({ field }) => field);
  return text === undefined ? fields : fields.map((field) => field.replace(/^\[\d+\]/, '[0]'));
}

/** Returns the one reason of a letter: the first code, and what is said of each field. */
export function reasonOf(refused: readonly FieldRefusal[]): DeadLetterReason {
  const [first] = refused;
  if (first === undefined) throw new RangeError('expected a refusal');
  const fieldsByMessage = new Map<string, string[]>();
  for (const { field, reason } of refused) {
    const fields = fieldsByMessage.get(reason.message) ?? [];
    if (fields.length === 0) fieldsByMessage.set(reason.message, fields);
    fields.push(field);
  }
  const messages = [...fieldsByMessage].map(([message, fields]) => {
    const isNamed = fields.length === 1 && (fields[0] === '' || message.includes(fields[0] ?? ''));
    return isNamed ? message : `${fields.join(', ')}: ${message}`;
  });
  return { code: first.reason.code, message: messages.join('; ') };
}
