// The text committed with a shard's offset: what recovery may trust. JSON, at most 4,000 bytes,
// versioned. Only a snapshot named here is ever restored; a snapshot somebody wrote but no commit
// names does not exist.
import type { SnapshotReference, StoredSnapshot } from '../stores/snapshot-store.ts';
import { ConfigError, assert } from '../errors.ts';
import type { OutputCounts } from './outgoing.ts';

export interface NamedSnapshot extends SnapshotReference {
  /** Wall clock when it was copied, ms: its age decides when the next is due. */
  readonly takenMs: number;
}

/**
 * A commit that is out in part: the position stays where it was, and the first outputs that follow
 * it are visible. The next owner folds from the position to `offset` and leaves those out.
 */
export interface PartialCommit extends OutputCounts {
  /** Next offset at the commit's cut. */
  readonly offset: number;
  /** Journal entries at the cut; all of them are in the journal. */
  readonly sequence: number;
  /** At the cut: folding again must lead to the same. */
  readonly watermarkMs: number | null;
  readonly sourceMaxMs: number | null;
}

export interface PositionMetadata {
  /** 2 while a commit is out in part, so that programs which know no parts refuse. */
  readonly version: 1 | 2;
  /** Where the log began for this group: replay without any snapshot starts here. */
  readonly origin: number;
  /** Id of the shard's topic. Left out by earlier versions, which carry it on unchanged. */
  readonly topicId?: string;
  /** Fingerprint of the semantics that computed the state at this offset. */
  readonly fingerprint: string;
  /** Source partitions of the input topic when this was committed. */
  readonly sources: number;
  /** null before the first reading. */
  readonly watermarkMs: number | null;
  /** Max event time of all readings of this source, keyed or not; null before the first. */
  readonly sourceMaxMs: number | null;
  /** The source had been quiet for IDLE_TIMEOUT_MS, or never spoke. */
  readonly sourceIdle: boolean;
  readonly journal: {
    /** Entries written so far. */
    readonly sequence: number;
    /** Offset of the journal partition at the origin: replay from the origin reads from here. */
    readonly originOffset: number;
    /**
     * Partitions that the journal had when this shard began: its own one follows from it. Earlier
     * versions left it out.
     */
    readonly partitions?: number;
    /** Id of the journal's topic. */
    readonly topicId?: string;
  };
  /** Partitions of the rekeyed topic that the group spreads sensors over. */
  readonly rekeyedPartitions?: number;
  /** Newest first, at most two. */
  readonly snapshots: readonly NamedSnapshot[];
  /**
   * Snapshots that may lie in the store though none of them is to be restored: being written, or
   * being removed. Left out where there are none. An earlier version carries the list on unchanged,
   * so that one of them may have been removed long ago.
   */
  readonly unnamed?: readonly StoredSnapshot[] | undefined;
  /** Exactly in version 2. */
  readonly partial?: PartialCommit | undefined;
  /**
   * Position of the last migration. From there on the state is no function of the log from the
   * origin: only snapshots lead to it. Left out where there was none.
   */
  readonly migratedAt?: number;
  /** The settings before the last migration, and the state they go on from; see `FormerState`. */
  readonly former?: FormerState | undefined;
}

/** The start of a migration back. Kept until the next migration. */
export interface FormerState {
  /**
   * The settings of the former fingerprint that differ, `NAME=value` joined by spaces; a value is
   * empty where the fingerprint lacks the name.
   */
  readonly settings: string;
  /** The newest snapshot of before the migration; none was stored where it is left out. */
  readonly snapshot?: NamedSnapshot;
  /** `migratedAt` of before it. */
  readonly migratedAt?: number;
}

/** Kafka takes 4,096 by default. */
export const metadataBytesMax = 4_000;

/** Returns the metadata as text. @throws InvariantError when it would not fit Kafka's limit. */
export function encodePositionMetadata(metadata: PositionMetadata): string {
  const isPartial = metadata.partial !== undefined;
  assert(isPartial === (metadata.version === 2), 'position metadata is partial iff of version 2');
  const text = JSON.stringify(metadata);
  assert(Buffer.byteLength(text) <= metadataBytesMax, 'position metadata is too long', {
    bytes: Buffer.byteLength(text),
    bytesMax: metadataBytesMax,
  });
  return text;
}

/**
 * Returns the metadata that `text` holds.
 * @throws ConfigError when it is not ours: the group id is used by another program, or by another
 * version of this one.
 */
export function decodePositionMetadata(text: string, where: string): PositionMetadata {
  const metadata = parse(text);
  const known = metadata?.version === 1 || (metadata?.version === 2 && isPartial(metadata.partial));
  if (!known || !Number.isSafeInteger(metadata.origin)) {
    throw new ConfigError(
      `the offset committed for ${where} carries no metadata of this program (${text.slice(0, 60)}…): ` +
        'another consumer uses this GROUP_ID; choose a GROUP_ID of its own',
      { where },
    );
  }
  return metadata;
}

/** Returns the metadata of a commit that is out in part as if all of it were. */
export function wholeMetadata({ partial, ...metadata }: PositionMetadata): PositionMetadata {
  if (partial === undefined) return metadata;
  const { sequence, sourceMaxMs, watermarkMs } = partial;
  const journal = { ...metadata.journal, sequence };
  return { ...metadata, version: 1, watermarkMs, sourceMaxMs, journal };
}

/** Returns how many entries of the shard the journal holds. */
export function journaledEntries({ journal, partial }: PositionMetadata): number {
  return partial?.sequence ?? journal.sequence;
}

function isPartial(partial: PartialCommit | undefined): boolean {
  if (partial === undefined) return false;
  const { anomalyEvents, offset, others, rows, sequence } = partial;
  return [anomalyEvents, offset, others, rows, sequence].every(Number.isSafeInteger);
}

function parse(text: string): PositionMetadata | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as PositionMetadata) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
