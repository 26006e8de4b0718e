// Opens a view's history in a folder of this machine.
import { randomBytes } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';

import type { Clock } from '../clock.ts';
import { processExists } from '../process-exists.ts';
import type { FeatureDeclaration } from '../sensors/features.ts';
import type {
  BackfilledHistory,
  HistoryProgress,
  StoredSensorRows,
  WantedRows,
} from './history-store.ts';
import { nodeDisk } from './parquet/history-disk.ts';
import { snapshotHistory, type HistorySnapshot } from './parquet/history-snapshot.ts';
import { readManifest } from './parquet/manifest.ts';
import { openHistory } from './parquet/open-history.ts';
import { readStoredRows } from './parquet/sensor-rows.ts';

export interface HistoryPlace {
  /** Holds a folder for each view. */
  readonly directory: string;
  readonly view: string;
  readonly topic: string;
  readonly features: readonly FeatureDeclaration[];
  /** Rows are committed this often; open days are rewritten each six of it at most. */
  readonly intervalMs: number;
  readonly whenTaken: 'wait' | 'refuse';
  readonly whenGrown: 'migrate' | 'refuse';
  readonly clock: Clock;
  readonly signal: AbortSignal;
  onWait?(message: string): void;
}

/** Returns the view's history with this process as its one writer. @throws as openHistory */
export function openHistoryStore({
  directory,
  intervalMs,
  ...place
}: HistoryPlace): Promise<BackfilledHistory> {
  return openHistory({
    ...place,
    disk: nodeDisk,
    folder: join(directory, place.view),
    writer: { id: randomBytes(6).toString('hex'), host: hostname(), pid: process.pid },
    isAlive: processExists,
    limits: { publishIntervalMs: 6 * intervalMs },
  });
}

export type HistoryFacts = Pick<HistoryProgress, 'positions' | 'gaps' | 'topicId'>;

/** Returns how far the history in `folder` has read, or undefined if it holds none. */
export async function readHistoryFacts(folder: string): Promise<HistoryFacts | undefined> {
  const manifest = await readManifest(nodeDisk, folder);
  if (manifest === undefined) return undefined;
  const { positions, gaps, topicId } = manifest;
  return {
    ...{ positions: positions.map((position) => position ?? undefined), gaps },
    ...(topicId === null ? {} : { topicId }),
  };
}

/** Returns the sensor's rows in the files of a view's history. @throws as readStoredRows */
export function readSensorHistory(
  directory: string,
  view: string,
  wanted: WantedRows,
): Promise<StoredSensorRows | undefined> {
  return readStoredRows(nodeDisk, join(directory, view), wanted);
}

export interface HeldHistory extends HistorySnapshot {
  /** Gives the files up. */
  release(): Promise<void>;
}

const holdMsMax = 86_400_000;

/**
 * Holds the files of a view's history as of now; undefined if the view has no history.
 * @throws ConfigError for a folder that is no history; UnavailableError when the disk refuses.
 */
export async function holdHistory(
  directory: string,
  view: string,
  nowMs: number,
): Promise<HeldHistory | undefined> {
  await removeOldLinks(directory, nowMs);
  const links = join(directory, `${linksPrefix}${randomBytes(6).toString('hex')}`);
  const release = (): Promise<void> => rm(links, { recursive: true, force: true });
  try {
    const snapshot = await snapshotHistory({
      disk: nodeDisk,
      folder: join(directory, view),
      links,
    });
    if (snapshot !== undefined) return { ...snapshot, release };
    await release();
    return undefined;
  } catch (error) {
    await release();
    throw error;
  }
}

const linksPrefix = '.held-';

/** A reader that was killed leaves its links, and they keep the space of replaced files. */
async function removeOldLinks(directory: string, nowMs: number): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names.filter((found) => found.startsWith(linksPrefix))) {
    const path = join(directory, name);
    const facts = await stat(path).catch(() => undefined);
    if (facts !== undefined && nowMs - facts.mtimeMs > holdMsMax) {
      await rm(path, { recursive: true, force: true });
    }
  }
}
