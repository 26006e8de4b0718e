// The tables of the embedded log, and the bytes of their keys and values (integers are big-endian,
// format version 1).
//
//   topics     topic name                            → JSON {version, id, uuid, partitions, config}
//   batches    topic id u32 · partition u32 · last   → one Kafka record batch v2 (record-batch.ts); its leader epoch
//              offset u64                              field (not covered by the CRC) holds the append time, u32 s
//   partitions topic id u32 · partition u32          → earliest u64 · end u64 · bytes u64
//   positions  group NUL topic NUL partition         → next offset u64 · metadata UTF-8
//   writers    group NUL topic NUL partition         → epoch u64
//   groups     group                                 → JSON GroupState (group-state.ts)
//
// Batches are keyed by their last offset: the first key at or after an offset is the batch with it.
import { assert } from '../../errors.ts';
import type { CommittedPosition } from '../event-log.ts';
import type { TopicPartition } from '../../records/record.ts';

export const logTables = {
  topics: 'topics',
  batches: 'batches',
  partitions: 'partitions',
  positions: 'positions',
  writers: 'writers',
  groups: 'groups',
} as const;

export interface StoredTopic {
  readonly version: 1;
  readonly id: number;
  /** Tells the topic from another of its name; left out by earlier versions. */
  readonly uuid?: string;
  readonly partitions: number;
  readonly config: Readonly<Record<string, string>>;
}

/** The extent of a partition: offsets [earliest, end), stored in `bytes` bytes of batches. */
export interface StoredExtent {
  readonly earliest: number;
  readonly end: number;
  readonly bytes: number;
}

const emptyExtent: StoredExtent = { earliest: 0, end: 0, bytes: 0 };

/** Returns the key of a topic or a group: its name. */
export function nameKey(name: string): Buffer {
  assert(name.length > 0 && !name.includes('\0'), 'A name is empty or holds NUL', { name });
  return Buffer.from(name);
}

export function encodeTopic(topic: StoredTopic): Buffer {
  return Buffer.from(JSON.stringify(topic));
}

/** Returns the decoded topic; undefined for undefined. */
export function decodeTopic(value: Buffer | undefined): StoredTopic | undefined {
  if (value === undefined) return undefined;
  const topic = JSON.parse(value.toString('utf8')) as StoredTopic;
  assert(topic.version === 1, 'The embedded log was written by another version', {
    version: topic.version,
  });
  return topic;
}

/** Returns the key of a partition's extent. */
export function extentKey(topicId: number, partition: number): Buffer {
  const key = Buffer.alloc(8);
  key.writeUInt32BE(topicId, 0);
  key.writeUInt32BE(partition, 4);
  return key;
}

export function encodeExtent(extent: StoredExtent): Buffer {
  assert(extent.earliest <= extent.end, 'A partition ends before it begins', { ...extent });
  const value = Buffer.alloc(24);
  writeSafeInteger(value, extent.earliest, 0);
  writeSafeInteger(value, extent.end, 8);
  writeSafeInteger(value, extent.bytes, 16);
  return value;
}

/** Returns the decoded extent; an empty one for undefined. */
export function decodeExtent(value: Buffer | undefined): StoredExtent {
  if (value === undefined) return emptyExtent;
  return {
    earliest: readSafeInteger(value, 0),
    end: readSafeInteger(value, 8),
    bytes: readSafeInteger(value, 16),
  };
}

/** Returns the key of the batch whose last record has `lastOffset`. */
export function batchKey(topicId: number, partition: number, lastOffset: number): Buffer {
  const key = Buffer.alloc(16);
  key.writeUInt32BE(topicId, 0);
  key.writeUInt32BE(partition, 4);
  writeSafeInteger(key, lastOffset, 8);
  return key;
}

/** Returns the last offset of the batch at `key`. */
export function lastOffsetOf(key: Buffer): number {
  return readSafeInteger(key, 8);
}

/** Writes offset and append time into the header fields that the checksum does not cover. */
export function stampBatch(batch: Buffer, baseOffset: number, appendTimeMs: number): void {
  writeSafeInteger(batch, baseOffset, 0);
  batch.writeUInt32BE(Math.floor(appendTimeMs / 1_000), 12);
}

/** Returns the append time of a stored batch, ms since epoch, to the second. */
export function appendTimeMsOf(batch: Buffer): number {
  return batch.readUInt32BE(12) * 1_000;
}

/** Returns the key of a group's data about a partition: its position, its writer's epoch. */
export function groupPartitionKey(groupId: string, { topic, partition }: TopicPartition): Buffer {
  return Buffer.concat([nameKey(groupId), nul, nameKey(topic), nul, Buffer.from(`${partition}`)]);
}

const nul = Buffer.from([0]);
const metadataBytesMax = 4_000;

/** Returns the bytes of `position`; metadata of more than 4,000 bytes is an InvariantError. */
export function encodePosition(position: CommittedPosition): Buffer {
  const metadata = Buffer.from(position.metadata);
  assert(metadata.length <= metadataBytesMax, 'Commit metadata is longer than 4,000 bytes', {
    bytes: metadata.length,
  });
  const value = Buffer.alloc(8 + metadata.length);
  writeSafeInteger(value, position.nextOffset, 0);
  metadata.copy(value, 8);
  return value;
}

/** Returns the decoded position; undefined for undefined. */
export function decodePosition(value: Buffer | undefined): CommittedPosition | undefined {
  if (value === undefined) return undefined;
  return { nextOffset: readSafeInteger(value, 0), metadata: value.toString('utf8', 8) };
}

export function encodeEpoch(epoch: number): Buffer {
  const value = Buffer.alloc(8);
  writeSafeInteger(value, epoch, 0);
  return value;
}

/** Returns the decoded epoch; 0 if no writer was ever opened. */
export function decodeEpoch(value: Buffer | undefined): number {
  return value === undefined ? 0 : readSafeInteger(value, 0);
}

function writeSafeInteger(target: Buffer, value: number, at: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, 'A stored integer is out of range', { value });
  target.writeUInt32BE(Math.floor(value / 2 ** 32), at);
  target.writeUInt32BE(value % 2 ** 32, at + 4);
}

function readSafeInteger(source: Buffer, at: number): number {
  const value = source.readUInt32BE(at) * 2 ** 32 + source.readUInt32BE(at + 4);
  assert(Number.isSafeInteger(value), 'A stored integer is out of range', { value });
  return value;
}
