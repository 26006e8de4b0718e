// The port of the snapshot store: immutable, checksummed blobs. The committed metadata of a shard
// names the ones that count.

/** A snapshot that may lie in the store: whole, in part or not at all. */
export interface StoredSnapshot {
  readonly id: string;
  /** Bytes of the whole snapshot. */
  readonly length: number;
  /** Known once it was stored whole. */
  readonly place?: string;
}

/**
 * What committed metadata holds of a snapshot: enough to find it and to distrust it. Kept short (≤
 * 300 bytes as JSON).
 */
export interface SnapshotReference extends StoredSnapshot {
  /** Where the store put it; opaque to everyone else. */
  readonly place: string;
  /** CRC-32C of the bytes. */
  readonly checksum: number;
}

export interface SnapshotStore {
  /** Stores `bytes` durably under `<shardKey>/<id>`, shardKey = `<group>/<topic>/<partition>`. */
  write(shardKey: string, id: string, bytes: Uint8Array): Promise<SnapshotReference>;
  /** @throws CorruptSnapshotError when it is missing, short, or its checksum differs. */
  read(shardKey: string, reference: SnapshotReference): Promise<Uint8Array>;
  /**
   * Removes a snapshot that no metadata can name any more, or what a write that ended midway has
   * left of it; one that is not there is fine.
   */
  remove(shardKey: string, snapshot: StoredSnapshot): Promise<void>;
  /**
   * Returns the ids of all snapshots of the shard, whole or in part; left out where that is dear.
   */
  list?(shardKey: string): Promise<readonly string[]>;
  close(): Promise<void>;
}
