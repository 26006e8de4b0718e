// The look-up of src/sensors/table.ts, which owns the table and adds to it.
import { sameBytes } from './bytes';

export let entries: usize = 0;
export let mask: u32 = 0;
export let idStarts: usize = 0;
export let arena: usize = 0;
export let count: i32 = 0;
/** The slot found last. */
export let last: i32 = -1;

export function useTable(
  entriesAt: usize,
  entriesMask: u32,
  idStartsAt: usize,
  arenaAt: usize,
  ids: i32,
  lastSlot: i32,
): void {
  entries = entriesAt;
  mask = entriesMask;
  idStarts = idStartsAt;
  arena = arenaAt;
  count = ids;
  last = lastSlot;
}

/** Returns the slot of the id bytes [start, start + length), or −1 where it has none. */
export function find(start: usize, length: usize): i32 {
  const next = last + 1 < count ? last + 1 : 0;
  if (next < count && holds(next, start, length)) {
    last = next;
    return next;
  }
  const hash = hashBytes(start, length);
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

/** The hash of src/sensors/table.ts: what one of them entered the other must find. */
function hashBytes(start: usize, length: usize): i32 {
  let hash: i32 = (<i32>0x811c9dc5) ^ (<i32>length);
  let at = start;
  const end = start + length;
  for (; at + 4 <= end; at += 4) {
    const mixed = (hash ^ load<i32>(at)) * 0x01000193;
    hash = mixed ^ (<i32>((<u32>mixed) >> 15));
  }
  for (; at < end; at += 1) hash = (hash ^ (<i32>load<u8>(at))) * 0x01000193;
  hash = (hash ^ (<i32>((<u32>hash) >> 16))) * <i32>0x85ebca6b;
  hash = (hash ^ (<i32>((<u32>hash) >> 13))) * <i32>0xc2b2ae35;
  return hash ^ (<i32>((<u32>hash) >> 16));
}
