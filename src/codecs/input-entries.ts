// The entries of a record: the one JSON object it is, its lines, or the elements of its array. An
// entry that is no JSON is refused alone; the others are read.
import type { InputDeclaration } from '../sensors/input-declaration.ts';
import type { DeadLetterReason } from '../sensors/reading.ts';
import { elementTexts, mayHaveLongIntegers, parseExactly } from './exact-integers.ts';
import { parseJson } from './json-strict.ts';
import { shown } from './reading-limits.ts';

/** The formats whose records are JSON text. */
export type JsonFormat = Exclude<InputDeclaration['format'], 'registry'>;

/** The text of one entry as a record of its own, made when it is needed. */
export type EntryText = () => string;

export interface FoundEntry {
  /** Where it stands: `[2]`; empty where the record is the entry. */
  readonly place: string;
  readonly value: unknown;
  /** Set where it is no JSON. */
  readonly reason: DeadLetterReason | undefined;
  /** undefined where the record is the entry. */
  readonly text: EntryText | undefined;
  /** Returns the entry with its long integers as digits; undefined where it is no JSON text. */
  readonly exactly: (() => unknown) | undefined;
}

/** A record of more entries than this is refused: each is folded before the next record is. */
export const entriesMax = 10_000;

/** Returns the entries of a record's text, or why it has none. */
export function entriesOf(
  text: string,
  format: JsonFormat,
): { readonly entries: readonly FoundEntry[]; readonly refused?: DeadLetterReason } {
  switch (format) {
    case 'json': {
      const parsed = parseJson(text);
      if ('reason' in parsed) return { entries: [], refused: parsed.reason };
      const { value } = parsed;
      const exactly = (): unknown => parseExactly(text);
      return { entries: [{ place: '', value, reason: undefined, text: undefined, exactly }] };
    }
    case 'json-lines':
      return linesOf(text);
    case 'json-array':
      return elementsOf(text);
    default:
      return format satisfies never;
  }
}

function linesOf(text: string): ReturnType<typeof entriesOf> {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length > entriesMax) return tooMany(lines.length, 'lines');
  if (lines.length === 0) return { entries: [], refused: noEntries('lines') };
  const entries = lines.map((line, index): FoundEntry => {
    const parsed = parseJson(line);
    return {
      place: `[${index}]`,
      value: 'value' in parsed ? parsed.value : undefined,
      reason: 'reason' in parsed ? parsed.reason : undefined,
      text: () => line,
      exactly: () => parseExactly(line),
    };
  });
  return { entries };
}

function elementsOf(text: string): ReturnType<typeof entriesOf> {
  const parsed = parseJson(text);
  if ('reason' in parsed) return { entries: [], refused: parsed.reason };
  const elements: unknown = parsed.value;
  if (!Array.isArray(elements)) {
    const message = `expected a JSON array of readings, got ${shown(elements)}`;
    return { entries: [], refused: { code: 'json_not_array', message } };
  }
  if (elements.length > entriesMax) return tooMany(elements.length, 'elements');
  if (elements.length === 0) return { entries: [], refused: noEntries('elements') };
  // Each of them is looked at at most once a record, and most records need none.
  const hasLongIntegers = once(() => mayHaveLongIntegers(text));
  const texts = once(() => elementTexts(text));
  const exactly = once(() => parseExactly(text) as readonly unknown[]);
  const entries = elements.map((value: unknown, index): FoundEntry => ({
    place: `[${index}]`,
    value,
    reason: undefined,
    text: () =>
      hasLongIntegers() ? `[${texts()[index]}]` : JSON.stringify([value], withoutInfinity),
    exactly: () => exactly()[index],
  }));
  return { entries };
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

/** A number out of range would become null, which is no measurement at all. */
export function withoutInfinity(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? '1e400' : value;
}

function tooMany(count: number, what: string): ReturnType<typeof entriesOf> {
  const message = `expected at most ${entriesMax} ${what} in a record, got ${count}`;
  return { entries: [], refused: { code: 'too_large', message } };
}

function noEntries(what: string): DeadLetterReason {
  return { code: 'value_missing', message: `the record has no ${what}` };
}
