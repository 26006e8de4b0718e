// Rows that were read lately, answered from memory until Redis says that their key was written. Invariant: what is
// answered was in the store at some time after the change told last, and a later read never gives an older row.
import type { RowsRead } from '../feature-store.ts';
import type { Read } from './gathered-reads.ts';

/** Whether all changes are told, and how late at the most. */
export interface Freshness {
  /** Changes of what is read from now on will be told. */
  readonly following: boolean;
  /** All changes up to a moment ago were told. */
  isFresh(): boolean;
}

interface Entry<T> {
  /** The number of the read that made it: what a read found that began before says nothing about it. */
  readonly madeBy: number;
  /** Undefined until that read, or a later one, is answered. */
  found?: { readonly row: T };
}

export class CachedReads<T> {
  readonly #read: Read<T>;
  readonly #freshness: Freshness;
  readonly #rowsMax: number;
  readonly #entries = new Map<string, Entry<T>>();
  #reads = 0;
  #cachedRows = 0;
  #storedRows = 0;

  /** `read` answers in the order of its calls, as one connection does. At most `rowsMax` rows are kept. */
  constructor(read: Read<T>, freshness: Freshness, rowsMax: number) {
    this.#read = read;
    this.#freshness = freshness;
    this.#rowsMax = rowsMax;
  }

  get rowsRead(): RowsRead {
    return { cached: this.#cachedRows, stored: this.#storedRows };
  }

  /** Returns one row per id, in order, where all of them are in memory; else undefined. */
  readKept(ids: readonly string[]): readonly T[] | undefined {
    const { rows, missing } = this.#lookUp(ids);
    if (missing.length > 0) return undefined;
    this.#cachedRows += ids.length;
    return rows;
  }

  /** One row per id, in order. Fails as the store's own read does. */
  async read(ids: readonly string[]): Promise<readonly T[]> {
    const { rows, missing } = this.#lookUp(ids);
    this.#cachedRows += ids.length - missing.length;
    this.#storedRows += missing.length;
    if (missing.length === 0) return rows;
    const idsRead = missing.map((index) => ids[index] ?? '');
    const rowsRead = await this.#readThrough(idsRead);
    missing.forEach((index, at) => {
      rows[index] = rowsRead[at] as T;
    });
    return rows;
  }

  /** Forgets the row of `id`, and what reads under way find of it. */
  changed(id: string): void {
    this.#entries.delete(id);
  }

  /** Forgets all rows, and what reads under way find. */
  clear(): void {
    this.#entries.clear();
  }

  /** The rows that may be answered from memory, and at which places others are missing. */
  #lookUp(ids: readonly string[]): { readonly rows: T[]; readonly missing: readonly number[] } {
    const rows = new Array<T>(ids.length);
    const missing: number[] = [];
    const isFresh = this.#freshness.isFresh();
    for (let index = 0; index < ids.length; index += 1) {
      const found = isFresh ? this.#entries.get(ids[index] ?? '')?.found : undefined;
      if (found === undefined) missing.push(index);
      else rows[index] = found.row;
    }
    return { rows, missing };
  }

  async #readThrough(ids: readonly string[]): Promise<readonly T[]> {
    this.#reads += 1;
    const read = this.#reads;
    if (this.#freshness.following) for (const id of ids) this.#expect(id, read);
    try {
      const rows = await this.#read(ids);
      rows.forEach((row, index) => {
        const entry = this.#entries.get(ids[index] ?? '');
        // One that came later was made after a change: what this read found may be older than that.
        if (entry !== undefined && entry.madeBy <= read) entry.found = { row };
      });
      return rows;
    } catch (error) {
      for (const id of ids)
        if (this.#entries.get(id)?.found === undefined) this.#entries.delete(id);
      throw error;
    }
  }

  #expect(id: string, read: number): void {
    if (this.#entries.has(id)) return;
    if (this.#entries.size >= this.#rowsMax) this.#forgetOldest();
    this.#entries.set(id, { madeBy: read });
  }

  /** The one made first: rows are made anew with every window, so those asked for are seldom the oldest. */
  #forgetOldest(): void {
    for (const id of this.#entries.keys()) {
      this.#entries.delete(id);
      return;
    }
  }
}
