import { describe, expect, it } from 'vitest';

import { hashBytes, IdTable } from '../../src/sensors/table.ts';

const encode = (id: string): Uint8Array => new TextEncoder().encode(id);
const hashOf = (id: Uint8Array): number => hashBytes(id, 0, id.length);
const slotIn = (table: IdTable, id: Uint8Array): number => table.slotOf(id, 0, id.length);

/** The hash's start for an id of `length` bytes, and its step over a word of four. */
const start = (length: number): number => 0x811c9dc5 ^ length;
const step = (hash: number, word: number): number => {
  const mixed = Math.imul(hash ^ word, 0x01000193);
  return mixed ^ (mixed >>> 15);
};

function idOf(...words: readonly number[]): Uint8Array {
  const id = new DataView(new ArrayBuffer(4 * words.length));
  words.forEach((word, index) => {
    id.setInt32(4 * index, word, true);
  });
  return new Uint8Array(id.buffer);
}

/** Two ids of eight bytes: whatever their first words made of the hash, the second ones undo. */
function collision(): readonly [Uint8Array, Uint8Array] {
  const [a, b, second] = [0x61626364, 0x65666768, 0x696a6b6c];
  return [idOf(a, second), idOf(b, second ^ step(start(8), a) ^ step(start(8), b))];
}

/** An id of four bytes, and one of eight that begins with it and has the same hash. */
function collidingPrefix(): readonly [Uint8Array, Uint8Array] {
  const word = 0x61626364;
  return [idOf(word), idOf(word, step(start(8), word) ^ start(4) ^ word)];
}

describe('the id table', () => {
  it('tells apart two ids of the same length and hash', () => {
    const [one, other] = collision();
    const table = new IdTable(10);

    expect(hashOf(one)).toBe(hashOf(other));
    expect([slotIn(table, one), slotIn(table, other), slotIn(table, one)]).toEqual([0, 1, 0]);
    expect(table.find(other, 0, other.length)).toBe(1);
  });

  it('tells apart an id and its own prefix of the same hash', () => {
    const [prefix, whole] = collidingPrefix();
    const table = new IdTable(10);

    expect(hashOf(prefix)).toBe(hashOf(whole));
    expect([slotIn(table, whole), slotIn(table, prefix), slotIn(table, whole)]).toEqual([0, 1, 0]);
  });

  it('finds every id in whatever order they are asked for', () => {
    const table = new IdTable(100);
    const ids = Array.from({ length: 100 }, (_, slot) => encode(`sensor_${slot}`));
    ids.forEach((id) => slotIn(table, id));
    const turn = ids.map((_, index) => index);
    const orders = [turn, [...turn].reverse(), turn.map((slot) => (slot * 37) % 100), [5, 5, 5]];

    for (const order of orders) {
      const found = order.map((slot) => slotIn(table, ids[slot] ?? encode('')));
      expect(found).toEqual(order);
    }
  });

  it('gives slots in the order ids come, up to its bound, and finds without giving', () => {
    const table = new IdTable(2);

    expect(table.find(encode('a'), 0, 1)).toBe(-1);
    expect(['b', 'a', 'c', 'a', 'b'].map((id) => slotIn(table, encode(id)))).toEqual([
      0, 1, -1, 1, 0,
    ]);
    expect(table.count).toBe(2);
  });
});
