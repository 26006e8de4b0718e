// OffsetFetch v7 with require_stable (KIP-447), which kafkajs does not speak: a commit's EndTxn is answered before its
// markers reach the offsets topic, and until then the group's offset is the one before. With require_stable the broker
// says so (UNSTABLE_OFFSET_COMMIT) and the caller asks again (trap 21).
import { assert } from '../../errors.ts';
import type { TopicPartition } from '../event-log.ts';
import { createEncoder, createErrorFromCode, type Broker, type Encoder } from './internals.ts';
import { withMissingRight, withTopic } from './named-refusals.ts';

const offsetFetchApiKey = 9;
const offsetFetchVersion = 7;
const unstableOffsetCommit = 88;

export interface StableOffset extends TopicPartition {
  /** -1 where the group never committed. */
  readonly offset: bigint;
  readonly metadata: string;
}

export interface StableOffsets {
  /** Of the partitions that no transaction is pending in. */
  readonly offsets: readonly StableOffset[];
  /** The first error of those left out. */
  readonly failure: Error | undefined;
}

/** Returns the group's offsets in `places`, which one request asks for. @throws kafkajs errors, untranslated. */
export async function fetchStableOffsets(
  coordinator: Broker,
  groupId: string,
  places: readonly TopicPartition[],
): Promise<StableOffsets> {
  const answer = await coordinator.connectionPool.send({
    request: {
      apiKey: offsetFetchApiKey,
      apiVersion: offsetFetchVersion,
      apiName: 'OffsetFetch',
      encode: () => Promise.resolve(encodeRequest(groupId, places)),
    },
    response: {
      decode: (payload) => Promise.resolve(decodeAnswer(payload)),
      parse: (decoded) => Promise.resolve(decoded),
    },
  });
  const { errorCode, partitions } = answer as Answer;
  const refused = (error: Error): Error =>
    withMissingRight(error, coordinator, 'offsetFetch', { groupId });
  if (errorCode !== 0) throw refused(createErrorFromCode(errorCode));
  const failures = partitions.filter((partition) => partition.errorCode !== 0);
  // What is final is said before what another question cures.
  const failed = failures.find((each) => each.errorCode !== unstableOffsetCommit) ?? failures[0];
  return {
    offsets: partitions.filter((partition) => partition.errorCode === 0),
    failure: failed && refused(withTopic(createErrorFromCode(failed.errorCode), failed.topic)),
  };
}

/** Returns the partitions of `places` by topic, both in the order in which they come first. */
export function partitionsByTopic(
  places: readonly TopicPartition[],
): ReadonlyMap<string, readonly number[]> {
  const byTopic = new Map<string, number[]>();
  for (const { topic, partition } of places) {
    const partitions = byTopic.get(topic);
    if (partitions === undefined) byTopic.set(topic, [partition]);
    else partitions.push(partition);
  }
  return byTopic;
}

// The flexible request: header tags (kafkajs writes the header without them), group_id, [topic [partition] tags],
// require_stable, tags. Compact lengths are one more than they say.
function encodeRequest(groupId: string, places: readonly TopicPartition[]): Encoder {
  const topics = partitionsByTopic(places);
  return createEncoder().writeBuffer(
    Buffer.concat([
      noTags,
      compactString(groupId),
      compactLength(topics.size),
      ...[...topics].flatMap(([topic, partitions]) => [
        compactString(topic),
        compactLength(partitions.length),
        ...partitions.map(int32),
        noTags,
      ]),
      requireStable,
      noTags,
    ]),
  );
}

const noTags = Buffer.from([0]);
const requireStable = Buffer.from([1]);

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function compactString(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([compactLength(bytes.length), bytes]);
}

function compactLength(length: number): Buffer {
  const bytes: number[] = [];
  let rest = length + 1;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return Buffer.from([...bytes, rest]);
}

interface Answer {
  readonly errorCode: number;
  readonly partitions: readonly (StableOffset & { readonly errorCode: number })[];
}

// The flexible response: header tags, throttle_time, [topic [partition offset leader_epoch metadata error tags] tags],
// error, tags.
function decodeAnswer(payload: Buffer): Answer {
  const reader = new CompactReader(payload);
  reader.skipTags();
  reader.skip(4);
  const partitions: (StableOffset & { errorCode: number })[] = [];
  for (let topics = reader.compactLength(); topics > 0; topics--) {
    const topic = reader.bytes(reader.compactLength()).toString('utf8');
    for (let left = reader.compactLength(); left > 0; left--) {
      const partition = reader.bytes(4).readInt32BE();
      const offset = reader.bytes(8).readBigInt64BE();
      reader.skip(4);
      const metadata = reader.bytes(Math.max(0, reader.compactLength())).toString('utf8');
      const errorCode = reader.bytes(2).readInt16BE();
      reader.skipTags();
      partitions.push({ topic, partition, offset, metadata, errorCode });
    }
    reader.skipTags();
  }
  return { partitions, errorCode: reader.bytes(2).readInt16BE() };
}

class CompactReader {
  readonly #payload: Buffer;
  #at = 0;

  constructor(payload: Buffer) {
    this.#payload = payload;
  }

  bytes(length: number): Buffer {
    const end = this.#at + length;
    assert(length >= 0 && end <= this.#payload.length, 'An OffsetFetch answer is cut short', {
      end,
    });
    const bytes = this.#payload.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }

  skip(length: number): void {
    this.bytes(length);
  }

  /** -1 for null. */
  compactLength(): number {
    return this.#unsignedVarint() - 1;
  }

  skipTags(): void {
    for (let left = this.#unsignedVarint(); left > 0; left--) {
      this.#unsignedVarint();
      this.skip(this.#unsignedVarint());
    }
  }

  #unsignedVarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.bytes(1).readUInt8();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    return value;
  }
}
