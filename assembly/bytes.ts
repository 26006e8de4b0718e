// Shared by the scanners: equality of bytes, and UTF-8.

/** Returns whether `length` bytes are the same at both places. */
export function sameBytes(one: usize, other: usize, length: usize): bool {
  if (length < 8) return sameFew(one, other, length);
  const tail = length - 8;
  for (let at: usize = 0; at < tail; at += 8) {
    if (load<u64>(one + at) != load<u64>(other + at)) return false;
  }
  return load<u64>(one + tail) == load<u64>(other + tail);
}

function sameFew(one: usize, other: usize, length: usize): bool {
  if (length >= 4) {
    const tail = length - 4;
    return load<u32>(one) == load<u32>(other) && load<u32>(one + tail) == load<u32>(other + tail);
  }
  for (let at: usize = 0; at < length; at += 1) {
    if (load<u8>(one + at) != load<u8>(other + at)) return false;
  }
  return true;
}

/**
 * Returns whether bytes [start, end) are well-formed UTF-8: no overlong form, no surrogate, nothing
 * above U+10FFFF. Source: RFC 3629, section 4 (UTF8-octets).
 */
export function isUtf8(start: usize, end: usize): bool {
  let at = start;
  while (at < end) {
    const lead: u32 = load<u8>(at);
    if (lead < 0x80) {
      at += 1;
      continue;
    }
    const length = sequenceLength(lead);
    if (length == 0 || at + length > end) return false;
    if (!isSecondByte(lead, load<u8>(at, 1))) return false;
    for (let tail = at + 2; tail < at + length; tail += 1) {
      if ((load<u8>(tail) & 0xc0) != 0x80) return false;
    }
    at += length;
  }
  return true;
}

function sequenceLength(lead: u32): usize {
  if (lead < 0xc2) return 0; // a tail byte, or the overlong C0 and C1
  if (lead < 0xe0) return 2;
  if (lead < 0xf0) return 3;
  return lead < 0xf5 ? 4 : 0;
}

/**
 * Four leads narrow their second byte: E0 and F0 against overlong forms, ED against surrogates, F4
 * past U+10FFFF.
 */
function isSecondByte(lead: u32, second: u32): bool {
  if (lead == 0xe0) return second >= 0xa0 && second <= 0xbf;
  if (lead == 0xed) return second >= 0x80 && second <= 0x9f;
  if (lead == 0xf0) return second >= 0x90 && second <= 0xbf;
  if (lead == 0xf4) return second >= 0x80 && second <= 0x8f;
  return second >= 0x80 && second <= 0xbf;
}
