// Rows of a JSON file: an object a line (NDJSON), an array of objects a line, or one array that is
// the whole file.
import { ConfigError } from '../errors.ts';
import { parseJson } from '../codecs/json-strict.ts';
import { textLines, type TextLine } from './text-lines.ts';

export interface JsonRow {
  readonly lineNumber: number;
  readonly value: unknown;
  /** Why it is no JSON; empty where it is. */
  readonly fault: string;
}

/** A file that is one JSON array is parsed as a whole. */
const wholeCharactersMax = 268_435_456;

/** Whether the first line of a text file begins JSON. */
export function beginsJson(line: string): boolean {
  return /^\s*[{[]/.test(line);
}

/**
 * Yields the rows of the file at `path`, in blocks.
 * @throws ConfigError if an array is too long.
 */
export async function* jsonRows(
  path: string,
  onNote?: (note: string) => void,
): AsyncGenerator<readonly JsonRow[]> {
  const lines = textLines(path, onNote);
  const first = await lines.next();
  if (first.done === true) return;
  const [line] = first.value;
  const isWhole = line !== undefined && 'reason' in parseJson(line.text);
  const rest = async function* (): AsyncGenerator<readonly TextLine[]> {
    yield first.value;
    yield* lines;
  };
  if (isWhole && /^\s*\[/.test(line.text)) yield await wholeRows(path, rest());
  else for await (const block of rest()) yield block.flatMap(lineRows);
}

function lineRows({ lineNumber, text }: TextLine): readonly JsonRow[] {
  if (text.trim() === '') return [];
  if (text.includes('\ufffd')) return [{ lineNumber, value: undefined, fault: notUtf8 }];
  return rowsOf(lineNumber, parseJson(text));
}

const notUtf8 = 'the line is not UTF-8';

async function wholeRows(
  path: string,
  blocks: AsyncIterable<readonly TextLine[]>,
): Promise<readonly JsonRow[]> {
  let text = '';
  for await (const lines of blocks) {
    for (const line of lines) text += `${line.text}\n`;
    if (text.length > wholeCharactersMax) {
      throw new ConfigError(
        `${path} is one JSON array of more than ${wholeCharactersMax} characters; ` +
          'write one object a line (jq -c .[])',
      );
    }
  }
  return rowsOf(1, parseJson(text));
}

function rowsOf(lineNumber: number, parsed: ReturnType<typeof parseJson>): readonly JsonRow[] {
  if ('reason' in parsed) {
    return [{ lineNumber, value: undefined, fault: parsed.reason.message }];
  }
  const values: readonly unknown[] = Array.isArray(parsed.value) ? parsed.value : [parsed.value];
  return values.map((value) => ({
    lineNumber,
    value,
    fault:
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? ''
        : 'expected a JSON object',
  }));
}
