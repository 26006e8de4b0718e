// A record that its topic does not take → the same record, shorter, with headers that say what is
// missing. The whole record stays in the input, at the place that the dead letter or forward names.
//
//   dlq.cut, rekey.cut          what is not whole: value, headers, key; separated by commas
//   dlq.bytes, rekey.bytes      length of the whole value; left out where it was null
//   dlq.sha256, rekey.sha256    its SHA-256, in hex
//
// A dead letter keeps the first bytes of its value. A forward stays a reading: id, timestamp and
// value, exact, as JSON.
import { createHash } from 'node:crypto';
import { InvariantError } from '../errors.ts';
import type { CutAs, OutputRecord, RecordHeader } from '../records/record.ts';
import { emptyReading } from '../sensors/reading.ts';
import { decodeReading } from './reading-decoder.ts';
import { encodeReadingJson } from './reading-encoder.ts';
import { recordBytes } from './record-size.ts';

/** A truncated record's description of the original. */
export interface CutNote {
  /** Those of value, headers and key that are not whole, separated by commas. */
  readonly parts: string;
  /** undefined where the whole value is null. */
  readonly whole: WholeValue | undefined;
}

export interface WholeValue {
  readonly bytes: number;
  readonly sha256: string;
}

const prefixes: Readonly<Record<CutAs, string>> = { deadLetter: 'dlq.', forward: 'rekey.' };
/** The first of the headers that are ours; a client's own headers of those names come before it. */
const firstHeaders: Readonly<Record<CutAs, string>> = {
  deadLetter: 'dlq.reason',
  forward: 'rekey.topic',
};
const noteNames = ['cut', 'bytes', 'sha256'] as const;
/** Most bytes that the headers of a note take. */
const noteBytesMax = 256;
/**
 * A longer record is cut at once: several wait in memory for their commit, and a request must stay
 * far below the 100 MB that a broker takes (socket.request.max.bytes).
 */
export const keptBytesMax = 33_554_432;

/**
 * Returns `record` with bytes of its own; a very long one is cut. Its key, its value and its first
 * `borrowedHeaders` headers may refer to the bytes that the record was read from.
 */
export function keptRecord(record: OutputRecord, borrowedHeaders: number): OutputRecord {
  if (recordBytes(record) <= keptBytesMax) return copyOfRecord(record, borrowedHeaders);
  return copyOfRecord(cutRecord(record, keptBytesMax), Infinity);
}

function copyOfRecord(record: OutputRecord, borrowedHeaders: number): OutputRecord {
  const { headers = [] } = record;
  const kept =
    borrowedHeaders === 0
      ? headers
      : headers.map((header, index) =>
          index < borrowedHeaders ? { key: header.key, value: copyOf(header.value) } : header,
        );
  return { ...record, key: copyOf(record.key), value: copyOf(record.value), headers: kept };
}

/**
 * Returns `record` in at most `bytesMax` bytes, or as short as it can be made: without the client's
 * headers where they leave no room, then without the key, and of the value as much as fits. A
 * record that is cut already still says what the whole one was.
 */
export function cutRecord(record: OutputRecord, bytesMax: number): OutputRecord {
  const { cutAs, headers = [] } = record;
  if (cutAs === undefined) throw new InvariantError('This record cannot be cut');
  const earlier = readCut(headers, cutAs);
  const parts = new Set(earlier?.parts.split(','));
  const whole = earlier === undefined ? wholeOf(record) : earlier.whole;
  const room = bytesMax - noteBytesMax;
  let cut: OutputRecord = { ...record, headers: withoutNote(headers, cutAs) };
  if (cutAs === 'forward') cut = step(cut, parts, 'value', asPlainReading);
  for (const [part, shorten] of shorteningSteps[cutAs]) {
    if (leastBytes(cut) <= room) break;
    cut = step(cut, parts, part, shorten);
  }
  if (cutAs === 'deadLetter') {
    cut = step(cut, parts, 'value', (letter) => valueCut(letter, room - leastBytes(letter)));
  }
  const named = ['value', 'headers', 'key'].filter((part) => parts.has(part));
  const note = cutNoteHeaders({ parts: named.join(','), whole }, cutAs);
  return { ...cut, headers: [...(cut.headers ?? []), ...note] };
}

/**
 * Returns what the headers of a dead letter or forward say was cut; undefined where it is whole.
 */
export function readCut(headers: readonly RecordHeader[], cutAs: CutAs): CutNote | undefined {
  const ours = headers.slice(startOfOurs(headers, cutAs));
  const text = (name: string): string | undefined => {
    const value = ours.findLast(({ key }) => key === prefixes[cutAs] + name)?.value;
    return value == null ? undefined : Buffer.from(value).toString();
  };
  const parts = text('cut');
  if (parts === undefined) return undefined;
  const [bytes, sha256] = [Number(text('bytes') ?? NaN), text('sha256')];
  const known = Number.isSafeInteger(bytes) && sha256 !== undefined;
  return { parts, whole: known ? { bytes, sha256 } : undefined };
}

/** Returns the headers that say what was cut. */
export function cutNoteHeaders({ parts, whole }: CutNote, cutAs: CutAs): readonly RecordHeader[] {
  const header = (name: (typeof noteNames)[number], text: string): RecordHeader => ({
    key: prefixes[cutAs] + name,
    value: Buffer.from(text),
  });
  const cut = header('cut', parts);
  if (whole === undefined) return [cut];
  return [cut, header('bytes', String(whole.bytes)), header('sha256', whole.sha256)];
}

/** Returns `headers` without those that say what was cut; a client's own of the same names stay. */
export function withoutNote(
  headers: readonly RecordHeader[],
  cutAs: CutAs,
): readonly RecordHeader[] {
  const start = startOfOurs(headers, cutAs);
  const names = noteNames.map((name) => prefixes[cutAs] + name);
  return headers.filter(({ key }, index) => index < start || !names.includes(key));
}

/** Returns length and hash of a record's value. */
export function wholeOf({ value }: Pick<OutputRecord, 'value'>): WholeValue | undefined {
  if (value === null) return undefined;
  return { bytes: value.length, sha256: createHash('sha256').update(value).digest('hex') };
}

type Shorten = (record: OutputRecord) => OutputRecord;

const shorteningSteps: Readonly<Record<CutAs, readonly (readonly [string, Shorten])[]>> = {
  deadLetter: [
    ['headers', withoutClientHeaders],
    ['key', (letter) => ({ ...letter, key: null })],
    ['headers', (letter) => withHeaderEmpty(letter, 'dlq.message')],
  ],
  forward: [
    ['headers', withoutClientHeaders],
    ['key', (forward) => withHeaderEmpty(forward, 'rekey.key')],
  ],
};

function step(
  record: OutputRecord,
  parts: Set<string>,
  part: string,
  shorten: Shorten,
): OutputRecord {
  const shorter = shorten(record);
  if (recordBytes(shorter) < recordBytes(record)) parts.add(part);
  return shorter;
}

/** A dead letter can do without any of its value. */
function leastBytes(record: OutputRecord): number {
  return recordBytes(record.cutAs === 'deadLetter' ? { ...record, value: null } : record);
}

function valueCut(letter: OutputRecord, bytesMax: number): OutputRecord {
  const { value } = letter;
  if (value === null || value.length <= bytesMax) return letter;
  // A copy: what is kept must not hold on to the whole.
  return { ...letter, value: copyOf(value.subarray(0, Math.max(0, bytesMax))) };
}

function asPlainReading(forward: OutputRecord): OutputRecord {
  const { value, shorterValue } = forward;
  if (shorterValue !== undefined) {
    const shorter = shorterValue();
    return value !== null && shorter.length < value.length
      ? { ...forward, value: shorter }
      : forward;
  }
  const reading = emptyReading();
  const reason = decodeReading(value ?? new Uint8Array(0), 0, value?.length ?? 0, reading);
  if (reason !== null) throw new InvariantError(`A forward holds no reading: ${reason.message}`);
  const { idBytes, idStart, idEnd, timestampMs, value: measured } = reading;
  const plain = encodeReadingJson({
    sensor_id: Buffer.from(idBytes.subarray(idStart, idEnd)).toString(),
    timestamp: timestampMs,
    value: measured,
  });
  return value !== null && plain.length < value.length ? { ...forward, value: plain } : forward;
}

function withoutClientHeaders(record: OutputRecord): OutputRecord {
  const { cutAs, headers = [] } = record;
  return cutAs === undefined
    ? record
    : { ...record, headers: headers.slice(startOfOurs(headers, cutAs)) };
}

function withHeaderEmpty(record: OutputRecord, name: string): OutputRecord {
  const headers = record.headers ?? [];
  const last = headers.findLastIndex(({ key }) => key === name);
  return {
    ...record,
    headers: headers.map((header, index) => (index === last ? { key: name, value: null } : header)),
  };
}

// Uint8Array.from would walk the bytes one by one through their iterator.
function copyOf(bytes: Uint8Array | null): Uint8Array | null {
  return bytes === null ? null : new Uint8Array(bytes);
}

function startOfOurs(headers: readonly RecordHeader[], cutAs: CutAs): number {
  const first = headers.findLastIndex(({ key }) => key === firstHeaders[cutAs]);
  return first < 0 ? headers.length : first;
}
