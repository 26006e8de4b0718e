// Integers of JSON text that a double rounds, such as times in nanoseconds: with JSON.parse their
// last digits are lost. Next on the line: input-reader.ts, for times.

/** Strings, which are passed over, and numbers. */
const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const longInteger = /^-?\d{16,}$/;

/** Whether the text may hold an integer beyond 2^53. */
export function mayHaveLongIntegers(text: string): boolean {
  return /\d{16}/.test(text);
}

/** Returns the value of a JSON text with each integer of 16 digits or more as a text of digits. */
export function parseExactly(text: string): unknown {
  return JSON.parse(
    text.replace(tokens, (token) => (longInteger.test(token) ? `"${token}"` : token)),
  );
}

/** Returns the texts of the elements of a JSON array. */
export function elementTexts(text: string): readonly string[] {
  const elements: string[] = [];
  let depth = 0;
  let start = text.indexOf('[') + 1;
  for (const { 0: token, index } of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{},]/g)) {
    const isOuter = depth === 1 && (token === ',' || token === ']');
    if (isOuter) elements.push(text.slice(start, index));
    if (token === '[' || token === '{') depth += 1;
    else if (token === ']' || token === '}') depth -= 1;
    if (isOuter) start = index + 1;
  }
  return elements;
}
