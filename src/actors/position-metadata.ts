// The text committed with a shard's offset: what recovery may trust. JSON, at most 4,000 bytes,
// versioned. Only a snapshot named here is ever restored; a snapshot somebody wrote but no commit
// names does not exist.
import type { SnapshotReference, StoredSnapshot } from '../stores/snapshot-store.ts';
import { ConfigError, assert } from '../errors.ts';

export interface NamedSnapshot extends SnapshotReference {
  /** Wall clock when it was copied, ms: its age decides when the next is due. */
  readonly takenMs: number;
}

export interface PositionMetadata {
  readonly version: 1;
  /** Where the log began for this group: replay without any snapshot starts here. */
  readonly origin: number;
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
  };
  /** Newest first, at most two. */
  readonly snapshots: readonly NamedSnapshot[];
  /**
   * Snapshots that may lie in the store though none of them is to be restored: being written, or
   * being removed. Left out where there are none. An earlier version carries the list on unchanged,
   * so that one of them may have been removed long ago.
   */
  readonly unnamed?: readonly StoredSnapshot[] | undefined;
}

const metadataBytesMax = 4_000;

/** Returns the metadata as text. @throws InvariantError when it would not fit Kafka's limit. */
export function encodePositionMetadata(metadata: PositionMetadata): string {
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
  if (metadata?.version !== 1 || !Number.isSafeInteger(metadata.origin)) {
    throw new ConfigError(
      `the offset committed for ${where} carries no metadata of this program (${text.slice(0, 60)}…): ` +
        'another consumer uses this GROUP_ID; choose a GROUP_ID of its own',
      { where },
    );
  }
  return metadata;
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
