// The port of the snapshot store: immutable, checksummed blobs. Only snapshots that the committed
// metadata of their shard names are ever restored.

/** A snapshot that the store may hold completely, partly or not at all. */
export interface StoredSnapshot {
  readonly id: string;
  /** Bytes of the whole snapshot. */
  readonly length: number;
  /** Set once it is stored completely. */
  readonly place?: string;
}

/**
 * The reference to a snapshot in committed metadata: enough to find and to verify it. At most 300
 * bytes as JSON.
 */
export interface SnapshotReference extends StoredSnapshot {
  /** Location in the store; opaque to callers. */
  readonly place: string;
  /** CRC-32C of the bytes. */
  readonly checksum: number;
}

export interface SnapshotStore {
  /** Stores `bytes` durably under `<shardKey>/<id>`, shardKey = `<group>/<topic>/<partition>`. */
  write(shardKey: string, id: string, bytes: Uint8Array): Promise<SnapshotReference>;
  /** @throws CorruptSnapshotError if it is missing, truncated, or its checksum differs. */
  read(shardKey: string, reference: SnapshotReference): Promise<Uint8Array>;
  /** Removes a snapshot, complete or partly written, that no metadata can name; may be missing. */
  remove(shardKey: string, snapshot: StoredSnapshot): Promise<void>;
  /** Resolves with the ids of all the shard's snapshots, even partial ones. Absent if expensive. */
  list?(shardKey: string): Promise<readonly string[]>;
  close(): Promise<void>;
}
