// Zigzag varints of the Kafka record format and of Avro: seven bits a byte, the lowest first.

/** Where the next varint is read. */
export let at: usize = 0;
/** Whether one read since it was last set to false was too long. */
export let broken: bool = false;

export function readFrom(start: usize): void {
  at = start;
  broken = false;
}

export function skip(bytes: usize): void {
  at += bytes;
}

/**
 * Returns the next varint of at most 32 bits. It may pass the end of what is read: whoever calls
 * compares `at`.
 */
export function readInt(): i32 {
  const byte: u32 = load<u8>(at);
  if (byte < 0x80) {
    at += 1;
    return (byte >> 1) ^ -(byte & 1);
  }
  const start = at;
  const wide = readLong();
  if (at - start > 5 || wide < i32.MIN_VALUE || wide > i32.MAX_VALUE) broken = true;
  return <i32>wide;
}

/** Returns the next varint of at most 64 bits. */
export function readLong(): i64 {
  let bits: u64 = 0;
  let shift: u64 = 0;
  for (;;) {
    const byte: u64 = load<u8>(at);
    at += 1;
    bits |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      if (shift == 63 && byte > 1) broken = true;
      break;
    }
    shift += 7;
    if (shift > 63) {
      broken = true;
      break;
    }
  }
  return <i64>((bits >> 1) ^ -(bits & 1));
}
