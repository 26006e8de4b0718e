// The look-up of src/sensors/table.ts, which owns the table and adds to it.
import { sameBytes } from './bytes';

export let entries: usize = 0;
export let mask: u32 = 0;
export let idStarts: usize = 0;
export let arena: usize = 0;
export let count: i32 = 0;
/** The slot found last. */
export let last: i32 = -1;
let keyLow: u32 = 0;
let keyHigh: u32 = 0;

export function useTable(
  entriesAt: usize,
  entriesMask: u32,
  idStartsAt: usize,
  arenaAt: usize,
  ids: i32,
  lastSlot: i32,
  hashKeyLow: u32,
  hashKeyHigh: u32,
): void {
  entries = entriesAt;
  mask = entriesMask;
  idStarts = idStartsAt;
  arena = arenaAt;
  count = ids;
  last = lastSlot;
  keyLow = hashKeyLow;
  keyHigh = hashKeyHigh;
}

/** Returns the slot of the id bytes [start, start + length), or −1 where it has none. */
export function find(start: usize, length: usize): i32 {
  const next = last + 1 < count ? last + 1 : 0;
  if (next < count && holds(next, start, length)) {
    last = next;
    return next;
  }
  const hash = hashId(start, length);
  let index = (<u32>hash) & mask;
  while (true) {
    const entry = entries + ((<usize>index) << 3);
    const slot = load<i32>(entry, 4) - 1;
    if (slot < 0) return -1;
    if (load<i32>(entry) == hash && holds(slot, start, length)) {
      last = slot;
      return slot;
    }
    index = (index + 1) & mask;
  }
}

function holds(slot: i32, start: usize, length: usize): bool {
  const at = idStarts + ((<usize>slot) << 3);
  const idStart = load<f64>(at);
  if (load<f64>(at, 8) - idStart != <f64>length) return false;
  return sameBytes(arena + <usize>idStart, start, length);
}

/** The hash of src/sensors/id-hash.ts: what one of them entered the other must find. */
function hashId(start: usize, length: usize): i32 {
  const tailAt = start + (length & ~3);
  let tail = (<u32>length) << 24;
  const rest = length & 3;
  if (rest > 0) tail |= <u32>load<u8>(tailAt);
  if (rest > 1) tail |= (<u32>load<u8>(tailAt, 1)) << 8;
  if (rest > 2) tail |= (<u32>load<u8>(tailAt, 2)) << 16;
  let v0 = keyLow;
  let v1 = keyHigh;
  let v2: u32 = 0x6c796765 ^ v0;
  let v3: u32 = 0x74656462 ^ v1;
  for (let at = start; ; at += 4) {
    const word = at == tailAt ? tail : load<u32>(at);
    v3 ^= word;
    v0 += v1;
    v1 = rotl<u32>(v1, 5) ^ v0;
    v0 = rotl<u32>(v0, 16);
    v2 += v3;
    v3 = rotl<u32>(v3, 8) ^ v2;
    v0 += v3;
    v3 = rotl<u32>(v3, 7) ^ v0;
    v2 += v1;
    v1 = rotl<u32>(v1, 13) ^ v2;
    v2 = rotl<u32>(v2, 16);
    v0 ^= word;
    if (at == tailAt) break;
  }
  v2 ^= 0xff;
  for (let round = 0; round < 3; round += 1) {
    v0 += v1;
    v1 = rotl<u32>(v1, 5) ^ v0;
    v0 = rotl<u32>(v0, 16);
    v2 += v3;
    v3 = rotl<u32>(v3, 8) ^ v2;
    v0 += v3;
    v3 = rotl<u32>(v3, 7) ^ v0;
    v2 += v1;
    v1 = rotl<u32>(v1, 13) ^ v2;
    v2 = rotl<u32>(v2, 16);
  }
  return <i32>(v1 ^ v3);
}
