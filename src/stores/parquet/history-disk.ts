// The file system as history needs it. What a call changes is durable once it resolves; the laws of
// property-tests/laws/history-folder.test.ts run on one in memory that is killed at every call.
import { constants } from 'node:fs';
import { link, mkdir, open, readdir, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

import { UnavailableError } from '../../errors.ts';

/** An open file; what replaces it at its path meanwhile is not read. */
export interface DiskFile {
  readonly byteLength: number;
  slice(start: number, end?: number): Promise<ArrayBuffer>;
  close(): Promise<void>;
}

export interface DiskWriter {
  append(bytes: Uint8Array): Promise<void>;
  /** Makes the file durable. */
  finish(): Promise<void>;
  /** Gives up a file that is not finished. Idempotent. */
  abandon(): Promise<void>;
}

export interface HistoryDisk {
  /** Returns the names in `folder`; none where there is no such folder. */
  list(folder: string): Promise<readonly string[]>;
  /** Returns undefined where there is no such file. */
  open(path: string): Promise<DiskFile | undefined>;
  /** Creates or empties the file, its folders too. */
  create(path: string): Promise<DiskWriter>;
  /** Puts `from` in the place of `to`, atomically. */
  replace(from: string, to: string): Promise<void>;
  /** Removes a file, if it is there. */
  remove(path: string): Promise<void>;
}

/** The file system for those who read a history beside its writer. */
export interface ReadingDisk extends Pick<HistoryDisk, 'open' | 'remove'> {
  /** Makes `to` another name of the file; returns false where there is no file. */
  link(from: string, to: string): Promise<boolean>;
}

/** The real file system. @throws UnavailableError when it refuses: a full disk is tried again */
export const nodeDisk: HistoryDisk & ReadingDisk = {
  list: (folder) =>
    attempt(folder, async () => {
      try {
        return await readdir(folder);
      } catch (error) {
        if (isMissing(error)) return [];
        throw error;
      }
    }),
  open: (path) =>
    attempt(path, async () => {
      try {
        return await openFile(path);
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    }),
  create: (path) =>
    attempt(path, async () => {
      await mkdir(dirname(path), { recursive: true });
      return diskWriter(path, await open(path, 'w'));
    }),
  replace: (from, to) =>
    attempt(to, async () => {
      await rename(from, to);
      await syncFolder(dirname(to));
    }),
  remove: (path) => attempt(path, () => rm(path, { force: true })),
  link: (from, to) =>
    attempt(to, async () => {
      await mkdir(dirname(to), { recursive: true });
      try {
        await link(from, to);
        return true;
      } catch (error) {
        if (isMissing(error)) return false;
        throw error;
      }
    }),
};

async function openFile(path: string): Promise<DiskFile> {
  const handle = await open(path, constants.O_RDONLY);
  const { size } = await handle.stat();
  return {
    byteLength: size,
    slice: (start, end = size) =>
      attempt(path, async () => {
        const bytes = new Uint8Array(Math.max(0, Math.min(end, size) - start));
        let filled = 0;
        while (filled < bytes.length) {
          const { bytesRead } = await handle.read(bytes, filled, undefined, start + filled);
          if (bytesRead === 0) throw new Error(`ends at byte ${start + filled}`);
          filled += bytesRead;
        }
        return bytes.buffer;
      }),
    close: () => handle.close(),
  };
}

function diskWriter(path: string, handle: FileHandle): DiskWriter {
  let isOpen = true;
  const close = async (): Promise<void> => {
    if (!isOpen) return;
    isOpen = false;
    await handle.close();
  };
  return {
    append: (bytes) => attempt(path, () => handle.writeFile(bytes)),
    finish: () =>
      attempt(path, async () => {
        await handle.sync();
        await close();
        await syncFolder(dirname(path));
      }),
    abandon: () => attempt(path, close),
  };
}

/** A new name is durable only once its folder is. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && Reflect.get(error, 'code') === 'ENOENT';
}

async function attempt<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UnavailableError(`history: ${path}: ${reason}`, { path }, error);
  }
}
