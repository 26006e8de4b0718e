// OffsetFetch v7 with require_stable (KIP-447), which kafkajs does not speak: a commit's EndTxn is answered before its
// markers reach the offsets topic, and until then the group's offset is the one before. With require_stable the broker
// says so (UNSTABLE_OFFSET_COMMIT) and the caller asks again (trap 21).
import { assert } from '../../errors.ts';
import type { TopicPartition } from '../event-log.ts';
import { createEncoder, createErrorFromCode, type Broker, type Encoder } from './internals.ts';

const offsetFetchApiKey = 9;
const offsetFetchVersion = 7;

export interface StableOffset {
  /** -1 where the group never committed. */
  readonly offset: bigint;
  readonly metadata: string;
}

/** Returns the group's offset in one partition, no transaction pending. @throws kafkajs errors, untranslated. */
export async function fetchStableOffset(
  coordinator: Broker,
  groupId: string,
  place: TopicPartition,
): Promise<StableOffset> {
  const answer = await coordinator.connectionPool.send({
    request: {
      apiKey: offsetFetchApiKey,
      apiVersion: offsetFetchVersion,
      apiName: 'OffsetFetch',
      encode: () => Promise.resolve(encodeRequest(groupId, place)),
    },
    response: {
      decode: (payload) => Promise.resolve(decodeAnswer(payload)),
      parse: (decoded) => Promise.resolve(decoded),
    },
  });
  const { errorCode, offset, metadata } = answer as StableOffset & { errorCode: number };
  if (errorCode !== 0) throw createErrorFromCode(errorCode);
  return { offset, metadata };
}

// The flexible request: header tags (kafkajs writes the header without them), group_id, [topic [partition] tags],
// require_stable, tags. Compact lengths are one more than they say.
function encodeRequest(groupId: string, { topic, partition }: TopicPartition): Encoder {
  const partitionBytes = Buffer.alloc(4);
  partitionBytes.writeInt32BE(partition);
  return createEncoder().writeBuffer(
    Buffer.concat([
      Buffer.from([0]),
      compactString(groupId),
      compactLength(1),
      compactString(topic),
      compactLength(1),
      partitionBytes,
      Buffer.from([0]),
      Buffer.from([1, 0]),
    ]),
  );
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

// The flexible response: header tags, throttle_time, [topic [partition offset leader_epoch metadata error tags] tags],
// error, tags. Asked for one partition, it answers for one.
function decodeAnswer(payload: Buffer): StableOffset & { readonly errorCode: number } {
  const reader = new CompactReader(payload);
  reader.skipTags();
  reader.skip(4);
  const topics = reader.compactLength();
  let answer = { offset: -1n, metadata: '', errorCode: 0 };
  for (let topic = 0; topic < topics; topic++) {
    reader.skip(reader.compactLength());
    const partitions = reader.compactLength();
    for (let partition = 0; partition < partitions; partition++) {
      reader.skip(4);
      const offset = reader.bytes(8).readBigInt64BE();
      reader.skip(4);
      const metadata = reader.bytes(Math.max(0, reader.compactLength())).toString('utf8');
      const errorCode = reader.bytes(2).readInt16BE();
      reader.skipTags();
      answer = { offset, metadata, errorCode };
    }
    reader.skipTags();
  }
  const errorCode = reader.bytes(2).readInt16BE();
  return errorCode === 0 ? answer : { ...answer, errorCode };
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
