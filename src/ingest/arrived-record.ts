// A reading that arrives without Kafka → the record that is appended for it. It is read once here,
// by the same declaration as in the fold, to tell its sender what is wrong and to find its key: a
// record keyed by its device is folded where it lies, all its measurements with it. The bytes are
// kept as they came; the fold reads them again.
import { createInputReader, type FieldRefusal } from '../codecs/input-reader.ts';
import { inputRecord } from '../codecs/input-record.ts';
import { isNestedDeep, nestingMax } from '../codecs/bounded-json.ts';
import type { JsonFormat } from '../codecs/input-entries.ts';
import { parseReading } from '../codecs/json-strict.ts';
import { readingBytesMax } from '../codecs/reading-limits.ts';
import type { OutputRecord } from '../records/record.ts';
import type { InputDeclaration } from '../sensors/input-declaration.ts';
import { emptyReading, type DeadLetterReason } from '../sensors/reading.ts';

export interface Arrival {
  /** JSON text of one reading, or of one device's measurements at one time. */
  readonly value: Uint8Array;
  /** The record's key as the sender names it; the device id where the declaration says `$key`. */
  readonly key: string | undefined;
  readonly arrivedMs: number;
}

export interface ArrivedRecord {
  /** undefined where nothing of it is a reading. */
  readonly record: OutputRecord | undefined;
  /** The fields that are no reading; `field` is empty where it is the whole. */
  readonly refusals: readonly FieldRefusal[];
}

/** Returns the record of an arrival. Never throws, whatever the bytes are. */
export type RecordOfArrival = (arrival: Arrival) => ArrivedRecord;

export interface ArrivalOptions {
  readonly topic: string;
  /** Left out: `sensor_id`, `timestamp` in ms, `value`. */
  readonly input: InputDeclaration | undefined;
  readonly maxAheadMs: number;
}

/** Returns how arrivals become records of `topic`. */
export function createRecordOfArrival(options: ArrivalOptions): RecordOfArrival {
  const { input, topic } = options;
  const read = input === undefined ? readPlain(topic) : readDeclared(input, options);
  return (arrival) => {
    const reason = outerReason(arrival.value);
    return reason === undefined ? read(arrival) : refused(reason);
  };
}

/** Parsing what is nested deep, or long, would hold up the whole process. */
function outerReason(value: Uint8Array): DeadLetterReason | undefined {
  if (value.length > readingBytesMax) {
    const message = `expected a reading of at most ${readingBytesMax} bytes, got ${value.length}`;
    return { code: 'too_large', message };
  }
  if (!isNestedDeep(value)) return undefined;
  return { code: 'json_syntax', message: `the reading is nested deeper than ${nestingMax} levels` };
}

function readPlain(topic: string): RecordOfArrival {
  const reading = emptyReading();
  return ({ value }) => {
    const reason = parseReading(value, 0, value.length, reading);
    if (reason !== null) return refused(reason);
    const { idBytes, idStart, idEnd } = reading;
    return { record: { topic, key: idBytes.subarray(idStart, idEnd), value }, refusals: [] };
  };
}

function readDeclared(
  input: InputDeclaration,
  { maxAheadMs, topic }: ArrivalOptions,
): RecordOfArrival {
  const { format } = input;
  if (format === 'registry') return () => refused(notJson);
  // Read as the one entry that it is, so that messages name its fields without a place.
  const reader = createInputReader({ ...input, format: 'json' }, maxAheadMs);
  return ({ value, key = null, arrivedMs: timestampMs }) => {
    const { entries, refusals } = reader.read(inputRecord({ key, value, timestampMs }));
    const [entry] = entries;
    if (entry === undefined) return { record: undefined, refusals };
    const framed = inFormat(value, format);
    const record = { topic, key: Buffer.from(entry.deviceId), value: framed };
    return { record, refusals: entry.refusals };
  };
}

/** Returns an entry as a record of the declared format. */
function inFormat(value: Uint8Array, format: JsonFormat): Uint8Array {
  switch (format) {
    case 'json':
      return value;
    case 'json-lines':
      // A line end inside the entry is whitespace between its tokens: texts hold none.
      return value.map((byte) => (byte === lineFeed ? space : byte));
    case 'json-array':
      return Buffer.concat([arrayOpen, value, arrayClose]);
    default:
      return format satisfies never;
  }
}

const [lineFeed, space] = [0x0a, 0x20];
const [arrayOpen, arrayClose] = [Buffer.from('['), Buffer.from(']')];

const notJson: DeadLetterReason = {
  code: 'confluent_magic',
  message: 'INPUT_SCHEMA declares records of a schema registry; only JSON is taken here',
};

function refused(reason: DeadLetterReason): ArrivedRecord {
  return { record: undefined, refusals: [{ field: '', reason }] };
}
