// The lines of a text file: UTF-8, UTF-16, or else Windows-1252; ended by LF, CRLF, or CR alone.
// Next: csv-rows.ts, json-rows.ts.
import { isUtf8 } from 'node:buffer';

import { ConfigError } from '../errors.ts';
import { textBytes } from './file-bytes.ts';

export interface TextLine {
  /** From 1. */
  readonly lineNumber: number;
  readonly text: string;
}

/** A line longer than this is no row of readings. */
export const lineCharactersMax = 1_048_576;

type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';

/**
 * Yields the lines of the file at `path`, those of a chunk of it at a time: an await a line costs
 * more than reading it. Empty lines are left out, line ends and a byte order mark cut off.
 * @throws ConfigError if the file is no text, or a line has no end.
 */
export async function* textLines(
  path: string,
  onNote?: (note: string) => void,
): AsyncGenerator<readonly TextLine[]> {
  let rest = '';
  let lineNumber = 1;
  let lineEnd: string | undefined;
  for await (const chunk of decoded(path, onNote)) {
    const text = rest + chunk;
    lineEnd ??= text.includes('\n') ? '\n' : text.includes('\r') ? '\r' : undefined;
    const parts = lineEnd === undefined ? [text] : text.split(lineEnd);
    rest = parts.pop() ?? '';
    if (rest.length > lineCharactersMax) {
      const line = `${path}:${lineNumber + parts.length}`;
      throw new ConfigError(`${line}: a line of more than ${lineCharactersMax} characters`);
    }
    const lines = linesAmong(parts, lineNumber);
    lineNumber += parts.length;
    if (lines.length > 0) yield lines;
  }
  const last = linesAmong([rest], lineNumber);
  if (last.length > 0) yield last;
}

function linesAmong(texts: readonly string[], firstLine: number): readonly TextLine[] {
  const lines: TextLine[] = [];
  for (const [index, whole] of texts.entries()) {
    const text = whole.endsWith('\r') ? whole.slice(0, -1) : whole;
    if (text !== '') lines.push({ lineNumber: firstLine + index, text });
  }
  return lines;
}

async function* decoded(path: string, onNote?: (note: string) => void): AsyncGenerator<string> {
  let decoder: InstanceType<typeof TextDecoder> | undefined;
  for await (const chunk of textBytes(path)) {
    if (decoder === undefined) {
      const encoding = encodingOf(path, chunk);
      if (encoding === 'windows-1252') onNote?.(`${path} is not UTF-8: read as Windows-1252`);
      decoder = new TextDecoder(encoding);
    }
    yield decoder.decode(chunk, { stream: true });
  }
  if (decoder !== undefined) yield decoder.decode();
}

function encodingOf(path: string, head: Buffer): Encoding {
  const mark = head.toString('hex', 0, 2);
  if (mark === 'fffe') return 'utf-16le';
  if (mark === 'feff') return 'utf-16be';
  const zeros = [0, 0];
  const looked = Math.min(head.length, 1_024);
  for (let at = 0; at < looked; at += 1) {
    if (head[at] === 0) zeros[at % 2] = (zeros[at % 2] ?? 0) + 1;
  }
  const [even = 0, odd = 0] = zeros;
  // Latin letters in UTF-16 have a zero in every other byte.
  if (odd > looked / 4 && even === 0) return 'utf-16le';
  if (even > looked / 4 && odd === 0) return 'utf-16be';
  if (even + odd > looked / 16) throw new ConfigError(`${path} is no text: it holds zero bytes`);
  return isUtf8(wholeCharacters(head)) ? 'utf-8' : 'windows-1252';
}

/** A chunk may end inside a character, which takes four bytes at most. */
function wholeCharacters(chunk: Buffer): Buffer {
  for (let back = 1; back <= Math.min(4, chunk.length); back += 1) {
    const byte = chunk[chunk.length - back] ?? 0;
    if (byte >= 0xc0) return chunk.subarray(0, chunk.length - back);
    if (byte < 0x80) return chunk;
  }
  return chunk;
}
