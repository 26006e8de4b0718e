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

export interface CacheBounds {
  readonly rowsMax: number;
  /** Bound on the memory estimated: `rowBytes` for each row, and its id. */
  readonly bytesMax: number;
}

export class CachedReads<T> {
  readonly #read: Read<T>;
  readonly #freshness: Freshness;
  readonly #bounds: CacheBounds & { readonly rowBytes: number };
  readonly #entries = new Map<string, Entry<T>>();
  #reads = 0;
  #cachedRows = 0;
  #storedRows = 0;
  #bytes = 0;

  /**
   * `read` must answer in the order of its calls, as one connection does. `rowBytes` is what a row
   * takes beside its id.
   */
  constructor(
    read: Read<T>,
    freshness: Freshness,
    bounds: CacheBounds & { readonly rowBytes: number },
  ) {
    this.#read = read;
    this.#freshness = freshness;
    this.#bounds = bounds;
  }

  get rowsRead(): Pick<RowsRead, 'cached' | 'stored'> {
    return { cached: this.#cachedRows, stored: this.#storedRows };
  }

  /** Memory of the rows held, as estimated. */
  get bytes(): number {
    return this.#bytes;
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
    this.#drop(id);
  }

  /** Drops all rows, and the results of reads in flight. */
  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
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
      for (const id of ids) if (this.#entries.get(id)?.found === undefined) this.#drop(id);
      throw error;
    }
  }

  #expect(id: string, read: number): void {
    if (this.#entries.has(id)) return;
    const { rowsMax, bytesMax } = this.#bounds;
    const bytes = this.#bytesOf(id);
    if (bytes > bytesMax) return;
    while (this.#entries.size >= rowsMax || this.#bytes + bytes > bytesMax) this.#forgetOldest();
    this.#entries.set(id, { madeBy: read });
    this.#bytes += bytes;
  }

  #drop(id: string): void {
    if (this.#entries.delete(id)) this.#bytes -= this.#bytesOf(id);
  }

  /** V8 keeps two bytes a character of an id that is not Latin-1. */
  #bytesOf(id: string): number {
    return this.#bounds.rowBytes + 2 * id.length;
  }

  /**
   * Evicts the entry created first. Every window recreates the entries in use, so they are seldom
   * that old.
   */
  #forgetOldest(): void {
    for (const id of this.#entries.keys()) {
      this.#drop(id);
      return;
    }
  }
}

/** Returns what a cached row takes beside its id: 1.3 kB were measured, 2.1 kB with its text. */
export function cachedRowBytes(features: number): number {
  return 700 + 200 * features;
}

/** Returns the rows that all of `caches` have read, and what they hold. */
export function rowsReadOf(caches: readonly CachedReads<unknown>[]): RowsRead {
  const read = caches.map(({ rowsRead }) => rowsRead);
  return {
    cached: read.reduce((sum, { cached }) => sum + cached, 0),
    stored: read.reduce((sum, { stored }) => sum + stored, 0),
    cachedBytes: caches.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}
