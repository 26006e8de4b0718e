// Opens a view's history in a folder of this machine.
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';

import type { Clock } from '../clock.ts';
import type { FeatureDeclaration } from '../sensors/features.ts';
import type { HistoryProgress, HistoryStore } from './history-store.ts';
import { nodeDisk } from './parquet/history-disk.ts';
import { readManifest } from './parquet/manifest.ts';
import { openHistory } from './parquet/open-history.ts';

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
}: HistoryPlace): Promise<HistoryStore> {
  return openHistory({
    ...place,
    disk: nodeDisk,
    folder: join(directory, place.view),
    writer: { id: randomBytes(6).toString('hex'), host: hostname(), pid: process.pid },
    isAlive,
    limits: { publishIntervalMs: 6 * intervalMs },
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process lives, too.
    return error instanceof Error && Reflect.get(error, 'code') === 'EPERM';
  }
}

export type HistoryFacts = Pick<HistoryProgress, 'positions' | 'gaps'>;

/** Returns how far the history in `folder` has read, or undefined where there is none. */
export async function readHistoryFacts(folder: string): Promise<HistoryFacts | undefined> {
  const manifest = await readManifest(nodeDisk, folder);
  if (manifest === undefined) return undefined;
  const { positions, gaps } = manifest;
  return { positions: positions.map((position) => position ?? undefined), gaps };
}
