// The port of the snapshot store: immutable, checksummed blobs. The committed metadata of a shard
// names the ones that count.

/**
 * What committed metadata holds of a snapshot: enough to find it and to distrust it. Kept short (≤
 * 300 bytes as JSON).
 */
export interface SnapshotReference {
  readonly id: string;
  /** Where the store put it; opaque to everyone else. */
  readonly place: string;
  /** Bytes of the snapshot. */
  readonly length: number;
  /** CRC-32C of the bytes. */
  readonly checksum: number;
}

export interface SnapshotStore {
  /** Stores `bytes` durably under `<shardKey>/<id>`, shardKey = `<group>/<topic>/<partition>`. */
  write(shardKey: string, id: string, bytes: Uint8Array): Promise<SnapshotReference>;
  /** @throws CorruptSnapshotError when it is missing, short, or its checksum differs. */
  read(shardKey: string, reference: SnapshotReference): Promise<Uint8Array>;
  /** Removes a snapshot no metadata names any more; missing ones are fine. */
  remove(shardKey: string, reference: SnapshotReference): Promise<void>;
  close(): Promise<void>;
}
