// Snapshots as files in a folder, which hosts may share: <folder>/<shard key>/<id>.snapshot, with
// percent-encoded names. A file gets its name only once it is complete and on disk: it is written
// to a temporary file, synced and renamed, and the folder is synced. The checksum is in the
// reference (committed metadata), so a file is never trusted by itself.
import { open, mkdir, readdir, rename, rm, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

import { crc32c } from '@node-rs/crc32';

import { assert, ConfigError, CorruptSnapshotError, UnavailableError } from '../../errors.ts';
import type { SnapshotReference, SnapshotStore, StoredSnapshot } from '../snapshot-store.ts';

export interface FileSnapshotStoreOptions {
  /** Created if missing. */
  readonly folder: string;
}

/**
 * Bytes per write and read; other work runs in between. Node cannot read files above 2 GiB at once.
 */
const pieceBytes = 4 * 1024 * 1024;
let asideCount = 0;

/**
 * Opens the snapshot store in `folder`.
 * @throws ConfigError (on the first write) if the folder cannot be written.
 */
export function openFileSnapshotStore(options: FileSnapshotStoreOptions): SnapshotStore {
  const folder = resolve(options.folder);
  return {
    write: (shardKey, id, bytes) => writeSnapshot(folder, shardKey, id, bytes),
    read: (shardKey, reference) => readSnapshot(folder, shardKey, reference),
    remove: (shardKey, snapshot) => removeSnapshot(folder, shardKey, snapshot),
    async list(shardKey) {
      const names = await namesIn(join(folder, encodeName(shardKey)));
      const ids = names.flatMap((name) => {
        const [, id] = fileName.exec(name) ?? [];
        return id === undefined ? [] : [decodeName(id)];
      });
      return [...new Set(ids)];
    },
    async close() {
      // Nothing is open between calls.
    },
  };
}

async function writeSnapshot(
  folder: string,
  shardKey: string,
  id: string,
  bytes: Uint8Array,
): Promise<SnapshotReference> {
  const place = placeOf(shardKey, id);
  const path = join(folder, place);
  asideCount += 1;
  const aside = `${path}.${process.pid}.${Date.now()}.${asideCount}.part`;
  let checksum: number;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    checksum = await writeSynced(aside, bytes);
    await rename(aside, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(aside, { force: true }).catch(() => undefined);
    if (isCode(error, 'EACCES', 'EPERM', 'EROFS', 'ENOTDIR')) throw unusable(folder, error);
    throw unavailable('written', place, error);
  }
  return { id, place, length: bytes.length, checksum };
}

/**
 * Resolves with the checksum, computed piece by piece because it blocks the fold in this thread.
 */
async function writeSynced(path: string, bytes: Uint8Array): Promise<number> {
  const file = await open(path, 'wx');
  let checksum = crc32c('');
  try {
    for (let at = 0; at < bytes.length;) {
      const { bytesWritten } = await file.write(bytes, at, Math.min(pieceBytes, bytes.length - at));
      assert(bytesWritten > 0, 'A write made no progress', { path, at });
      checksum = crc32c(bytes.subarray(at, at + bytesWritten), checksum);
      at += bytesWritten;
    }
    await file.sync();
    return checksum;
  } finally {
    await file.close();
  }
}

/** A rename is durable only once the folder is synced. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Removes the snapshot, and the temporary files of a killed process. */
async function removeSnapshot(
  folder: string,
  shardKey: string,
  { id }: StoredSnapshot,
): Promise<void> {
  const place = placeOf(shardKey, id);
  const parent = join(folder, dirname(place));
  try {
    for (const name of await namesIn(parent)) {
      const isOfIt = name === basename(place) || name.startsWith(`${basename(place)}.`);
      if (isOfIt) await rm(join(parent, name), { force: true });
    }
  } catch (error) {
    throw unavailable('removed', place, error);
  }
}

/** Resolves with the names in a folder; empty if it does not exist. */
async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return [];
    throw error;
  }
}

async function readSnapshot(
  folder: string,
  shardKey: string,
  reference: SnapshotReference,
): Promise<Uint8Array> {
  const place = placeOf(shardKey, reference.id);
  const details = { shard: shardKey, id: reference.id, place: reference.place };
  if (reference.place !== place) {
    throw new CorruptSnapshotError(
      `Snapshot ${place} has the reference of ${reference.place}`,
      details,
    );
  }
  let read: WholeFile | { readonly size: number };
  try {
    read = await readWhole(join(folder, place), reference.length);
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ENOTDIR')) {
      throw new CorruptSnapshotError(`Snapshot ${place} is missing in ${folder}`, details, error);
    }
    throw unavailable('read', place, error);
  }
  if (!('bytes' in read)) {
    throw new CorruptSnapshotError(
      `Snapshot ${place} has ${read.size} bytes instead of ${reference.length}`,
      details,
    );
  }
  if (read.checksum !== reference.checksum) {
    throw new CorruptSnapshotError(`Snapshot ${place} does not match its checksum`, details);
  }
  return read.bytes;
}

interface WholeFile {
  readonly bytes: Uint8Array;
  readonly checksum: number;
}

/** Resolves with the bytes of a file and their checksum, or with its size if it is not `length`. */
async function readWhole(
  path: string,
  length: number,
): Promise<WholeFile | { readonly size: number }> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size !== length) return { size };
    const bytes = Buffer.allocUnsafeSlow(length);
    let checksum = crc32c('');
    let at = 0;
    while (at < length) {
      const read = await readPiece(file, bytes, at);
      // The file was truncated meanwhile.
      if (read === 0) return { size: at };
      checksum = crc32c(bytes.subarray(at, at + read), checksum);
      at += read;
    }
    return { bytes, checksum };
  } finally {
    await file.close();
  }
}

async function readPiece(file: FileHandle, bytes: Uint8Array, at: number): Promise<number> {
  const { bytesRead } = await file.read(bytes, at, Math.min(pieceBytes, bytes.length - at), at);
  return bytesRead;
}

/** The name of a snapshot or of its temporary file. */
const fileName = /^(.+)\.snapshot(?:\.\d+\.\d+\.\d+\.part)?$/;

function placeOf(shardKey: string, id: string): string {
  return `${encodeName(shardKey)}/${encodeName(id)}.snapshot`;
}

/** Returns a unique file name: no path separator, not hidden, distinct even if case is ignored. */
function encodeName(text: string): string {
  assert(text.length > 0, 'A snapshot name is empty');
  return Buffer.from(text)
    .toString('latin1')
    .replace(/[^a-z0-9_-]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function decodeName(name: string): string {
  const bytes = name.replace(/%([0-9a-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString();
}

function unusable(folder: string, cause: unknown): ConfigError {
  return new ConfigError(
    `SNAPSHOT_DIR ${folder} cannot be written: ${messageOf(cause)}. It must be a folder writable by this user.`,
    { folder },
    cause,
  );
}

function unavailable(what: string, place: string, cause: unknown): UnavailableError {
  return new UnavailableError(
    `Snapshot ${place} could not be ${what}: ${messageOf(cause)}`,
    { place },
    cause,
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
