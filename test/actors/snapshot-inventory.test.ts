// Which snapshots may lie in the store, and which of them nobody can name any more.
import { describe, expect, it } from 'vitest';

import type { NamedSnapshot } from '../../src/actors/position-metadata.ts';
import { isOfEarlierOwner, SnapshotInventory } from '../../src/actors/snapshot-inventory.ts';

const named = (id: string): NamedSnapshot => ({
  id,
  place: '0',
  length: 1,
  checksum: 0,
  takenMs: 0,
});

describe('the inventory of snapshots', () => {
  it('holds what the metadata lists, and gives each as garbage once, unless it is wanted', () => {
    const inventory = new SnapshotInventory({
      snapshots: [named('b')],
      unnamed: [{ id: 'a', length: 5 }],
    });
    inventory.add({ id: 'c', length: 7 });

    expect(inventory.unnamed([named('b')])).toEqual([
      { id: 'a', length: 5 },
      { id: 'c', length: 7 },
    ]);
    expect(inventory.takeGarbage([named('b'), { id: 'c' }])).toEqual([{ id: 'a', length: 5 }]);
    expect(inventory.takeGarbage([named('b'), { id: 'c' }])).toEqual([]);
  });

  it('takes no snapshot for garbage that is named, though an earlier version has carried its old entry on', () => {
    const unnamed = [{ id: 'b', length: 1 }];
    const inventory = new SnapshotInventory({ snapshots: [named('b')], unnamed });

    expect(inventory.takeGarbage([named('b')])).toEqual([]);
    expect(inventory.unnamed([named('b')])).toEqual([]);
  });

  it('lists one until it is removed, and no more than the metadata has room for', () => {
    const inventory = new SnapshotInventory({ snapshots: [] });
    for (let i = 0; i < 10; i += 1) inventory.add({ id: `${i}`, length: 1 });
    inventory.removed({ id: '9', length: 1 });

    const ids = inventory.unnamed([]).map(({ id }) => id);

    expect(ids).toEqual(['3', '4', '5', '6', '7', '8']);
  });
});

describe('a snapshot of an earlier owner', () => {
  it.each([
    ['8000-3-120-1700000000000', '8000-4', true],
    ['8000-4-120-1700000000000', '8000-4', false],
    ['8000-10-120-1700000000000', '8000-9', false],
    // Another producer id: which of the two came first is unknown.
    ['7000-3-120-1700000000000', '8000-4', false],
    ['3-120-1700000000000', '4', true],
    ['3-120-1700000000000', '8000-4', false],
    ['a name of nobody', '8000-4', false],
  ])('%s is older than %s: %s', (id, epoch, older) => {
    expect(isOfEarlierOwner(id, epoch)).toBe(older);
  });
});
