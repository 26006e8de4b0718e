// The answer of a broker that refuses a request, made from the request alone: it was not carried out. Layouts are those of
// the versions kafkajs 2.2.4 and a broker of 4.x agree on, all before the flexible ones.
//
//   request    size i32 · api key i16 · version i16 · correlation id i32 · client id string · body
//   response   size i32 · correlation id i32 · body
import { apiOf, correlationOfRequest, type ApiName } from './frames.ts';

/** Walks over the body of a request. */
class Reader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(request: Buffer) {
    this.#bytes = request;
    this.#at = 12;
    this.string();
  }

  skip(bytes: number): void {
    this.#at += bytes;
  }

  int32(): number {
    this.#at += 4;
    return this.#bytes.readInt32BE(this.#at - 4);
  }

  string(): string {
    const length = Math.max(0, this.#bytes.readInt16BE(this.#at));
    const start = this.#at + 2;
    this.#at = start + length;
    return this.#bytes.toString('utf8', start, this.#at);
  }

  array<T>(read: () => T): T[] {
    return Array.from({ length: Math.max(0, this.int32()) }, read);
  }
}

interface TopicOf {
  readonly topic: string;
  readonly partitions: readonly number[];
}

/** Returns the topics of a request; `skip` passes over what stands before them, `rest` over the rest of a partition. */
function topicsOf(
  request: Buffer,
  skip: (reader: Reader) => void,
  rest: (reader: Reader) => void,
): readonly TopicOf[] {
  const reader = new Reader(request);
  skip(reader);
  return reader.array(() => ({
    topic: reader.string(),
    partitions: reader.array(() => {
      const partition = reader.int32();
      rest(reader);
      return partition;
    }),
  }));
}

const int16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
};
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const string = (text: string): Buffer =>
  Buffer.concat([int16(Buffer.byteLength(text)), Buffer.from(text)]);
const array = (items: readonly Buffer[]): Buffer => Buffer.concat([int32(items.length), ...items]);
const unknown64 = Buffer.alloc(8, 0xff);
const noThrottle = int32(0);
const nothing = Buffer.alloc(0);

/** Each partition of the request with the code, and what an answer has behind it. */
function perPartition(topics: readonly TopicOf[], code: number, behind: Buffer): Buffer {
  return array(
    topics.map(({ topic, partitions }) =>
      Buffer.concat([
        string(topic),
        array(partitions.map((each) => Buffer.concat([int32(each), int16(code), behind]))),
      ]),
    ),
  );
}

/** Answers that begin with the throttle time and one code: what follows it. */
const behindCode: Partial<Record<ApiName, Buffer>> = {
  addOffsetsToTxn: nothing,
  endTxn: nothing,
  heartbeat: nothing,
  // producer id, epoch
  initProducerId: Buffer.alloc(10, 0xff),
  // generation, protocol, leader, member, members
  joinGroup: Buffer.concat([int32(-1), string(''), string(''), string(''), array([])]),
  // assignment
  syncGroup: int32(0),
  // message, node, host, port
  findCoordinator: Buffer.concat([int16(-1), int32(-1), string(''), int32(-1)]),
};

const bodies: Partial<Record<ApiName, (request: Buffer, code: number) => Buffer>> = {
  addPartitionsToTxn(request, code) {
    const topics = topicsOf(
      request,
      (reader) => {
        reader.string();
        reader.skip(10);
      },
      () => undefined,
    );
    return Buffer.concat([noThrottle, perPartition(topics, code, nothing)]);
  },
  txnOffsetCommit(request, code) {
    if (request.readInt16BE(6) >= flexibleTxnOffsetCommit) return compactRefusal(request, code);
    const topics = topicsOf(
      request,
      (reader) => {
        reader.string();
        reader.string();
        reader.skip(10);
      },
      skipOffset,
    );
    return Buffer.concat([noThrottle, perPartition(topics, code, nothing)]);
  },
  offsetCommit(request, code) {
    const topics = topicsOf(
      request,
      (reader) => {
        reader.string();
        reader.skip(4);
        reader.string();
      },
      skipOffset,
    );
    return Buffer.concat([noThrottle, perPartition(topics, code, nothing)]);
  },
  produce(request, code) {
    const topics = topicsOf(
      request,
      (reader) => {
        reader.string();
        reader.skip(6);
      },
      (reader) => reader.skip(reader.int32()),
    );
    // base offset, append time, log start
    const behind = Buffer.concat([unknown64, unknown64, unknown64]);
    return Buffer.concat([perPartition(topics, code, behind), noThrottle]);
  },
  fetch(request, code) {
    const topics = topicsOf(
      request,
      // replica, wait, bytes min and max, isolation, session and its epoch
      (reader) => reader.skip(25),
      // leader epoch, offset, log start, bytes
      (reader) => reader.skip(24),
    );
    // high watermark, last stable offset, log start, aborted transactions, preferred replica, records
    const behind = [unknown64, unknown64, unknown64, array([]), int32(-1), int32(0)];
    const answer = perPartition(topics, code, Buffer.concat(behind));
    return Buffer.concat([noThrottle, int16(0), int32(0), answer]);
  },
};

const flexibleTxnOffsetCommit = 3;

// Flexible: the request's header ends in tags, lengths are unsigned varints, one more than they say. All here are short.
function compactRefusal(request: Buffer, code: number): Buffer {
  let at = 14 + Math.max(0, request.readInt16BE(12)) + 1;
  const length = (): number => {
    const [low = 0, high = 0] = request.subarray(at, at + 2);
    at += low < 0x80 ? 1 : 2;
    return (low < 0x80 ? low : (low & 0x7f) | (high << 7)) - 1;
  };
  const skipText = (): void => {
    const bytes = Math.max(0, length());
    at += bytes;
  };
  skipText(); // transactional id
  skipText(); // group
  at += 14; // producer id and epoch, generation
  skipText(); // member
  skipText(); // instance
  length(); // one topic
  const start = at;
  skipText();
  const topic = request.subarray(start, at);
  length(); // one partition
  const partition = request.subarray(at, at + 4);
  const one = Buffer.from([2]);
  const tags = Buffer.from([0]);
  return Buffer.concat([
    tags,
    noThrottle,
    one,
    topic,
    one,
    partition,
    int16(code),
    tags,
    tags,
    tags,
  ]);
}

function skipOffset(reader: Reader): void {
  reader.skip(8);
  reader.string();
}

/** Returns a response that refuses the request with `code`. @throws when the layout of its API is not known here. */
export function refusal(request: Buffer, code: number): Buffer {
  const api = apiOf(request);
  const behind = api === undefined ? undefined : behindCode[api];
  const body =
    behind === undefined
      ? api === undefined
        ? undefined
        : bodies[api]?.(request, code)
      : Buffer.concat([noThrottle, int16(code), behind]);
  if (body === undefined) throw new Error(`no refusal is known of ${String(api)}`);
  const correlation = int32(correlationOfRequest(request));
  return Buffer.concat([int32(correlation.length + body.length), correlation, body]);
}
