// The bytes of JSON's syntax. All are ASCII, so UTF-8 need not be decoded to find the structure of
// a text; within strings they mean nothing, so a walk passes each string as a whole.

export const jsonByte = {
  quote: 0x22,
  comma: 0x2c,
  backslash: 0x5c,
  openArray: 0x5b,
  closeArray: 0x5d,
  openObject: 0x7b,
  closeObject: 0x7d,
} as const;

/** Returns where the string that begins at `start` closes, or the end of the bytes. */
export function closingQuote(bytes: Uint8Array, start: number): number {
  for (let at = start + 1; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === jsonByte.quote) return at;
    if (byte === jsonByte.backslash) at += 1;
  }
  return bytes.length;
}

/** Returns whether an array or an object opens with the byte. */
export function opensJson(byte: number | undefined): boolean {
  return byte === jsonByte.openArray || byte === jsonByte.openObject;
}

/** Returns whether the byte is whitespace between the tokens of JSON. */
export function isJsonSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Returns whether an array or an object closes with the byte. */
export function closesJson(byte: number | undefined): boolean {
  return byte === jsonByte.closeArray || byte === jsonByte.closeObject;
}
