// Lines of a CSV file with their byte offsets, and the cells of a line. Streams the file; memory is
// bounded by the longest line.
import { createReadStream } from 'node:fs';

import { ConfigError } from '../errors.ts';

export interface CsvLine {
  /** 1-based, the header is line 1. */
  readonly lineNumber: number;
  /** Byte offset of its first byte. */
  readonly start: number;
  readonly text: string;
}

const lineBytesMax = 65_536;
const lineFeed = 10;

/**
 * Yields the non-empty lines from byte `from` on, without line ends (LF or CRLF) and without a BOM.
 */
export async function* csvLines(
  path: string,
  from: { readonly byte: number; readonly lineNumber: number } = { byte: 0, lineNumber: 1 },
): AsyncGenerator<CsvLine> {
  for await (const block of csvLineBlocks(path, from)) yield* block;
}

/**
 * Yields the same lines a chunk of the file at a time: one await per line costs more than reading
 * it.
 */
export async function* csvLineBlocks(
  path: string,
  from: { readonly byte: number; readonly lineNumber: number } = { byte: 0, lineNumber: 1 },
): AsyncGenerator<readonly CsvLine[]> {
  let rest: Buffer = Buffer.alloc(0);
  let start = from.byte;
  let lineNumber = from.lineNumber;
  const stream = createReadStream(path, { start: from.byte });
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const lines: CsvLine[] = [];
    let begin = 0;
    for (let end = bytes.indexOf(lineFeed); end >= 0; end = bytes.indexOf(lineFeed, begin)) {
      const text = lineText(bytes.subarray(begin, end), start);
      if (text !== '') lines.push({ lineNumber, start, text });
      start += end + 1 - begin;
      begin = end + 1;
      lineNumber += 1;
    }
    if (lines.length > 0) yield lines;
    rest = bytes.subarray(begin);
    if (rest.length > lineBytesMax) {
      throw new ConfigError(`${path}:${lineNumber}: a line of more than ${lineBytesMax} bytes`);
    }
  }
  const text = lineText(rest, start);
  if (text !== '') yield [{ lineNumber, start, text }];
}

function lineText(bytes: Buffer, start: number): string {
  const text = bytes.toString('utf8').replace(/\r$/, '');
  return start === 0 ? text.replace(/^\uFEFF/, '') : text;
}

/**
 * Returns the cells of a line, separated by commas and optionally quoted (RFC 4180 without line
 * ends).
 */
export function csvCells(text: string): readonly string[] {
  if (!text.includes('"')) return text.split(',').map((cell) => cell.trim());
  const cells = text.match(/("([^"]|"")*"|[^,]*)(,|$)/g) ?? [];
  // The pattern also matches the empty text after a last cell without a comma.
  const whole = text.endsWith(',') ? cells : cells.slice(0, -1);
  return whole.map((cell) => {
    const bare = cell.replace(/,$/, '').trim();
    return bare.startsWith('"') ? bare.slice(1, -1).replaceAll('""', '"') : bare;
  });
}

/**
 * Returns ms since epoch for `text`: whole ms, ISO 8601, or `YYYY-MM-DD HH:MM:SS[.fff]`; UTC where
 * it names no zone. Returns NaN for anything else.
 */
export function parseTimestampMs(text: string): number {
  if (/^-?\d{1,16}$/.test(text)) return Number(text);
  const match =
    /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:?\d\d)?)?$/.exec(text);
  if (match === null) return NaN;
  const [, date = '', time = '00:00', zone = 'Z'] = match;
  return Date.parse(`${date}T${time}${zone}`);
}

/** Returns the number `text` holds in decimal notation (`1`, `-.5`, `2e-3`), else NaN. */
export function parseDecimal(text: string): number {
  return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : NaN;
}
