// Durable tables of byte keys and values in one LMDB environment, shared by the threads of a
// process.
//
// An update never runs JavaScript inside an LMDB transaction, because worker threads may be
// terminated at any instruction. In our tests, terminating a thread inside lmdb's `transaction`
// callback committed half of it; inside `transactionSync` it left the write lock held for ever. So
// updates are optimistic: plan against a read snapshot, then give lmdb one conditional batch, "if
// the version is still V, write all this and set it to V + 1", which its native thread runs as one
// transaction. If another thread was first, plan again. A thread that dies by an error, by exit or
// by termination leaves nothing half written. One case remains in Node: a thread terminated inside
// a native call ends the whole process, from which a restart recovers.
//
// Durability: an update is visible, and survives kill -9, once its transaction has committed.
// `flushed` resolves once it is on disk. Readers may see updates that are not flushed; a power
// failure loses them.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { open, type Database, type RootDatabase } from 'lmdb';

import { assert, ConfigError, isSensoriumError, UnavailableError } from '../errors.ts';
import { asBuffer, RecordingView, type PlanView } from './plan-view.ts';
import { acquireProcessLock, unusableFolder, type ProcessLock } from './process-lock.ts';

export interface Updated<T> {
  readonly result: T;
  /** Resolves once the update is on disk. */
  readonly flushed: Promise<void>;
}

export interface TableRange {
  readonly from: Uint8Array;
  /** Exclusive. */
  readonly to: Uint8Array;
  readonly order?: 'forward' | 'reverse';
}

export interface Tables {
  /** Identifies this process among all that ever opened the folder. */
  readonly processToken: string;
  /** Makes later reads see everything that any thread has committed. */
  refresh(): void;
  get(table: string, key: Uint8Array): Buffer | undefined;
  /** Yields copies of the entries in key order; do not await between two of them. */
  range(table: string, range: TableRange): Iterable<{ key: Buffer; value: Buffer }>;
  /**
   * Runs `plan` against a snapshot and applies its writes atomically. The plan may run several
   * times and must only use the view; its errors reject the promise.
   * @throws UnavailableError if the database cannot be written (disk full, closed): nothing is
   * applied.
   */
  update<T>(plan: (view: PlanView) => T): Promise<Updated<T>>;
  /** Waits for running updates. Idempotent. */
  close(): Promise<void>;
}

export interface TablesOptions {
  readonly dataDir: string;
  /** The environment's folder inside dataDir. */
  readonly name: string;
  readonly tables: readonly string[];
  /** `read` opens without the lock, beside a process that holds it; creates and updates nothing. */
  readonly access?: 'write' | 'read';
}

// One environment per folder and thread: each handle has its own write queue, so two handles of one
// thread could deadlock.
const openTables = new Map<string, SharedTables>();

/**
 * Opens the tables of `<dataDir>/<name>`, creating them if missing; shared within this thread.
 * @throws ConfigError if another process holds the folder, or it cannot be written.
 */
export function openDurableTables(options: TablesOptions): Tables {
  const path = join(options.dataDir, options.name);
  if (options.access === 'read') return new SharedTables(path, options, undefined).handle();
  let shared = openTables.get(path);
  if (shared === undefined) {
    shared = new SharedTables(path, options, acquireProcessLock(options.dataDir));
    openTables.set(path, shared);
  }
  return shared.handle();
}

interface PendingUpdate {
  run(view: RecordingView): void;
  applied(flushed: Promise<void>): void;
  failed(error: unknown): void;
}

const versionTable = 'version';
const versionKey = Buffer.from('v');
const versionValue = Buffer.from('v');
/** Updates of one thread that share a transaction. */
const groupMax = 64;
/** Every lost attempt means another thread succeeded; this many in a row cannot be chance. */
const attemptsMax = 10_000;

class SharedTables {
  readonly processToken: string;
  readonly #path: string;
  /** Undefined if opened for reading only. */
  readonly #lock: ProcessLock | undefined;
  readonly #root: RootDatabase<Buffer, Buffer>;
  readonly #version: Database<Buffer, Buffer>;
  readonly #tables = new Map<string, Database<Buffer, Buffer>>();
  readonly #pending: PendingUpdate[] = [];
  #running: Promise<void> | undefined;
  #handles = 0;

  constructor(path: string, options: TablesOptions, lock: ProcessLock | undefined) {
    this.#path = path;
    this.#lock = lock;
    this.processToken = lock?.token ?? '';
    if (lock === undefined && !existsSync(path)) throw nothingThere(options.dataDir);
    try {
      if (lock !== undefined) mkdirSync(path, { recursive: true, mode: 0o700 });
      const settings = {
        path,
        noSubdir: false,
        maxDbs: 16,
        encoding: 'binary',
        keyEncoding: 'binary',
        // Every update is one explicit batch, started only once it is queued completely.
        eventTurnBatching: false,
        batchStartThreshold: Number.MAX_SAFE_INTEGER,
        separateFlushed: true,
        readOnly: lock === undefined,
      } as const;
      this.#root = open<Buffer, Buffer>(settings);
      const table = { encoding: 'binary', keyEncoding: 'binary' } as const;
      this.#version = this.#root.openDB(versionTable, { ...table, useVersions: true });
      for (const name of options.tables) this.#tables.set(name, this.#root.openDB(name, table));
    } catch (error) {
      lock?.close();
      throw unusableFolder(options.dataDir, error);
    }
  }

  handle(): Tables {
    this.#handles += 1;
    let open = true;
    const check = (): void => {
      if (!open) throw new UnavailableError(`The tables in ${this.#path} are closed`);
    };
    return {
      processToken: this.processToken,
      refresh: () => this.#root.resetReadTxn(),
      get: (table, key) => {
        check();
        return this.#get(table, key);
      },
      range: (table, range) => {
        check();
        return this.#range(table, range);
      },
      update: async (plan) => {
        check();
        assert(this.#lock !== undefined, 'These tables were opened for reading only');
        return this.#update(plan);
      },
      close: async () => {
        if (!open) return;
        open = false;
        await this.#release();
      },
    };
  }

  #get(table: string, key: Uint8Array): Buffer | undefined {
    const value = this.#table(table).getBinary(asBuffer(key));
    return value === undefined ? undefined : asBuffer(value);
  }

  *#range(table: string, range: TableRange): Iterable<{ key: Buffer; value: Buffer }> {
    const reverse = range.order === 'reverse';
    const [from, to] = [asBuffer(range.from), asBuffer(range.to)];
    // lmdb's reverse range runs from `start` (inclusive) down to `end` (exclusive).
    const options = reverse
      ? { start: to, exclusiveStart: true, end: from, inclusiveEnd: true, reverse }
      : { start: from, end: to };
    for (const { key, value } of this.#table(table).getRange(options)) {
      yield { key: asBuffer(key), value: asBuffer(value) };
    }
  }

  #update<T>(plan: (view: PlanView) => T): Promise<Updated<T>> {
    return new Promise<Updated<T>>((resolve, reject) => {
      let result: { readonly value: T } | undefined;
      this.#pending.push({
        run: (view) => {
          result = { value: plan(view) };
        },
        applied: (flushed) => {
          if (result !== undefined) resolve({ result: result.value, flushed });
        },
        failed: reject,
      });
      this.#running ??= this.#drain();
    });
  }

  async #drain(): Promise<void> {
    // Yield once, so that `#running` is set before the first plan runs.
    await Promise.resolve();
    while (this.#pending.length > 0) await this.#apply(this.#pending.splice(0, groupMax));
    // Without an await since the last check of the queue: an update in between would wait for ever.
    this.#running = undefined;
  }

  async #apply(group: readonly PendingUpdate[]): Promise<void> {
    let planned: readonly PendingUpdate[] = group;
    try {
      for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
        this.#root.resetReadTxn();
        const version = this.#version.getEntry(versionKey)?.version ?? null;
        const view = new RecordingView((table, key) => this.#get(table, key));
        planned = planned.filter((update) => planOne(update, view));
        if (view.size === 0) return settle(planned, Promise.resolve());
        const written = this.#write(version, view);
        if (await written) return settle(planned, flushedOf(written));
      }
      throw new UnavailableError(`Other threads kept changing ${this.#path}`);
    } catch (error) {
      const failure = await unavailable(this.#path, error);
      for (const update of planned) update.failed(failure);
    }
  }

  #write(version: number | null, view: RecordingView): Promise<boolean> {
    const write = (): void => {
      for (const { table, key, value } of view.writes()) {
        const database = this.#table(table);
        void (value === undefined ? database.remove(key) : database.put(key, value));
      }
      void this.#version.put(versionKey, versionValue, (version ?? 0) + 1);
    };
    return version === null
      ? this.#version.ifNoExists(versionKey, write)
      : this.#version.ifVersion(versionKey, version, write);
  }

  #table(name: string): Database<Buffer, Buffer> {
    const table = this.#tables.get(name);
    if (table === undefined) throw new UnavailableError(`There is no table ${name}`);
    return table;
  }

  async #release(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    this.#handles -= 1;
    if (this.#handles > 0) return;
    if (this.#lock !== undefined) openTables.delete(this.#path);
    this.#lock?.close();
    await this.#root.close();
  }
}

function nothingThere(dataDir: string): ConfigError {
  return new ConfigError(
    `DATA_DIR ${dataDir} has no embedded log: nothing has run there yet, or it is the wrong folder`,
    { dataDir },
  );
}

/** Runs one plan and returns whether it succeeded; one that throws is rejected and left out. */
function planOne(update: PendingUpdate, view: RecordingView): boolean {
  try {
    update.run(view);
    view.keep();
    return true;
  } catch (error) {
    view.discard();
    update.failed(error);
    return false;
  }
}

function settle(updates: readonly PendingUpdate[], flushed: Promise<void>): void {
  for (const update of updates) update.applied(flushed);
}

/**
 * With `separateFlushed`, lmdb's write promise has a second one that resolves once it is on disk.
 */
async function flushedOf(
  written: Promise<boolean> & { flushed?: PromiseLike<unknown> },
): Promise<void> {
  await written.flushed;
}

async function unavailable(path: string, error: unknown): Promise<Error> {
  if (isSensoriumError(error)) return error;
  const cause = error instanceof Error && 'commitError' in error ? await commitError(error) : error;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new UnavailableError(`The database in ${path} cannot be written: ${reason}`, {}, cause);
}

/** Resolves with the reason of a failed commit, which lmdb reports in a separate promise later. */
function commitError(error: Error & { commitError: unknown }): Promise<unknown> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(error), 1_000);
    const done = (reason: unknown): void => {
      clearTimeout(timer);
      resolve(reason);
    };
    Promise.resolve(error.commitError).then(done, done);
  });
}
