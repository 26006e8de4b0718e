// Folds a record of a declared shape: all its readings in one position, so that a crash never
// leaves half a record. A record keyed by its device folds here with all its sensors; another is
// forwarded whole, once, keyed by its device. What is refused of a record becomes one dead letter
// that names every refused field; the fields beside them are folded all the same.
import { deadLetterRecord, entryTimeAmong, fieldsAmong } from '../codecs/dead-letter.ts';
import { forwardRecord } from '../codecs/forward.ts';
import {
  createInputReader,
  fillReading,
  type Entry,
  type FieldRefusal,
  type InputReader,
  type InputRecord,
} from '../codecs/input-reader.ts';
import { shortEntry } from '../codecs/short-entry.ts';
import type { RecordCursor, RecordHeader } from '../records/record.ts';
import type { InputDeclaration } from '../sensors/input-declaration.ts';
import { emptyReading, type DeadLetterReason, type Reading } from '../sensors/reading.ts';
import { aheadReason } from '../sensors/refusals.ts';
import { isHeld, leadMaxMs } from '../sensors/watermark.ts';
import type { FoldContext } from './fold-batch.ts';
import { hearClock, hearReading } from './heard-time.ts';
import type { ShardMemory } from './shard-memory.ts';
import {
  badSourceHeader,
  isMarker,
  keyMismatch,
  otherGroup,
  readSourceClock,
} from './source-clocks.ts';

/** Returns the folder of the shape that the settings declare; undefined where they declare none. */
export function declaredFolder(context: FoldContext): DeclaredFolder | undefined {
  const { input } = context.semantics;
  return input === undefined ? undefined : new DeclaredFolder(context, input);
}

export class DeclaredFolder {
  /** The sensor whose reading is being folded: the one at fault where the fold throws. */
  foldingSensor: string | undefined;
  private readonly context: FoldContext;
  private readonly reader: InputReader;
  /** A record is one reading: then it is refused as a whole, and by no field. */
  private readonly isSingle: boolean;
  private readonly rekeyAll: boolean;
  private readonly leadMaxMs: number;
  private readonly reading: Reading = emptyReading();

  constructor(context: FoldContext, declaration: InputDeclaration) {
    this.context = context;
    this.reader = createInputReader(declaration, context.semantics.maxAheadMs);
    const { format, measurements } = declaration;
    this.isSingle = format === 'json' && measurements.kind === 'one';
    this.rekeyAll = context.semantics.inputKeying === 'rekey';
    this.leadMaxMs = leadMaxMs(context.semantics);
  }

  /**
   * Folds, forwards or refuses the record's readings. Returns how many were folded; undefined for a
   * source's marker, which holds none.
   */
  foldRecord(memory: ShardMemory, record: RecordCursor): number | undefined {
    this.foldingSensor = undefined;
    const headers = record.headerCount === 0 ? [] : record.headers();
    if (memory.role === 'source') return this.foldSource(memory, record, this.onlyOf(headers));
    const { outbox, semantics } = this.context;
    const clock = readSourceClock(record, this.context.settings?.groupId);
    if (clock === otherGroup) return undefined;
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

  private onlyOf(headers: readonly RecordHeader[]): ReadonlySet<string> | undefined {
    return this.isSingle ? undefined : fieldsAmong(headers);
  }

  private foldSource(
    memory: ShardMemory,
    record: RecordCursor,
    only: ReadonlySet<string> | undefined,
  ): number {
    const { entries, refusals } = this.reader.read(record, only);
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
    const { entries, refusals } = this.reader.read(entered, only);
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
      this.foldingSensor = measured.sensorId;
      const { offset, timestampMs } = record;
      const reason = memory.state.fold(reading, timestampMs, offset, context.outbox);
      if (reason === null) folded += 1;
      else refused.push({ field: this.isSingle ? '' : measured.field, reason });
    }
    this.foldingSensor = undefined;
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
    const { maxAheadMs } = this.context.semantics;
    const { timestampMs } = entry;
    if (timestampMs - record.timestampMs > maxAheadMs) {
      refused.push(
        ...refusedEntry(entry, aheadReason(timestampMs, record.timestampMs, maxAheadMs)),
      );
      return false;
    }
    const held = isHeld(timestampMs, record.timestampMs, this.leadMaxMs);
    hearReading(memory, held ? record.timestampMs : timestampMs);
    return true;
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

/** What a letter names, so that none of the others is folded again once it is put back. */
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

/** The record, as if it had entered the log here at the time it first entered it. */
function enteredAt(record: RecordCursor, entryTimeMs: number | undefined): InputRecord {
  if (entryTimeMs === undefined) return record;
  const { bytes, keyStart, keyEnd, valueStart, valueEnd } = record;
  return { bytes, keyStart, keyEnd, valueStart, valueEnd, timestampMs: entryTimeMs };
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
