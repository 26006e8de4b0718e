// Reads a history beside its writer. A day's file may be newer than the manifest that was read, and
// its pieces may be gone: the files have moved on, and a newer manifest names what is there now.
import { UnavailableError } from '../../errors.ts';
import type { HistoryDisk } from './history-disk.ts';
import { readManifest, type Manifest } from './manifest.ts';

const attemptsMax = 20;

/**
 * Returns what `read` returns for the folder's manifest, or undefined if there is no manifest.
 * Where `read` returns undefined the files have moved on, and it is called with a newer manifest.
 * @throws ConfigError for a folder that is no history; UnavailableError when the disk refuses, or
 * the files move on too often.
 */
export async function readByManifest<T>(
  disk: Pick<HistoryDisk, 'open'>,
  folder: string,
  read: (manifest: Manifest) => Promise<T | undefined>,
): Promise<T | undefined> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const manifest = await readManifest(disk, folder);
    if (manifest === undefined) return undefined;
    const found = await read(manifest);
    if (found !== undefined) return found;
  }
  throw new UnavailableError(`${folder} changed ${attemptsMax} times while it was read`);
}

/** How a reader takes files of the folder. */
export interface DayAccess<File> {
  /** Takes the file called `name`; returns undefined if there is no such file. */
  take(name: string): Promise<File | undefined>;
  /** Returns the newest piece in the day's file. */
  throughOf(dayFile: File): number | Promise<number>;
}

/**
 * Takes the day's file and the pieces that it lacks, so that each row is there once. Returns false
 * where the files have moved on from the manifest.
 */
export async function takeDay<File>(
  { pieces, sequence }: Manifest,
  day: string,
  { take, throughOf }: DayAccess<File>,
): Promise<boolean> {
  const dayFile = await take(`${day}.parquet`);
  // A day without a file has pieces only, or was moved by its owner.
  const through = dayFile === undefined ? 0 : await throughOf(dayFile);
  if (through > sequence) return false;
  const missing = pieces.filter((piece) => piece.day === day && piece.sequence > through);
  for (const { file } of missing) {
    if ((await take(`.pieces/${file}`)) === undefined) return false;
  }
  return true;
}
