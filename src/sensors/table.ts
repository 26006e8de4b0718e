// The id table: sensor id bytes → slot, by open addressing with linear probing. Ids are compared as
// bytes and kept in one arena, so that a look-up allocates nothing. Slots are given in the order
// ids first come; when sensors are forgotten, those that stay move up and keep their order.
//
//   entries: | hash, slot + 1 | hash, slot + 1 | …   mask + 1 of them, at most half full; slot + 1 = 0 is free
//   arena:   | id of slot 0 | id of slot 1 | …       idStarts[slot] .. idStarts[slot + 1]

import { addressOf, heapColumns, type ColumnMemory } from './column-memory.ts';
import { hashId, publicHashKey, type HashKey } from './id-hash.ts';
import { place } from './row-kernel.ts';
import { madeOf, type MadeSection } from './snapshot-format.ts';

const entriesMin = 64;
/** Ids are mostly much shorter; longer ones take the table to the heap. */
const idBytesMean = 64;

export class IdTable {
  /** Ids that were given a slot. */
  count: number = 0;
  /** The ids' bytes, back to back in slot order; replaced when it grows. */
  arena: Uint8Array;
  private readonly slotsMax: number;
  private readonly key: HashKey;
  private idStarts: Float64Array;
  private entries: Int32Array;
  private mask: number = entriesMin - 1;
  /** The slot found last: what sends readings mostly goes round its sensors in one order. */
  private last: number = -1;

  constructor(slotsMax: number, memory: ColumnMemory = heapColumns, key: HashKey = publicHashKey) {
    this.slotsMax = slotsMax;
    this.key = key;
    const entriesMax = Math.max(entriesMin, 2 ** Math.ceil(Math.log2(2 * slotsMax)));
    this.entries = memory.int32(2 * entriesMin, 2 * entriesMax);
    this.idStarts = memory.float64(entriesMin, Math.max(entriesMin, slotsMax + 1));
    this.arena = memory.uint8(1024, Math.max(1024, slotsMax * idBytesMean));
  }

  /** Tells a kernel where the table lies; it must not change before the kernel has folded. */
  describe(places: Uint32Array): void {
    places[place.entries] = addressOf(this.entries);
    places[place.entriesMask] = this.mask;
    places[place.idStarts] = addressOf(this.idStarts);
    places[place.arena] = addressOf(this.arena);
    places[place.idCount] = this.count;
    places[place.lastSlot] = this.last;
    places[place.hashKeyLow] = this.key.low;
    places[place.hashKeyHigh] = this.key.high;
  }

  /** Continues from the kernel's current state. */
  goOn(places: Uint32Array): void {
    // As a signed number: −1 where it has found none.
    this.last = (places[place.lastSlot] ?? 0) | 0;
  }

  /** Returns the slot of the id bytes[start..end), or −1 when it has none. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const index = this.probe(bytes, start, end, hashId(bytes, start, end, this.key));
    return (this.entries[2 * index + 1] ?? 0) - 1;
  }

  /**
   * Returns the id's slot, giving it one if it is new; −1 when it is new and all `slotsMax` slots
   * are given.
   */
  slotOf(bytes: Uint8Array, start: number, end: number): number {
    // hot path
    const next = this.last + 1 < this.count ? this.last + 1 : 0;
    if (next < this.count && this.holds(next, bytes, start, end)) {
      this.last = next;
      return next;
    }
    const hash = hashId(bytes, start, end, this.key);
    const index = this.probe(bytes, start, end, hash);
    const slot = (this.entries[2 * index + 1] ?? 0) - 1;
    if (slot >= 0) {
      this.last = slot;
      return slot;
    }
    if (this.count >= this.slotsMax) return -1;
    return this.add(bytes, start, end, hash);
  }

  /** Where the id of `slot` starts in the arena; it ends where that of `slot + 1` starts. */
  idStart(slot: number): number {
    return this.idStarts[slot] ?? 0;
  }

  /** Returns the entries that a look-up reads at most. */
  longestProbe(): number {
    let longest = 0;
    for (let index = 0; index <= this.mask; index += 1) {
      if (this.entries[2 * index + 1] === 0) continue;
      const first = (this.entries[2 * index] ?? 0) & this.mask;
      longest = Math.max(longest, ((index - first) & this.mask) + 1);
    }
    return longest;
  }

  /** Returns the bytes of each id, by slot. */
  idLengths(): MadeSection {
    const { count, idStarts } = this;
    return madeOf(Uint32Array, count, (target) => {
      for (let slot = 0; slot < count; slot += 1) {
        target[slot] = (idStarts[slot + 1] ?? 0) - (idStarts[slot] ?? 0);
      }
    });
  }

  /**
   * Returns the entry that holds the id, or the free one where it belongs. Half the entries are
   * free, so it ends.
   */
  private probe(bytes: Uint8Array, start: number, end: number, hash: number): number {
    // hot path
    const entries = this.entries;
    let index = hash & this.mask;
    for (;;) {
      const slot = (entries[2 * index + 1] ?? 0) - 1;
      if (slot < 0) return index;
      if (entries[2 * index] === hash && this.holds(slot, bytes, start, end)) return index;
      index = (index + 1) & this.mask;
    }
  }

  private holds(slot: number, bytes: Uint8Array, start: number, end: number): boolean {
    // hot path
    const idStart = this.idStarts[slot] ?? 0;
    if ((this.idStarts[slot + 1] ?? 0) - idStart !== end - start) return false;
    const arena = this.arena;
    // From the end, where ids of one kind differ.
    for (let at = end - 1, shift = idStart - start; at >= start; at -= 1) {
      if (bytes[at] !== arena[at + shift]) return false;
    }
    return true;
  }

  private add(bytes: Uint8Array, start: number, end: number, hash: number): number {
    if (2 * (this.count + 1) > this.mask + 1) this.growEntries();
    const slot = this.count;
    const idStart = this.idStart(slot);
    const idEnd = idStart + (end - start);
    if (slot + 2 > this.idStarts.length) {
      const grown = new Float64Array(2 * this.idStarts.length);
      grown.set(this.idStarts);
      this.idStarts = grown;
    }
    if (idEnd > this.arena.length) {
      const grown = new Uint8Array(Math.max(idEnd, 2 * this.arena.length));
      grown.set(this.arena.subarray(0, idStart));
      this.arena = grown;
    }
    this.arena.set(bytes.subarray(start, end), idStart);
    this.idStarts[slot + 1] = idEnd;
    this.count = slot + 1;
    this.last = slot;
    this.enter(hash, slot);
    return slot;
  }

  /** Keeps only the ids of the slots `kept`, ascending; the new slot of each is its index there. */
  keep(kept: Int32Array): void {
    const newSlots = this.keepIds(kept);
    // Entered again in the order of the old entries, ids go to places that rise: in the order of
    // the slots, each would go to another page of memory.
    const before = this.takeEntries();
    for (let at = 0; at < before.length; at += 2) {
      const slot = (before[at + 1] ?? 0) - 1;
      const newSlot = slot < 0 ? -1 : (newSlots[slot] ?? 0) - 1;
      if (newSlot >= 0) this.enter(before[at] ?? 0, newSlot);
    }
    this.count = kept.length;
    this.last = -1;
  }

  /**
   * Moves the ids of `kept` together; returns the new slot + 1 of each old one, 0 of one that goes.
   */
  private keepIds(kept: Int32Array): Int32Array {
    const { arena, idStarts } = this;
    const newSlots = new Int32Array(this.count);
    let end = 0;
    for (let slot = 0; slot < kept.length; slot += 1) {
      const before = kept[slot] ?? 0;
      newSlots[before] = slot + 1;
      const from = idStarts[before] ?? 0;
      const length = (idStarts[before + 1] ?? 0) - from;
      if (from !== end) {
        for (let at = 0; at < length; at += 1) arena[end + at] = arena[from + at] ?? 0;
      }
      end += length;
      // Only starts up to that of `before`, which were read, are written over.
      idStarts[slot + 1] = end;
    }
    return newSlots;
  }

  /** Returns a copy of the entries and frees them all. */
  private takeEntries(): Int32Array {
    const { entries } = this;
    const taken = new Int32Array(2 * (this.mask + 1));
    for (let at = 0; at < taken.length; at += 1) {
      taken[at] = entries[at] ?? 0;
      entries[at] = 0;
    }
    return taken;
  }

  private enter(hash: number, slot: number): void {
    let index = hash & this.mask;
    while ((this.entries[2 * index + 1] ?? 0) !== 0) index = (index + 1) & this.mask;
    this.entries[2 * index] = hash;
    this.entries[2 * index + 1] = slot + 1;
  }

  private growEntries(): void {
    const before = this.entries.slice(0, 2 * (this.mask + 1));
    if (2 * before.length > this.entries.length) this.entries = new Int32Array(2 * before.length);
    else this.entries.fill(0, 0, before.length);
    this.mask = before.length - 1;
    for (let at = 0; at < before.length; at += 2) {
      const slot = (before[at + 1] ?? 0) - 1;
      if (slot >= 0) this.enter(before[at] ?? 0, slot);
    }
  }
}
