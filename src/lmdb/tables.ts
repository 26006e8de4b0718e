// Durable tables of byte keys and byte values in one LMDB environment, shared by the threads of one process.
//
// An update never runs JavaScript inside an LMDB transaction. Worker threads may be terminated at any instruction;
// measured here, terminating a thread inside lmdb's `transaction` callback committed half of it, and inside
// `transactionSync` it left the write lock held for ever. So an update is optimistic: plan against one read snapshot,
// then hand lmdb one conditional batch "if the version is still V, write all this and make it V + 1", which its native
// thread runs as one transaction; planned again when another thread was first. Threads that die by an error, by exit or
// terminated while they block then leave nothing torn. What remains is Node's: a thread terminated at the very moment
// it is inside a native call takes the process down (it cannot throw into it), which a restart recovers from.
//
// Durability: an update is visible, and safe from kill -9, when its transaction has committed; `flushed` resolves when
// it is on the disk. Readers may see what is not flushed yet (they would lose it with the power, as its writer would).
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { open, type Database, type RootDatabase } from 'lmdb';

import { assert, ConfigError, isSensoriumError, UnavailableError } from '../errors.ts';
import { asBuffer, RecordingView, type PlanView } from './plan-view.ts';
import { acquireProcessLock, unusableFolder, type ProcessLock } from './process-lock.ts';

export interface Updated<T> {
  readonly result: T;
  /** Resolves when the update is on the disk. */
  readonly flushed: Promise<void>;
}

export interface TableRange {
  readonly from: Uint8Array;
  /** Exclusive. */
  readonly to: Uint8Array;
  readonly order?: 'forward' | 'reverse';
}

export interface Tables {
  /** Names this process among all that ever opened the folder. */
  readonly processToken: string;
  /** Makes the following reads see everything committed by now, by whichever thread. */
  refresh(): void;
  get(table: string, key: Uint8Array): Buffer | undefined;
  /** Entries in key order, copied; nothing may be awaited between two of them. */
  range(table: string, range: TableRange): Iterable<{ key: Buffer; value: Buffer }>;
  /**
   * Runs `plan` against a snapshot and applies its writes atomically; it may run several times and must only touch
   * the view. Rejects with what the plan throws.
   * @throws UnavailableError when the database could not be written (disk full, closed): nothing is applied.
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
  /** `read`: beside a process that holds the folder, without its lock; nothing is created, no update possible. */
  readonly access?: 'write' | 'read';
}

// One environment per folder and thread: lmdb's write queue belongs to the handle, and two handles of one thread
// could wait for each other.
const openTables = new Map<string, SharedTables>();

/**
 * Opens (or joins, within this thread) the tables of `<dataDir>/<name>`, creating what is missing.
 * @throws ConfigError when another process holds the folder, or it cannot be written.
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
/** Each time one of the competing threads gets through; so many losses in a row are not bad luck. */
const attemptsMax = 10_000;

class SharedTables {
  readonly processToken: string;
  readonly #path: string;
  /** undefined: opened to read only. */
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
      if (lock !== undefined) mkdirSync(path, { recursive: true });
      const settings = {
        path,
        noSubdir: false,
        maxDbs: 16,
        encoding: 'binary',
        keyEncoding: 'binary',
        // Every update is one explicit batch, begun only when all of it is queued, whatever its size.
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
        assert(this.#lock !== undefined, 'These tables were opened to read only');
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
    // A turn of its own: the promise is in place before the first plan runs.
    await Promise.resolve();
    while (this.#pending.length > 0) await this.#apply(this.#pending.splice(0, groupMax));
    // In the same step as the last look at the queue: an update that came between the two would wait for ever.
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
    `DATA_DIR ${dataDir} holds no embedded log: nothing has run there yet, or it is another folder`,
    { dataDir },
  );
}

/** Runs one plan; one that throws is told so at once and left out of the group. */
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

/** lmdb's write promises carry a second one, resolved when the write is on the disk (`separateFlushed`). */
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

/** lmdb tells why a commit failed in a promise of its own, which rejects a moment later. */
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
