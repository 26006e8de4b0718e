// The view that the plans of an update read and write: one snapshot of the stored values, overlaid
// with the writes of earlier plans. All writes are handed to lmdb as one batch.

/** The view of one plan. It sees its own writes; either all of them are applied or none. */
export interface PlanView {
  get(table: string, key: Uint8Array): Buffer | undefined;
  put(table: string, key: Uint8Array, value: Uint8Array): void;
  remove(table: string, key: Uint8Array): void;
}

export interface Write {
  readonly table: string;
  readonly key: Buffer;
  /** undefined removes the key. */
  readonly value: Buffer | undefined;
}

/**
 * Collects the writes of a group of plans over the values of `stored`. Call `keep` after a plan
 * that returned, `discard` after one that threw.
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
