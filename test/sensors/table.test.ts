import { describe, expect, it } from 'vitest';

import { hashId, publicHashKey } from '../../src/sensors/id-hash.ts';
import { IdTable } from '../../src/sensors/table.ts';

const encode = (id: string): Uint8Array => new TextEncoder().encode(id);
const hashOf = (id: Uint8Array): number => hashId(id, 0, id.length, publicHashKey);
const slotIn = (table: IdTable, id: Uint8Array): number => table.slotOf(id, 0, id.length);

describe('the id table', () => {
  it('tells apart two ids of the same length and hash', () => {
    const [one, other] = [encode('sensor_093576'), encode('sensor_098330')];
    const table = new IdTable(10);

    expect(hashOf(one)).toBe(hashOf(other));
    expect([slotIn(table, one), slotIn(table, other), slotIn(table, one)]).toEqual([0, 1, 0]);
    expect(table.find(other, 0, other.length)).toBe(1);
  });

  it('tells apart an id and what it begins and ends with, where it expects the id next', () => {
    const table = new IdTable(10);
    const ask = (...ids: readonly string[]): number[] => ids.map((id) => slotIn(table, encode(id)));

    expect(ask('x', 'ab', 'x', 'a', 'x', 'b', 'x', 'ab')).toEqual([0, 1, 0, 2, 0, 3, 0, 1]);
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

describe('the hash of ids', () => {
  it('is HalfSipHash-1-3: the known answers of Linux, lib/siphash_kunit.c', () => {
    const bytes = Uint8Array.from({ length: 64 }, (_, index) => index);

    for (const [length, known] of knownAnswers) {
      expect((hashId(bytes, 0, length, publicHashKey) >>> 0).toString(16)).toBe(known);
    }
  });

  it('is another under another key', () => {
    const id = encode('sensor_0815');
    const { low, high } = publicHashKey;

    const hashes = [publicHashKey, { low: low + 1, high }, { low, high: high + 1 }].map((key) =>
      hashId(id, 0, id.length, key),
    );

    expect(new Set(hashes).size).toBe(3);
  });

  it('depends on the bytes alone, not on where they lie', () => {
    const id = encode('sensor_0815');
    const shifted = encode('...sensor_0815...');

    expect(hashId(shifted, 3, 3 + id.length, publicHashKey)).toBe(hashOf(id));
  });
});

/** By length: the hash of bytes 0, 1, 2, … under the public key. */
const knownAnswers: readonly (readonly [number, string])[] = [
  [0, '5814c896'],
  [1, 'e7e864ca'],
  [2, 'bc4b0e30'],
  [3, '1539939'],
  [4, '7e059ea6'],
  [5, '88e3d89b'],
  [13, '66dd9cd6'],
  [31, '8d8791a'],
  [63, '87178304'],
];
