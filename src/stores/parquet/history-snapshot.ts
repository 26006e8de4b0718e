// The files of a view's history as of one moment, for a reader that opens them by path. Hard links
// hold them, since a day's file may be replaced, and its pieces removed, while they are read. A
// day's file says through which piece it goes, so no row is read twice.
import { basename, join } from 'node:path';

import { UnavailableError } from '../../errors.ts';
import { closeFiles, openIfThere } from './block-files.ts';
import type { DeclaredFeature } from './elements.ts';
import type { ReadingDisk } from './history-disk.ts';
import { daysOf, type Manifest } from './manifest.ts';
import { readByManifest, takeDay } from './read-beside-writer.ts';

export interface HistorySnapshot {
  /** Paths of the files, which stay readable until they are removed by the caller. */
  readonly files: readonly string[];
  readonly features: readonly DeclaredFeature[];
  /** Next offset of the topic that is not in the files, by partition. */
  readonly positions: readonly (number | null)[];
}

export interface SnapshotPlace {
  readonly disk: ReadingDisk;
  /** Of this view alone. */
  readonly folder: string;
  /** Gets the links; on the same file system. */
  readonly links: string;
}

/**
 * Returns the history in `folder`, or undefined if it holds none. @throws as readByManifest
 */
export function snapshotHistory(place: SnapshotPlace): Promise<HistorySnapshot | undefined> {
  return readByManifest(place.disk, place.folder, async (manifest) => {
    const files = await linked(place, manifest);
    const { features, positions } = manifest;
    return files === undefined ? undefined : { files, features, positions };
  });
}

/** Returns the links, or undefined where the files have moved on from the manifest. */
async function linked(
  { disk, folder, links }: SnapshotPlace,
  manifest: Manifest,
): Promise<readonly string[] | undefined> {
  const files: string[] = [];
  const take = async (name: string): Promise<string | undefined> => {
    const to = join(links, basename(name));
    // A former attempt may have left it.
    await disk.remove(to);
    if (!(await disk.link(join(folder, name), to))) return undefined;
    files.push(to);
    return to;
  };
  const access = { take, throughOf: (link: string) => throughOf(disk, link) };
  for (const day of daysOf(manifest)) {
    if (!(await takeDay(manifest, day, access))) return undefined;
  }
  return files;
}

async function throughOf(disk: ReadingDisk, path: string): Promise<number> {
  const found = await openIfThere(disk, path);
  if (found === undefined) throw new UnavailableError(`${path} is gone`);
  await closeFiles([found]);
  return found.reader.facts.through;
}
