// Requests of flexible versions, which kafkajs does not speak: lengths are unsigned varints, one
// more than they say, and each structure ends in tags. kafkajs writes the header of a request
// without its tags and reads none of the answer's.
import { assert } from '../../errors.ts';
import { createEncoder, type Broker } from './internals.ts';

export interface CompactRequest<T> {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly apiName: string;
  readonly body: readonly Buffer[];
  /** Reads the answer, after the tags of its header. */
  readonly read: (reader: CompactReader) => T;
}

/**
 * Sends the request; returns what `read` makes of the answer.
 * @throws kafkajs errors, untranslated.
 */
export async function sendCompact<T>(broker: Broker, request: CompactRequest<T>): Promise<T> {
  const { apiKey, apiVersion, apiName, body, read } = request;
  const box: { answer?: T } = {};
  await broker.connectionPool.send({
    request: {
      apiKey,
      apiVersion,
      apiName,
      encode: () => Promise.resolve(createEncoder().writeBuffer(Buffer.concat([noTags, ...body]))),
    },
    response: {
      decode: (payload) => {
        const reader = new CompactReader(payload);
        reader.skipTags();
        return Promise.resolve((box.answer = read(reader)));
      },
      parse: (decoded) => Promise.resolve(decoded),
    },
  });
  assert('answer' in box, 'A request was answered without an answer', { apiName });
  return box.answer;
}

/** No tags. */
export const noTags: Buffer = Buffer.from([0]);

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}

export function compactString(text: string | null): Buffer {
  if (text === null) return compactLength(-1);
  const bytes = Buffer.from(text);
  return Buffer.concat([compactLength(bytes.length), bytes]);
}

/** -1 for null. */
export function compactLength(length: number): Buffer {
  const bytes: number[] = [];
  let rest = length + 1;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return Buffer.from([...bytes, rest]);
}

export class CompactReader {
  readonly #payload: Buffer;
  #at = 0;

  constructor(payload: Buffer) {
    this.#payload = payload;
  }

  bytes(length: number): Buffer {
    const end = this.#at + length;
    assert(length >= 0 && end <= this.#payload.length, 'A compact answer is cut short', { end });
    const bytes = this.#payload.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }

  skip(length: number): void {
    this.bytes(length);
  }

  int16(): number {
    return this.bytes(2).readInt16BE();
  }

  int32(): number {
    return this.bytes(4).readInt32BE();
  }

  int64(): bigint {
    return this.bytes(8).readBigInt64BE();
  }

  /** '' for null. */
  string(): string {
    return this.bytes(Math.max(0, this.compactLength())).toString('utf8');
  }

  /** Reads a list, each item by `read`; a null list is empty. */
  array<T>(read: () => T): T[] {
    return Array.from({ length: Math.max(0, this.compactLength()) }, read);
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
