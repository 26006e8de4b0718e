// A cache of rows read from Redis; an entry is dropped when Redis reports a write to its key.
// Invariant: a returned row was in the store after the last reported change, and a later read never
// returns an older row.
import type { RowsRead } from '../feature-store.ts';
import type { Read } from './gathered-reads.ts';

/** Whether the cache may be trusted: all changes are reported, and recently. */
export interface Freshness {
  /** Set while Redis reports every change to a key read from now on. */
  readonly following: boolean;
  /** Returns whether all changes up to a moment ago have been reported. */
  isFresh(): boolean;
}

interface Entry<T> {
  /**
   * Number of the read that created it. The result of an earlier read may predate the last change.
   */
  readonly madeBy: number;
  /** Undefined until that read or a later one is answered. */
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

  /**
   * `read` must answer in the order of its calls, as one connection does. Keeps at most `rowsMax`
   * rows.
   */
  constructor(read: Read<T>, freshness: Freshness, rowsMax: number) {
    this.#read = read;
    this.#freshness = freshness;
    this.#rowsMax = rowsMax;
  }

  get rowsRead(): RowsRead {
    return { cached: this.#cachedRows, stored: this.#storedRows };
  }

  /** Returns one row per id, in order, if all of them are in memory; else undefined. */
  readKept(ids: readonly string[]): readonly T[] | undefined {
    const { rows, missing } = this.#lookUp(ids);
    if (missing.length > 0) return undefined;
    this.#cachedRows += ids.length;
    return rows;
  }

  /** Resolves with one row per id, in order. Rejects as the store's own read does. */
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

  /** Drops the row of `id`, and the result of a read in flight for it. */
  changed(id: string): void {
    this.#entries.delete(id);
  }

  /** Drops all rows, and the results of reads in flight. */
  clear(): void {
    this.#entries.clear();
  }

  /** Returns the rows that are in memory, and the indexes of those that are not. */
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
        // A later entry was created after a change; the row of this read may be older than that.
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

  /**
   * Evicts the entry created first. Every window recreates the entries in use, so they are seldom
   * that old.
   */
  #forgetOldest(): void {
    for (const id of this.#entries.keys()) {
      this.#entries.delete(id);
      return;
    }
  }
}
