// JSON of clients. A body of 4 MiB of brackets keeps V8's parser busy for three seconds, and its
// result overflows the stack of the code that walks it. So the depth is counted first, which takes
// a few milliseconds.
import { closesJson, closingQuote, jsonByte, opensJson } from './json-bytes.ts';

/** Deeper JSON is refused unparsed. */
export const nestingMax = 64;

/** Returns the value; undefined if the text is not JSON, or is nested deeper than 64 levels. */
export function parsedJson(text: string): unknown {
  // A short text may be deep: it does no harm.
  if (text.length > shortLength && isDeep(Buffer.from(text))) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Returns whether JSON in UTF-8 is nested deeper than 64 levels, and long enough to matter. */
export function isNestedDeep(bytes: Uint8Array): boolean {
  return bytes.length > shortLength && isDeep(bytes);
}

const shortLength = 2_048;

function isDeep(bytes: Uint8Array): boolean {
  let depth = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === jsonByte.quote) {
      at = closingQuote(bytes, at);
    } else if (opensJson(byte)) {
      depth += 1;
      if (depth > nestingMax) return true;
    } else if (closesJson(byte)) {
      depth -= 1;
    }
  }
  return false;
}
