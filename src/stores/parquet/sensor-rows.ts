// The newest rows of one sensor in a view's history. Days are read from the newest back, and of a
// day only the row groups that may hold the sensor, until enough rows are found: the cost grows
// with the question, not with the history. Open files stay readable while the writer replaces them.
import type { SensorRow, StoredSensorRows, WantedRows } from '../history-store.ts';
import { closeFiles, openIfThere, type OpenBlockFile } from './block-files.ts';
import { compareIds, timeColumns, type HistoryBlock } from './history-block.ts';
import type { HistoryDisk } from './history-disk.ts';
import { daysIn, type Manifest } from './manifest.ts';
import { readByManifest, takeDay } from './read-beside-writer.ts';

type Disk = Pick<HistoryDisk, 'open'>;

/**
 * Returns the sensor's rows in the history in `folder`, or undefined if it holds none.
 * @throws as readByManifest
 */
export function readStoredRows(
  disk: Disk,
  folder: string,
  wanted: WantedRows,
): Promise<StoredSensorRows | undefined> {
  return readByManifest(disk, folder, async (manifest) => {
    const rows = await newestRows({ disk, folder, manifest }, wanted);
    return rows === undefined ? undefined : { rows, positions: manifest.positions };
  });
}

interface Place {
  readonly disk: Disk;
  readonly folder: string;
  readonly manifest: Manifest;
}

/** Returns undefined where the files have moved on from the manifest. */
async function newestRows(
  place: Place,
  wanted: WantedRows,
): Promise<readonly SensorRow[] | undefined> {
  const found: SensorRow[] = [];
  for (const day of daysIn(place.manifest, wanted).toReversed()) {
    if (found.length >= wanted.rowsMax) break;
    const rows = await rowsOfDay(place, day, wanted);
    if (rows === undefined) return undefined;
    for (const row of rows) found.push(row);
  }
  return found;
}

async function rowsOfDay(
  { disk, folder, manifest }: Place,
  day: string,
  wanted: WantedRows,
): Promise<readonly SensorRow[] | undefined> {
  const opened: OpenBlockFile[] = [];
  const take = async (name: string): Promise<OpenBlockFile | undefined> => {
    const file = await openIfThere(disk, `${folder}/${name}`);
    if (file !== undefined) opened.push(file);
    return file;
  };
  const throughOf = ({ reader }: OpenBlockFile): number => reader.facts.through;
  try {
    if (!(await takeDay(manifest, day, { take, throughOf }))) return undefined;
    const found = [];
    for (const file of opened) found.push(await rowsIn(manifest, file, wanted));
    return found.flat();
  } finally {
    await closeFiles(opened);
  }
}

async function rowsIn(
  { features }: Manifest,
  { reader }: OpenBlockFile,
  wanted: WantedRows,
): Promise<readonly SensorRow[]> {
  const { sensorId } = wanted;
  const names = features.map(({ name }) => name);
  const rows: SensorRow[] = [];
  // Statistics hold the first bytes of a long id, so the upper bound may be a prefix of the id.
  const mayBeIn = (first: string, last: string): boolean =>
    compareIds(first, sensorId) <= 0 &&
    (compareIds(sensorId, last) <= 0 || sensorId.startsWith(last));
  for await (const block of reader.blocks(names, mayBeIn)) {
    for (let at = 0; at < block.rows; at += 1) {
      if (block.sensorIds[at] !== sensorId) continue;
      const row = rowAt(block, at, names);
      if (row.window_end > wanted.fromMs && row.window_end <= wanted.toMs) rows.push(row);
    }
  }
  return rows;
}

function rowAt(block: HistoryBlock, at: number, names: readonly string[]): SensorRow {
  const time = (name: (typeof timeColumns)[number]): number =>
    block.times[timeColumns.indexOf(name)]?.[at] ?? NaN;
  const features = names.map((name, index): [string, number | null] => {
    const value = block.features[index]?.[at] ?? NaN;
    return [name, Number.isNaN(value) ? null : value];
  });
  return {
    window_start: time('window_start'),
    window_end: time('event_timestamp'),
    created: time('created'),
    available_at: time('available_at'),
    features: Object.fromEntries(features),
  };
}
