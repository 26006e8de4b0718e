// The entries of a body of JSON: the one value that it is, the elements of its array, or its lines.
// Cut out of the bytes unparsed, so that each keeps its digits and is judged alone.
//
//   [ {…}, {…} ]  elements, in any layout          {…}  one value, in any layout
//   {…} ⏎ {…} ⏎   lines                            else lines, each with its own fault
import { closesJson, closingQuote, isJsonSpace, jsonByte, opensJson } from './json-bytes.ts';

export interface BodyEntry {
  /** From 1: the line, or the element of the array. */
  readonly line: number;
  readonly value: Uint8Array;
}

/** Returns the entries in order. A blank line is not an entry. */
export function entriesOfBody(body: Uint8Array): readonly BodyEntry[] {
  const start = contentStart(body);
  const first = body[start];
  if (first === jsonByte.openArray) return elements(body, start) ?? lines(body, start);
  if (first === jsonByte.openObject && isBlank(body, closingOf(body, start) + 1, body.length)) {
    return [{ line: 1, value: trimmed(body, start, body.length) }];
  }
  return lines(body, start);
}

const lineFeed = 0x0a;

/** Returns where the first entry may begin: behind a byte order mark and blanks. */
function contentStart(body: Uint8Array): number {
  let at = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0;
  while (at < body.length && isJsonSpace(body[at])) at += 1;
  return at;
}

/** Returns undefined if the array does not end, or if more follows it. */
function elements(body: Uint8Array, start: number): readonly BodyEntry[] | undefined {
  const found: BodyEntry[] = [];
  for (let from = start + 1; ;) {
    const end = valueEnd(body, from);
    const isLast = body[end] === jsonByte.closeArray;
    if (!isLast && body[end] !== jsonByte.comma) return undefined;
    const isEmpty = isLast && found.length === 0 && isBlank(body, from, end);
    if (!isEmpty) found.push({ line: found.length + 1, value: trimmed(body, from, end) });
    if (isLast) return isBlank(body, end + 1, body.length) ? found : undefined;
    from = end + 1;
  }
}

/** Returns where the object that opens at `start` closes, or the end of the body. */
function closingOf(body: Uint8Array, start: number): number {
  let at = valueEnd(body, start + 1);
  while (body[at] === jsonByte.comma) at = valueEnd(body, at + 1);
  return at;
}

/** Returns the comma or closing bracket behind the value at `from`, or the end of the body. */
function valueEnd(body: Uint8Array, from: number): number {
  let depth = 0;
  for (let at = from; at < body.length; at += 1) {
    const byte = body[at];
    if (byte === jsonByte.quote) {
      at = closingQuote(body, at);
    } else if (opensJson(byte)) {
      depth += 1;
    } else if (closesJson(byte)) {
      if (depth === 0) return at;
      depth -= 1;
    } else if (byte === jsonByte.comma && depth === 0) {
      return at;
    }
  }
  return body.length;
}

function lines(body: Uint8Array, start: number): readonly BodyEntry[] {
  const found: BodyEntry[] = [];
  let from = start;
  for (let line = 1 + lineEndsBefore(body, start); from < body.length; line += 1) {
    const at = body.indexOf(lineFeed, from);
    const end = at < 0 ? body.length : at;
    const value = trimmed(body, from, end);
    if (value.length > 0) found.push({ line, value });
    from = end + 1;
  }
  return found;
}

function lineEndsBefore(body: Uint8Array, end: number): number {
  return body.subarray(0, end).reduce((count, byte) => count + Number(byte === lineFeed), 0);
}

function trimmed(body: Uint8Array, from: number, to: number): Uint8Array {
  let [start, end] = [from, to];
  while (start < end && isJsonSpace(body[start])) start += 1;
  while (end > start && isJsonSpace(body[end - 1])) end -= 1;
  return body.subarray(start, end);
}

function isBlank(body: Uint8Array, from: number, to: number): boolean {
  return trimmed(body, from, to).length === 0;
}
