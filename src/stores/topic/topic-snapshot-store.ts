// Snapshots in a compacted topic of the event log, so that hosts share nothing but the log. A
// snapshot is split into chunks, each a record under <shard key>/<id>/<chunk>, in order in the
// partition of the shard key; chunks of other shards may lie in between. Committed metadata holds
// their offsets, so a read seeks and never scans.
//
//   place = <partition>:<offset of the first chunk>:<offset of the last>:<number of chunks>
import { crc32c } from '@node-rs/crc32';
import { assert, ConfigError, CorruptSnapshotError } from '../../errors.ts';
import type { EventLog } from '../../log/event-log.ts';
import { partitionForKey } from '../../records/partitioning.ts';
import type { SnapshotReference, SnapshotStore, StoredSnapshot } from '../snapshot-store.ts';

export interface TopicSnapshotStoreOptions {
  readonly log: EventLog;
  /** An existing, compacted topic that accepts records of a megabyte. */
  readonly topic: string;
}

/** A chunk fits one batch below the broker's default limit of a megabyte. */
export const chunkBytes = 750_000;
const removedMax = 1_000;

/** Returns the snapshot store in `topic`; the caller closes the log. */
export function openTopicSnapshotStore(options: TopicSnapshotStoreOptions): SnapshotStore {
  return new TopicSnapshotStore(options);
}

interface Place {
  readonly partition: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly chunks: number;
}

class TopicSnapshotStore implements SnapshotStore {
  readonly #log: EventLog;
  readonly #topic: string;
  /** Removed keys: their chunks stay in the log until it is compacted. */
  readonly #removed: Set<string> = new Set();
  #partitions: number | undefined;

  constructor({ log, topic }: TopicSnapshotStoreOptions) {
    this.#log = log;
    this.#topic = topic;
  }

  async write(shardKey: string, id: string, bytes: Uint8Array): Promise<SnapshotReference> {
    const partition = await this.#partitionOf(shardKey);
    const { length } = bytes;
    let checksum = crc32c('');
    const chunks = chunkCount(length);
    let firstOffset = -1;
    let lastOffset = -1;
    // One at a time: a large snapshot must not fill the connection shared with small appends.
    for (let chunk = 0; chunk < chunks; chunk++) {
      const value = bytes.subarray(chunk * chunkBytes, (chunk + 1) * chunkBytes);
      const key = chunkKey(shardKey, id, chunk);
      // Per chunk, because the checksum blocks the fold in this thread.
      checksum = crc32c(value, checksum);
      const [written] = await this.#log.append([{ topic: this.#topic, partition, key, value }]);
      assert(written !== undefined, 'An append wrote nowhere', { topic: this.#topic, partition });
      lastOffset = written.endOffset - 1;
      if (chunk === 0) firstOffset = lastOffset;
    }
    this.#removed.delete(`${shardKey}/${id}`);
    return { id, place: [partition, firstOffset, lastOffset, chunks].join(':'), length, checksum };
  }

  async read(shardKey: string, reference: SnapshotReference): Promise<Uint8Array> {
    const { id, length, checksum } = reference;
    const place = parsePlace(reference);
    const refused = (reason: string, cause?: unknown): CorruptSnapshotError =>
      new CorruptSnapshotError(
        `Snapshot ${id} of ${shardKey} ${reason}`,
        { shardKey, id, topic: this.#topic, place: reference.place, length },
        cause,
      );
    if (place?.chunks !== chunkCount(length)) throw refused('has no place in the topic');
    if (place.partition >= (await this.#partitionCount())) {
      // Another process may have written it since the topic got more partitions.
      this.#partitions = undefined;
      if (place.partition >= (await this.#partitionCount())) throw refused('has no such partition');
    }
    if (this.#removed.has(`${shardKey}/${id}`)) throw refused('was removed');
    const bytes = Buffer.allocUnsafeSlow(length);
    const read = await this.#readChunks(shardKey, id, place, bytes).catch((error: unknown) => {
      throw error instanceof ConfigError ? refused('is no longer in the log', error) : error;
    });
    if (read.chunks !== place.chunks) {
      throw refused(`is incomplete: ${read.chunks} of ${place.chunks} chunks`);
    }
    if (read.checksum !== checksum) throw refused('does not match its checksum');
    return bytes;
  }

  async remove(shardKey: string, { id, length, place }: StoredSnapshot): Promise<void> {
    const chunks = chunkCount(length);
    const partition =
      place === undefined ? await this.#partitionOf(shardKey) : parsePlace({ place })?.partition;
    if (partition === undefined) return;
    if (this.#removed.size >= removedMax) this.#removed.clear();
    this.#removed.add(`${shardKey}/${id}`);
    const tombstones = Array.from({ length: chunks }, (_, chunk) => ({
      topic: this.#topic,
      partition,
      key: chunkKey(shardKey, id, chunk),
      value: null,
    }));
    await this.#log.append(tombstones);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /**
   * Copies the chunks into `bytes`, in order, up to the first that is missing; returns how many
   * there were.
   */
  async #readChunks(
    shardKey: string,
    id: string,
    place: Place,
    bytes: Uint8Array,
  ): Promise<{ readonly chunks: number; readonly checksum: number }> {
    let chunk = 0;
    let checksum = crc32c('');
    const { partition, firstOffset: from, lastOffset } = place;
    const range = { topic: this.#topic, partition, from, to: lastOffset + 1 };
    for await (const batch of this.#log.read(range)) {
      const cursor = batch.records();
      while (cursor.next()) {
        const key = cursor.bytes.subarray(cursor.keyStart, cursor.keyEnd);
        if (cursor.keyStart < 0 || !chunkKey(shardKey, id, chunk).equals(key)) continue;
        const value = cursor.bytes.subarray(cursor.valueStart, cursor.valueEnd);
        const at = chunk * chunkBytes;
        if (cursor.valueStart < 0 || value.length !== Math.min(chunkBytes, bytes.length - at)) {
          continue;
        }
        bytes.set(value, at);
        checksum = crc32c(value, checksum);
        chunk += 1;
      }
    }
    return { chunks: chunk, checksum };
  }

  async #partitionOf(shardKey: string): Promise<number> {
    return partitionForKey(Buffer.from(shardKey), await this.#partitionCount());
  }

  async #partitionCount(): Promise<number> {
    if (this.#partitions !== undefined) return this.#partitions;
    const description = await this.#log.describeTopic(this.#topic);
    if (description === undefined) {
      throw new ConfigError(`The snapshot topic ${this.#topic} does not exist`, {
        topic: this.#topic,
      });
    }
    this.#partitions = description.partitions;
    return this.#partitions;
  }
}

function chunkCount(length: number): number {
  return Math.max(1, Math.ceil(length / chunkBytes));
}

function chunkKey(shardKey: string, id: string, chunk: number): Buffer {
  return Buffer.from(`${shardKey}/${id}/${chunk}`);
}

function parsePlace({ place }: Pick<SnapshotReference, 'place'>): Place | undefined {
  const match = /^(\d{1,9}):(\d{1,15}):(\d{1,15}):(\d{1,6})$/.exec(place);
  if (match === null) return undefined;
  const [partition = 0, firstOffset = 0, lastOffset = 0, chunks = 0] = match.slice(1).map(Number);
  const fits = chunks >= 1 && lastOffset - firstOffset >= chunks - 1;
  return fits ? { partition, firstOffset, lastOffset, chunks } : undefined;
}
