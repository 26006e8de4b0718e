// Opens a view's history folder: waits for its earlier writer, adopts what a kill left between a
// day file and the manifest, removes litter, and brings old days to a schema that has grown.
import type { Clock } from '../../clock.ts';
import { ConfigError, UnavailableError } from '../../errors.ts';
import type { BlockFileFacts } from './block-file.ts';
import { closeFiles, openIfThere, writeBlocks } from './block-files.ts';
import type { DeclaredFeature } from './elements.ts';
import type { HistoryDisk } from './history-disk.ts';
import { HistoryFolder } from './history-folder.ts';
import type { HistoryLimits } from './history-limits.ts';
import { assertMigrated, mergedSchema } from './history-schema.ts';
import { readManifest, writeManifest, type DayFacts, type Manifest } from './manifest.ts';

export interface OpenHistoryOptions {
  readonly disk: HistoryDisk;
  /** Of this view alone. */
  readonly folder: string;
  readonly view: string;
  readonly topic: string;
  readonly features: readonly DeclaredFeature[];
  /** This opening; the id is its own. */
  readonly writer: { readonly id: string; readonly host: string; readonly pid: number };
  /** Whether process `pid` of this host runs. */
  readonly isAlive: (pid: number) => boolean;
  /** `wait` until a living writer ends, or `refuse`. */
  readonly whenTaken: 'wait' | 'refuse';
  /** `migrate` rewrites days that lack a column; `refuse` throws where there are any. */
  readonly whenGrown: 'migrate' | 'refuse';
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called once when the folder is taken. */
  onWait?(message: string): void;
  readonly limits?: Partial<HistoryLimits>;
}

const pollMs = 5_000;
/** A living writer beats every 15 s. */
const silentMsMax = 60_000;
const dayFilePattern = /^(\d{4}-\d{2}-\d{2})\.parquet$/;

/**
 * Returns the folder's history, with this process as its one writer; creates it where it is
 * missing.
 * @throws ConfigError when the folder holds something else, is taken, or needs a migration;
 * UnavailableError when the disk refuses, or on abort.
 */
export async function openHistory(options: OpenHistoryOptions): Promise<HistoryFolder> {
  const { clock, disk, folder, features, limits = {} } = options;
  const found = await freeManifest(options);
  const kept = await adopted(disk, folder, found ?? (await emptyManifest(options)));
  assertSame(options, kept);
  const change = mergedSchema(folder, kept.features, features);
  const days = Object.keys(kept.days);
  if (options.whenGrown === 'refuse') assertMigrated(folder, change, days.length);
  let manifest: Manifest = {
    ...kept,
    features: change.features.map(declared),
    outdated: change.added.length > 0 ? days : kept.outdated,
    writer: { ...options.writer, beat: 0 },
  };
  await writeManifest(disk, folder, manifest);
  await removeLitter(disk, folder, manifest);
  for (const day of manifest.outdated) {
    if (options.signal.aborted) throw new UnavailableError('the migration was interrupted');
    await rewriteDay(disk, folder, day, manifest);
    manifest = { ...manifest, outdated: manifest.outdated.filter((other) => other !== day) };
    await writeManifest(disk, folder, manifest);
  }
  const monotonicMs = (): number => clock.monotonicMs();
  return new HistoryFolder({ disk, folder, manifest, monotonicMs, limits });
}

/** Returns the manifest once no living process writes it; undefined if the folder has none. */
async function freeManifest(options: OpenHistoryOptions): Promise<Manifest | undefined> {
  const { clock, disk, folder, signal, writer: self } = options;
  let seen: string | undefined;
  let sinceMs = clock.monotonicMs();
  for (;;) {
    const manifest = await readManifest(disk, folder);
    const writer = manifest?.writer ?? null;
    if (writer === null) return manifest;
    const isHere = writer.host === self.host;
    if (isHere && (writer.pid === self.pid || !options.isAlive(writer.pid))) return manifest;
    const now = `${writer.id} ${writer.beat}`;
    const isFirst = seen === undefined;
    if (now !== seen) sinceMs = clock.monotonicMs();
    else if (clock.monotonicMs() - sinceMs >= silentMsMax) return manifest;
    const place = `process ${writer.pid} on ${writer.host}`;
    if (options.whenTaken === 'refuse' && (isHere || (!isFirst && now !== seen))) {
      throw new ConfigError(`${folder} is written by ${place}: stop it, or name another folder`);
    }
    seen = now;
    if (isFirst) options.onWait?.(`${folder} is written by ${place}; waiting for it to end`);
    await clock.sleep(pollMs, signal);
    if (signal.aborted) throw new UnavailableError(`${folder}: interrupted while waiting`);
  }
}

async function emptyManifest(options: OpenHistoryOptions): Promise<Manifest> {
  const { disk, folder, view, topic, features } = options;
  const other = (await disk.list(folder)).find((name) => name.endsWith('.parquet'));
  if (other !== undefined) {
    throw new ConfigError(
      `${folder} holds ${other} and no _manifest.json: its rows would be there twice; ` +
        'move it elsewhere, or name another folder',
    );
  }
  return {
    ...{ version: 1 as const, view, topic, features: features.map(declared) },
    ...{ writer: null, sequence: 0, positions: [], newestMs: [], gaps: [], pieces: [] },
    ...{ topicId: null, days: {}, outdated: [], backfill: null },
  };
}

/** A feature's whole declaration holds functions, too. */
function declared({ name, type, unit, description }: DeclaredFeature): DeclaredFeature {
  return { name, type, unit, description };
}

function assertSame({ folder, view, topic }: OpenHistoryOptions, kept: Manifest): void {
  if (kept.view === view && kept.topic === topic) return;
  throw new ConfigError(
    `${folder} holds the history of ${kept.topic} (${kept.view}), not of ${topic} (${view})`,
  );
}

/**
 * Returns the manifest as its day files say: one may be ahead of it by a publish that was killed.
 */
async function adopted(disk: HistoryDisk, folder: string, manifest: Manifest): Promise<Manifest> {
  const days: Record<string, DayFacts> = {};
  let { pieces } = manifest;
  for (const name of await disk.list(folder)) {
    if (!name.endsWith('.parquet') || name.startsWith('.')) continue;
    const day = dayFilePattern.exec(name)?.[1];
    if (day === undefined) {
      throw new ConfigError(`${folder}/${name} is no day of the history: move it elsewhere`);
    }
    const known = manifest.days[day];
    const isCertain = known !== undefined && !pieces.some((piece) => piece.day === day);
    if (isCertain) {
      days[day] = known;
      continue;
    }
    const { rows, through } = await factsOf(disk, `${folder}/${name}`);
    if (through > manifest.sequence || through < (known?.through ?? 0)) {
      throw new ConfigError(
        `${folder}/${name} and _manifest.json are not of one moment: ` +
          'export again into another folder',
      );
    }
    days[day] = { rows, through, closed: known?.closed ?? false };
    pieces = pieces.filter((piece) => piece.day !== day || piece.sequence > through);
  }
  return { ...manifest, days, pieces };
}

async function factsOf(disk: HistoryDisk, path: string): Promise<BlockFileFacts> {
  const found = await openIfThere(disk, path);
  if (found === undefined) throw new UnavailableError(`${path} is gone`);
  await closeFiles([found]);
  return found.reader.facts;
}

async function removeLitter(disk: HistoryDisk, folder: string, manifest: Manifest): Promise<void> {
  const named = new Set(manifest.pieces.map(({ file }) => file));
  for (const name of await disk.list(`${folder}/.pieces`)) {
    if (!named.has(name)) await disk.remove(`${folder}/.pieces/${name}`);
  }
  for (const name of await disk.list(folder)) {
    if (name.startsWith('.') && name.endsWith('.part')) await disk.remove(`${folder}/${name}`);
  }
}

/** Writes the file of `day` again with the columns of `manifest`. */
async function rewriteDay(
  disk: HistoryDisk,
  folder: string,
  day: string,
  { features, writer }: Manifest,
): Promise<void> {
  const path = `${folder}/${day}.parquet`;
  const part = `${folder}/.${day}.${writer?.id ?? ''}.part`;
  const found = await openIfThere(disk, path);
  if (found === undefined) return;
  try {
    const { through } = found.reader.facts;
    const blocks = found.reader.blocks(features.map(({ name }) => name));
    await writeBlocks(disk, part, { features, through }, blocks);
  } finally {
    await closeFiles([found]);
  }
  await disk.replace(part, path);
}
