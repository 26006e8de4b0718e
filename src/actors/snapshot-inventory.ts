// The snapshots of one shard that may lie in the store. Those that no commit names are committed as
// such: a process that dies while it writes or removes one leaves it to the next owner to remove.
import type { NamedSnapshot, PositionMetadata } from './position-metadata.ts';
import type { StoredSnapshot } from '../stores/snapshot-store.ts';

/** The metadata has room for no more; the oldest are given up. */
export const unnamedMax = 6;

export class SnapshotInventory {
  /** By id, in the order in which they became known. */
  readonly #known: Map<string, StoredSnapshot> = new Map();
  /** Tried once by each owner: a store that refuses would be asked at every commit. */
  readonly #tried: Set<string> = new Set();

  constructor({ snapshots, unnamed = [] }: Pick<PositionMetadata, 'snapshots' | 'unnamed'>) {
    for (const snapshot of [...unnamed, ...snapshots]) this.add(snapshot);
  }

  add(snapshot: StoredSnapshot): void {
    this.#known.set(snapshot.id, snapshot);
  }

  removed({ id }: StoredSnapshot): void {
    this.#known.delete(id);
  }

  /** Returns what a commit that names `named` says of the others. */
  unnamed(named: readonly NamedSnapshot[]): readonly StoredSnapshot[] {
    return this.#others(named)
      .slice(-unnamedMax)
      .map(({ id, length, place }) => ({ id, length, ...(place === undefined ? {} : { place }) }));
  }

  /** Returns what is to be removed now that nothing but `wanted` can be named; each once. */
  takeGarbage(wanted: readonly Pick<StoredSnapshot, 'id'>[]): readonly StoredSnapshot[] {
    const garbage = this.#others(wanted).filter(({ id }) => !this.#tried.has(id));
    for (const { id } of garbage) this.#tried.add(id);
    return garbage;
  }

  #others(wanted: readonly Pick<StoredSnapshot, 'id'>[]): readonly StoredSnapshot[] {
    const ids = new Set(wanted.map(({ id }) => id));
    return [...this.#known.values()].filter(({ id }) => !ids.has(id));
  }
}

/**
 * Returns whether snapshot `id` was made by an owner before the one of `epoch`. An id begins with
 * the epoch of its owner; where the two cannot be compared, as after a change of the producer id,
 * false.
 *
 *   id = <epoch>-<position>-<wall clock, ms>     epoch = <producer id>-<producer epoch> or a count
 */
export function isOfEarlierOwner(id: string, epoch: string): boolean {
  const [, producer, count] = /^(?:(\d+)-)?(\d+)-\d+-\d+$/.exec(id) ?? [];
  const [, ownProducer, ownCount] = /^(?:(\d+)-)?(\d+)$/.exec(epoch) ?? [];
  return producer === ownProducer && Number(count) < Number(ownCount);
}
