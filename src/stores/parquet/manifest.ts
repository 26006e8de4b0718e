// The manifest of a view's history: the one truth of what its files hold. It is replaced
// atomically; a row is in the history exactly when the manifest, or a day file's own metadata, says
// so.
//
//   <folder>/_manifest.json               this; readers of a whole folder pass over names with _ or .
//   <folder>/2026-01-31.parquet           a day as readers see it
//   <folder>/.pieces/<day>.….parquet      rows not yet merged into their day
import { z } from 'zod';

import { ConfigError } from '../../errors.ts';
import type { BackfillMark, HistoryGap } from '../history-store.ts';
import type { DeclaredFeature } from './elements.ts';
import { dayEndMs } from './history-block.ts';
import type { DiskFile, HistoryDisk } from './history-disk.ts';

export interface Manifest {
  readonly version: 1;
  readonly view: string;
  readonly topic: string;
  readonly features: readonly DeclaredFeature[];
  /** The one process that may write; null after a clean stop. `beat` grows while it lives. */
  readonly writer: {
    readonly id: string;
    readonly host: string;
    readonly pid: number;
    readonly beat: number;
  } | null;
  /** Number of the newest piece. */
  readonly sequence: number;
  /** Next offset to read, by partition. */
  readonly positions: readonly (number | null)[];
  /** Id of the topic that `positions` are in; null where the log or an earlier version has none. */
  readonly topicId: string | null;
  /** Newest window end, by partition. */
  readonly newestMs: readonly (number | null)[];
  readonly gaps: readonly HistoryGap[];
  /** Rows that are not in their day's file yet, the oldest first. */
  readonly pieces: readonly Piece[];
  /** `through` is the newest piece in the day's file. */
  readonly days: Readonly<Record<string, DayFacts>>;
  /** Days whose files lack columns of `features`: a migration that is under way. */
  readonly outdated: readonly string[];
  /** The backfill that was begun last; null before the first. */
  readonly backfill: BackfillMark | null;
}

export interface Piece {
  readonly file: string;
  readonly day: string;
  readonly sequence: number;
  /** How often its rows were merged. */
  readonly level: number;
  readonly rows: number;
}

export interface DayFacts {
  readonly rows: number;
  readonly through: number;
  /** Whether every partition's rows have passed the day's end. */
  readonly closed: boolean;
}

const offset = z.number().int().min(0);
const text = z.string();

const manifestSchema: z.ZodType<Manifest> = z.object({
  version: z.literal(1),
  view: text,
  topic: text,
  features: z.array(
    z.object({ name: text, type: z.enum(['Float64', 'Int64']), unit: text, description: text }),
  ),
  writer: z.object({ id: text, host: text, pid: z.number(), beat: z.number() }).nullable(),
  sequence: offset,
  positions: z.array(offset.nullable()),
  topicId: text.nullable().default(null),
  newestMs: z.array(z.number().nullable()),
  gaps: z.array(z.object({ partition: offset, from: offset, to: offset })),
  pieces: z.array(
    z.object({ file: text, day: text, sequence: offset, level: offset, rows: offset }),
  ),
  days: z.record(text, z.object({ rows: offset, through: offset, closed: z.boolean() })),
  outdated: z.array(text),
  backfill: z
    .object({
      ...{ id: text, startedMs: z.number(), rows: offset },
      phase: z.enum(['removing', 'adding', 'done']),
    })
    .nullable()
    .default(null),
});

const manifestName = '_manifest.json';

/** Returns the folder's manifest, or undefined. @throws ConfigError for one that we cannot read */
export async function readManifest(
  disk: Pick<HistoryDisk, 'open'>,
  folder: string,
): Promise<Manifest | undefined> {
  const path = `${folder}/${manifestName}`;
  const file = await disk.open(path);
  if (file === undefined) return undefined;
  const json = await textOf(file);
  const parsed = manifestSchema.safeParse(parseJson(json));
  if (parsed.success) return parsed.data;
  const problem = parsed.error.issues[0];
  throw new ConfigError(
    `${path} is no manifest of this version: ${problem?.path.join('.') ?? ''} ` +
      `${problem?.message ?? ''}; name another folder, or export again into an empty one`,
    { path },
  );
}

/** Returns the days that have a file or a piece, the oldest first. */
export function daysOf({ days, pieces }: Manifest): readonly string[] {
  return [...new Set([...Object.keys(days), ...pieces.map(({ day }) => day)])].sort();
}

/** Returns those of `daysOf` that may hold rows whose windows end in (fromMs, toMs]. */
export function daysIn(
  manifest: Manifest,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): readonly string[] {
  return daysOf(manifest).filter((day) => dayEndMs(day) > fromMs && Date.parse(day) <= toMs);
}

/** Replaces the folder's manifest. */
export async function writeManifest(
  disk: HistoryDisk,
  folder: string,
  manifest: Manifest,
): Promise<void> {
  const part = `${folder}/.${manifestName}.${manifest.writer?.id ?? 'closed'}.part`;
  const writer = await disk.create(part);
  try {
    await writer.append(Buffer.from(`${JSON.stringify(manifest, null, 1)}\n`));
    await writer.finish();
  } catch (error) {
    await writer.abandon();
    throw error;
  }
  await disk.replace(part, `${folder}/${manifestName}`);
}

async function textOf(file: DiskFile): Promise<string> {
  try {
    return Buffer.from(await file.slice(0)).toString();
  } finally {
    await file.close();
  }
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
