// An input record that cannot be folded → its dead letter, and back. Key, value and headers stay as
// they came; five headers say why and from where. A record that came through the rekeyed topic is
// reported where it entered.
//
//   dlq.reason     the fixed code          dlq.topic      where the record entered, so that
//   dlq.message    for people              dlq.partition  `dlq replay` can put it back
//                                          dlq.offset     there
//
// Where other fields of the same record were folded, `dlq.fields` names those that were not, as a
// JSON array. `dlq replay` leaves that header on the record: only they are read then.
//
// Where the record is too long to be kept whole, three more say what is missing (cut-record.ts).
import { DecodeError } from '../errors.ts';
import type {
  OutputRecord,
  RecordCursor,
  RecordHeader,
  TopicPartition,
} from '../records/record.ts';
import type { DeadLetterReason } from '../sensors/reading.ts';
import { cutNoteHeaders, keptRecord, readCut, withoutNote, type CutNote } from './cut-record.ts';

const reasonHeaders = [
  'dlq.reason',
  'dlq.message',
  'dlq.topic',
  'dlq.partition',
  'dlq.offset',
  'dlq.cut',
  'dlq.bytes',
  'dlq.sha256',
];
const rekeyHeaders = [
  'rekey.topic',
  'rekey.partition',
  'rekey.offset',
  'rekey.key',
  'rekey.time',
  'rekey.group',
  'rekey.source',
];
const rekeyedSuffix = '.rekeyed';
const fieldsName = 'dlq.fields';
const messageCharactersMax = 500;

/** Where a record entered, with the key and headers it had there. */
interface Origin extends TopicPartition {
  readonly offset: number;
  readonly key: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
  /** Set where the record is a forward that was cut: only the input holds the whole record. */
  readonly cut?: CutNote | undefined;
}

/**
 * Returns the dead letter of the record the cursor stands on, read from `position`, for topic
 * `deadLetterTopic`; every byte is copied. Earlier `dlq.*` headers of ours are replaced, so a
 * record that fails again does not pile them up. No timestamp: with the input's own, retention
 * would delete old dead letters at once. `fields` are those that are refused of a record of a
 * declared shape; left out for a plain reading.
 */
export function deadLetterRecord(
  record: RecordCursor,
  reason: DeadLetterReason,
  position: TopicPartition,
  deadLetterTopic: string,
  fields?: readonly string[] | 'all',
): OutputRecord {
  const origin = originOf(record, position);
  const before = fields === undefined ? origin.headers : withoutFields(origin.headers);
  const clientHeaders = before.filter(({ key }) => !reasonHeaders.includes(key));
  const letter: OutputRecord = {
    topic: deadLetterTopic,
    cutAs: 'deadLetter',
    key: origin.key,
    value: rangeOf(record.bytes, record.valueStart, record.valueEnd),
    headers: [
      ...clientHeaders,
      codeHeader(reason.code),
      // Behind the first of ours, so that a letter which is cut keeps it.
      ...(fields === undefined || fields === 'all' ? [] : [fieldsHeader(fields)]),
      messageHeader(reason.message.slice(0, messageCharactersMax)),
      topicHeader(origin.topic),
      partitionHeader(String(origin.partition)),
      textHeader('dlq.offset', String(origin.offset)),
      ...(origin.cut === undefined ? [] : cutNoteHeaders(origin.cut, 'deadLetter')),
    ],
  };
  return keptRecord(letter, clientHeaders.length);
}

/** Returns the header that says which fields of a record alone are to be read. */
export function fieldsHeader(fields: readonly string[]): RecordHeader {
  return textHeader(fieldsName, JSON.stringify(fields));
}

/** Returns `headers` without it. */
export function withoutFields(headers: readonly RecordHeader[]): readonly RecordHeader[] {
  return headers.filter(({ key }) => key !== fieldsName);
}

/** Returns `headers` with that header as `of` has it. */
export function withFieldsOf(
  of: readonly RecordHeader[],
  headers: readonly RecordHeader[],
): readonly RecordHeader[] {
  const last = of.findLast(({ key }) => key === fieldsName);
  return last === undefined ? headers : [...withoutFields(headers), last];
}

/** Returns the fields that the headers name as the only ones to read; undefined for all. */
export function fieldsAmong(headers: readonly RecordHeader[]): ReadonlySet<string> | undefined {
  const text = lastText(headers, fieldsName);
  if (text === undefined) return undefined;
  try {
    const fields: unknown = JSON.parse(text);
    if (!Array.isArray(fields)) return undefined;
    return new Set(fields.filter((field) => typeof field === 'string'));
  } catch {
    // A client's own header of that name: nothing of ours.
    return undefined;
  }
}

/** Returns when a forward's record entered the log, ms; undefined where no header says so. */
export function entryTimeAmong(headers: readonly RecordHeader[]): number | undefined {
  const text = lastText(headers, 'rekey.time');
  const timeMs = text !== undefined && /^-?\d{1,16}$/.test(text) ? Number(text) : NaN;
  return Number.isSafeInteger(timeMs) ? timeMs : undefined;
}

// Letters of one kind come in floods, from one partition at a time: they share the headers that
// they have in common, which is most of what they take.
const codeHeader = lastHeader('dlq.reason');
const messageHeader = lastHeader('dlq.message');
const topicHeader = lastHeader('dlq.topic');
const partitionHeader = lastHeader('dlq.partition');

/** Returns a function from text to header that reuses the last header while the text is equal. */
function lastHeader(key: string): (text: string) => RecordHeader {
  let last = { text: '', header: textHeader(key, '') };
  return (text) => {
    if (text !== last.text) last = { text, header: textHeader(key, text) };
    return last.header;
  };
}

function originOf(record: RecordCursor, position: TopicPartition): Origin {
  const headers = record.headerCount === 0 ? [] : record.headers();
  const rekeyed = position.topic.endsWith(rekeyedSuffix) ? rekeyedOrigin(headers) : undefined;
  if (rekeyed !== undefined) return rekeyed;
  const { topic, partition } = position;
  const key = rangeOf(record.bytes, record.keyStart, record.keyEnd);
  const cut = record.unreadable === undefined ? undefined : nothingKept;
  return { topic, partition, offset: record.offset, key, headers, cut };
}

const nothingKept: CutNote = { parts: 'value,headers,key', whole: undefined };

/**
 * The origin that a forward's headers tell; undefined where they do not, as of a record that nobody
 * forwarded.
 */
function rekeyedOrigin(all: readonly RecordHeader[]): Origin | undefined {
  const headers = withoutNote(all, 'forward');
  // The forward's own headers were added last: a client's header of the same name stays with the
  // record.
  const first = headers.findLastIndex(({ key }) => key === 'rekey.topic');
  const ours = new Set(
    rekeyHeaders
      .map((name) => headers.findLastIndex((header) => header.key === name))
      .filter((index) => index >= first),
  );
  const topic = lastText(headers, 'rekey.topic');
  const partition = wholeNumber(lastText(headers, 'rekey.partition'));
  const offset = wholeNumber(lastText(headers, 'rekey.offset'));
  if (topic === undefined || topic === '') return undefined;
  if (partition === undefined || offset === undefined) return undefined;
  const key = headers.findLast((header) => header.key === 'rekey.key')?.value ?? null;
  const clients = headers.filter((_, index) => !ours.has(index));
  return { topic, partition, offset, key, headers: clients, cut: readCut(all, 'forward') };
}

/** A dead letter as it is read back from its topic. */
export interface DeadLetter {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

export interface RestoredDeadLetter {
  /** The code in `dlq.reason`; a reason of another version is possible. */
  readonly reason: string;
  readonly message: string;
  readonly offset: number;
  /** Set where the dead letter is shorter than the record: what is missing. */
  readonly cut: CutNote | undefined;
  /**
   * The record as it was, for the very partition it came from: its producer may place keys
   * otherwise than we would, and in another partition its sensor would have a second owner.
   */
  readonly record: OutputRecord;
}

/**
 * Returns why a dead letter was refused and the record to put back.
 * @throws DecodeError where the headers do not say where it came from: someone else wrote it.
 */
export function restoreDeadLetter(letter: DeadLetter): RestoredDeadLetter {
  const reason = lastText(letter.headers, 'dlq.reason');
  const topic = lastText(letter.headers, 'dlq.topic');
  const partition = wholeNumber(lastText(letter.headers, 'dlq.partition'));
  const offset = wholeNumber(lastText(letter.headers, 'dlq.offset'));
  if (!reason || !topic || partition === undefined || offset === undefined) {
    throw new DecodeError(
      'not a dead letter of ours: expected headers dlq.reason, dlq.topic, dlq.partition and dlq.offset',
      { reason, topic, partition, offset },
    );
  }
  const headers = letter.headers.filter(({ key }) => !reasonHeaders.includes(key));
  return {
    reason,
    message: lastText(letter.headers, 'dlq.message') ?? '',
    offset,
    cut: readCut(letter.headers, 'deadLetter'),
    record: { topic, partition, key: letter.key, value: letter.value, headers },
  };
}

function lastText(headers: readonly RecordHeader[], name: string): string | undefined {
  const value = headers.findLast(({ key }) => key === name)?.value;
  return value == null ? undefined : Buffer.from(value).toString();
}

function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

function textHeader(key: string, text: string): RecordHeader {
  return { key, value: Buffer.from(text) };
}

function rangeOf(bytes: Uint8Array, start: number, end: number): Uint8Array | null {
  return start < 0 ? null : bytes.subarray(start, end);
}
