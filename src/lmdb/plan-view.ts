// What the plans of an update read and write: the stored values of one snapshot under the writes of the plans before,
// collected until all of them are handed to lmdb as one batch.

/** What a plan reads and writes; its own writes are visible to it. All of it is applied, or none. */
export interface PlanView {
  get(table: string, key: Uint8Array): Buffer | undefined;
  put(table: string, key: Uint8Array, value: Uint8Array): void;
  remove(table: string, key: Uint8Array): void;
}

export interface Write {
  readonly table: string;
  readonly key: Buffer;
  /** undefined = remove. */
  readonly value: Buffer | undefined;
}

/**
 * Collects the writes of a group of plans over what `stored` holds; `keep` after a plan that returned, `discard` after
 * one that threw, which then leaves nothing.
 */
export class RecordingView implements PlanView {
  readonly #stored: (table: string, key: Uint8Array) => Buffer | undefined;
  readonly #kept = new Map<string, Write>();
  #own = new Map<string, Write>();

  constructor(stored: (table: string, key: Uint8Array) => Buffer | undefined) {
    this.#stored = stored;
  }

  get size(): number {
    return this.#kept.size;
  }

  get(table: string, key: Uint8Array): Buffer | undefined {
    const name = writeName(table, key);
    const write = this.#own.get(name) ?? this.#kept.get(name);
    return write === undefined ? this.#stored(table, key) : write.value;
  }

  put(table: string, key: Uint8Array, value: Uint8Array): void {
    this.#own.set(writeName(table, key), { table, key: asBuffer(key), value: asBuffer(value) });
  }

  remove(table: string, key: Uint8Array): void {
    this.#own.set(writeName(table, key), { table, key: asBuffer(key), value: undefined });
  }

  keep(): void {
    for (const [name, write] of this.#own) this.#kept.set(name, write);
    this.#own = new Map();
  }

  discard(): void {
    this.#own = new Map();
  }

  writes(): Iterable<Write> {
    return this.#kept.values();
  }
}

function writeName(table: string, key: Uint8Array): string {
  return `${table}:${asBuffer(key).toString('latin1')}`;
}

/** Returns the same bytes as a Buffer, without a copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
