// UTF-8 validity over a byte range, without a string: an id is compared and stored as bytes, so nothing may replace
// a malformed sequence by U+FFFD on the way.

/**
 * Returns whether bytes [start, end) are well-formed UTF-8: no overlong form, no surrogate, nothing above U+10FFFF.
 * Reads nothing outside the range and allocates nothing. Source: RFC 3629, section 4 (UTF8-octets).
 */
export function isUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  // hot path
  let at = start;
  while (at < end) {
    const lead = bytes[at] as number;
    if (lead < 0x80) {
      at += 1;
      continue;
    }
    const length = sequenceLength(lead);
    if (length === 0 || at + length > end) return false;
    if (!isSecondByte(lead, bytes[at + 1] as number)) return false;
    for (let tail = at + 2; tail < at + length; tail += 1) {
      if (((bytes[tail] as number) & 0xc0) !== 0x80) return false;
    }
    at += length;
  }
  return true;
}

function sequenceLength(lead: number): number {
  if (lead < 0xc2) return 0; // a tail byte, or the overlong C0 and C1
  if (lead < 0xe0) return 2;
  if (lead < 0xf0) return 3;
  return lead < 0xf5 ? 4 : 0;
}

/** Four leads narrow their second byte: E0 and F0 against overlong forms, ED against surrogates, F4 past U+10FFFF. */
function isSecondByte(lead: number, second: number): boolean {
  if (lead === 0xe0) return second >= 0xa0 && second <= 0xbf;
  if (lead === 0xed) return second >= 0x80 && second <= 0x9f;
  if (lead === 0xf0) return second >= 0x90 && second <= 0xbf;
  if (lead === 0xf4) return second >= 0x80 && second <= 0x8f;
  return second >= 0x80 && second <= 0xbf;
}
