// Records of a declared shape → readings. One record may hold several: those of one device at one
// time, each its own sensor, and with JSON Lines or an array several such entries. This is the
// plain reader, which parses each record as a whole; it gives every reason a record is refused for.
// Next on the line: fold-declared.ts, which folds all readings of a record in one position.
//
//   record ─▶ entry (device id, time) ─▶ measurement (sensor id = device id / name, value)
import {
  declaredFields,
  escapedPart,
  everyText,
  pathText,
  type FieldPath,
  type InputDeclaration,
} from '../sensors/input-declaration.ts';
import type { DeadLetterReason, Reading } from '../sensors/reading.ts';
import type { EntryText } from './input-entries.ts';
import type { InputRecord } from './input-record.ts';
import {
  integerOf,
  mayBeRounded,
  timeReason,
  timeRuleOf,
  timeSlot,
  type TimeRule,
} from './input-time.ts';
import { noValueReason, valueOf } from './input-value.ts';
import { deviceIdLength, idPart, keyText, sensorIdOf } from './input-id.ts';
import { measurementsMax, readingBytesMax, shown } from './reading-limits.ts';
import { entriesIn } from './record-entries.ts';
import { noSchemas, type WriterSchemas } from './writer-schema.ts';

/** A measurement that is no reading. */
export interface FieldRefusal {
  /** As the user wrote it; with its entry where a record may hold several. */
  readonly field: string;
  readonly reason: DeadLetterReason;
}

export interface Measured {
  readonly field: string;
  readonly sensorId: string;
  readonly value: number;
}

/** Readings of one device at one time. */
export interface Entry {
  readonly deviceId: string;
  readonly timestampMs: number;
  /** At least one. */
  readonly measured: readonly Measured[];
  readonly refusals: readonly FieldRefusal[];
  /** The entry as a record of its own; undefined where the record is the entry. */
  readonly text: EntryText | undefined;
  /** The parsed entry. */
  readonly value: object;
}

export interface ReadRecord {
  readonly entries: readonly Entry[];
  /** Of entries without a reading: `field` is the entry's place, empty where it is the record. */
  readonly refusals: readonly FieldRefusal[];
}

export interface InputReader {
  readonly declaration: InputDeclaration;
  /** Never throws, whatever the bytes are. `only`: the fields to read, all others are skipped. */
  read(record: InputRecord, only?: ReadonlySet<string>): ReadRecord;
}

/** Returns the reader of a declaration. */
export function createInputReader(
  declaration: InputDeclaration,
  maxAheadMs: number,
  schemas: WriterSchemas = noSchemas,
): InputReader {
  return new PlainReader(declaration, maxAheadMs, schemas);
}

type Refused = { readonly refused: DeadLetterReason };

class PlainReader implements InputReader {
  readonly declaration: InputDeclaration;
  private readonly maxAheadMs: number;
  private readonly idFields: readonly { readonly path: FieldPath; readonly field: string }[];
  private readonly timeRule: TimeRule;
  private readonly schemas: WriterSchemas;

  constructor(declaration: InputDeclaration, maxAheadMs: number, schemas: WriterSchemas) {
    this.declaration = declaration;
    this.schemas = schemas;
    this.maxAheadMs = maxAheadMs;
    const { id } = declaration;
    this.idFields = id === 'key' ? [] : id.map((path) => ({ path, field: pathText(path) }));
    this.timeRule = timeRuleOf(declaration);
  }

  read(record: InputRecord, only?: ReadonlySet<string>): ReadRecord {
    const { valueStart, valueEnd } = record;
    if (valueStart < 0) return refusedWhole(nullValue);
    if (valueEnd <= valueStart) return refusedWhole(emptyValue);
    if (valueEnd - valueStart > readingBytesMax) {
      return refusedWhole(tooLarge(valueEnd - valueStart));
    }
    const { entries: found, refused } = entriesIn(record, this.declaration.format, this.schemas);
    if (refused !== undefined) return refusedWhole(refused);
    const entries: Entry[] = [];
    const refusals: FieldRefusal[] = [];
    for (const { place, value, reason, text, exactly } of found) {
      if (only !== undefined && place !== '' && !isAmong(only, place)) continue;
      const of = only?.has(place) === true ? undefined : only;
      const entry =
        reason === undefined ? this.readEntry(value, record, exactly) : { refused: reason };
      if ('refused' in entry) refusals.push({ field: place, reason: entry.refused });
      else this.measure(entry, { place, value, text, only: of }, { entries, refusals });
    }
    return { entries, refusals };
  }

  private readEntry(
    value: unknown,
    record: InputRecord,
    exactly: (() => unknown) | undefined,
  ): Pick<Entry, 'deviceId' | 'timestampMs'> | Refused {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      const kind = this.declaration.format === 'registry' ? 'an object' : 'a JSON object';
      const message = `expected ${kind}, got ${shown(value)}`;
      return { refused: { code: 'json_not_object', message } };
    }
    const deviceId = this.deviceIdOf(value, record);
    if (typeof deviceId !== 'string') return { refused: deviceId };
    const reason = this.timeOf(value, record, exactly);
    if (reason !== null) return { refused: reason };
    return { deviceId, timestampMs: timeSlot[0] as number };
  }

  private deviceIdOf(value: object, record: InputRecord): string | DeadLetterReason {
    if (this.declaration.id === 'key') return keyText(record);
    let id = '';
    for (const [index, { path, field }] of this.idFields.entries()) {
      const part = idPart(valueAt(value, path), field);
      if (typeof part !== 'string') return part;
      id += index === 0 ? part : `/${escapedPart(part)}`;
    }
    return deviceIdLength(id, declaredFields(this.declaration).id) ?? id;
  }

  private timeOf(
    value: object,
    record: InputRecord,
    exactly: (() => unknown) | undefined,
  ): DeadLetterReason | null {
    const { time } = this.declaration;
    if (time === 'record') {
      if (record.timestampMs <= 0) return noRecordTime(record.timestampMs);
      timeSlot[0] = record.timestampMs;
      return null;
    }
    const rounded = valueAt(value, time);
    const digits =
      exactly !== undefined && mayBeRounded(rounded, this.timeRule)
        ? valueAt(exactly(), time)
        : undefined;
    const found = typeof digits === 'string' ? (integerOf(digits) ?? rounded) : rounded;
    return timeReason(found, this.timeRule, record.timestampMs, this.maxAheadMs);
  }

  private measure(
    entry: Pick<Entry, 'deviceId' | 'timestampMs'>,
    from: {
      readonly place: string;
      readonly value: unknown;
      readonly text: EntryText | undefined;
      readonly only: ReadonlySet<string> | undefined;
    },
    out: { readonly entries: Entry[]; readonly refusals: FieldRefusal[] },
  ): void {
    const { place, value, text, only } = from;
    const measured: Measured[] = [];
    const refusals: FieldRefusal[] = [];
    const { valueTypes } = this.declaration;
    let count = 0;
    for (const { name, field: plain, found } of this.measurementsOf(value as object)) {
      const field = place === '' ? plain : `${place}.${plain}`;
      if (only !== undefined && !only.has(field)) continue;
      count += 1;
      if (count > measurementsMax) {
        out.refusals.push({ field: place, reason: tooManyMeasurements });
        return;
      }
      const sensor = sensorIdOf(entry.deviceId, name, field);
      const reason = 'reason' in sensor ? sensor.reason : noValueReason(found, field, valueTypes);
      if (reason !== null) refusals.push({ field, reason });
      else if ('id' in sensor) {
        measured.push({ field, sensorId: sensor.id, value: valueOf(found, valueTypes) ?? NaN });
      }
    }
    if (measured.length > 0) {
      out.entries.push({ ...entry, measured, refusals, text, value: value as object });
      return;
    }
    out.refusals.push(...refusals);
    if (count === 0 && only === undefined) {
      out.refusals.push({ field: place, reason: this.nothingMeasured() });
    }
  }

  /** The present measurements: absent and null fields are left out. */
  private *measurementsOf(
    value: object,
  ): Iterable<{ readonly name: unknown; readonly field: string; readonly found: unknown }> {
    const { measurements } = this.declaration;
    switch (measurements.kind) {
      case 'one': {
        const found = valueAt(value, measurements.field);
        if (found != null) yield { name: undefined, field: pathText(measurements.field), found };
        return;
      }
      case 'several':
        for (const { name, field } of measurements.fields) {
          const found = valueAt(value, field);
          if (found != null) yield { name, field: pathText(field), found };
        }
        return;
      case 'long': {
        const found = valueAt(value, measurements.field);
        if (found == null) return;
        const name = valueAt(value, measurements.metric) ?? null;
        const field = pathText(name === null ? measurements.metric : measurements.field);
        yield { name, field, found };
        return;
      }
      case 'every':
        yield* this.everyMember(value, measurements.under);
        return;
      default:
        measurements satisfies never;
    }
  }

  private *everyMember(
    value: object,
    under: FieldPath,
  ): Iterable<{ readonly name: unknown; readonly field: string; readonly found: unknown }> {
    const { id, time, valueTypes } = this.declaration;
    const object = under.length === 0 ? value : valueAt(value, under);
    if (typeof object !== 'object' || object === null || Array.isArray(object)) return;
    const taken = [...(id === 'key' ? [] : id), ...(time === 'record' ? [] : [time])].map(pathText);
    for (const [name, found] of Object.entries(object)) {
      const field = pathText([...under, name]);
      if (taken.includes(field) || valueOf(found, valueTypes) === undefined) continue;
      yield { name, field, found };
    }
  }

  private nothingMeasured(): DeadLetterReason {
    const { measurements } = this.declaration;
    const { values } = declaredFields(this.declaration);
    const message =
      measurements.kind === 'every'
        ? `no numeric field under ${everyText(measurements.under)}`
        : measurements.kind === 'several'
          ? `none of ${values} is there`
          : `${values} is missing`;
    return { code: 'value_missing', message };
  }
}

/** Returns what stands at `path`; undefined where nothing does. */
export function valueAt(value: unknown, path: FieldPath): unknown {
  let at: unknown = value;
  for (const step of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    if (Array.isArray(at) !== (typeof step === 'number')) return undefined;
    if (!Object.hasOwn(at, step)) return undefined;
    at = (at as Readonly<Record<string | number, unknown>>)[step];
  }
  return at;
}

const tooManyMeasurements: DeadLetterReason = {
  code: 'too_large',
  message: `expected at most ${measurementsMax} measurements of one device in a record`,
};

const nullValue: DeadLetterReason = {
  code: 'null_value',
  message: 'expected a reading, got a record without a value',
};
const emptyValue: DeadLetterReason = {
  code: 'json_syntax',
  message: 'expected a reading, got a value of 0 bytes',
};

function tooLarge(lengthBytes: number): DeadLetterReason {
  const message = `expected a record of at most ${readingBytesMax} bytes, got ${lengthBytes}`;
  return { code: 'too_large', message };
}

function noRecordTime(timestampMs: number): DeadLetterReason {
  const message =
    `the record's timestamp is ${timestampMs}, which is none, and the declaration takes the time ` +
    'from it; have the producer set it, or the topic (message.timestamp.type=LogAppendTime)';
  return { code: 'timestamp_missing', message };
}

/** Returns a record of which nothing is read. */
export function refusedWhole(reason: DeadLetterReason): ReadRecord {
  return { entries: [], refusals: [{ field: '', reason }] };
}

function isAmong(only: ReadonlySet<string>, place: string): boolean {
  for (const field of only) if (field === place || field.startsWith(`${place}.`)) return true;
  return false;
}

/** Fills `reading` with a measurement; its id's bytes are its own. */
export function fillReading(reading: Reading, entry: Entry, { sensorId, value }: Measured): void {
  const idBytes = Buffer.from(sensorId);
  reading.idBytes = idBytes;
  reading.idStart = 0;
  reading.idEnd = idBytes.length;
  reading.timestampMs = entry.timestampMs;
  reading.value = value;
}
