// A large request as one piece of memory, taken from the frames and given back once it is answered.
// kafkajs builds a request by growing buffers and copies the whole of it twice, into memory that
// the system has to clear each time.
//
//   | room, then kafkajs's header: length, api, version, correlation id, client id | body |
import { assert } from '../../errors.ts';
import { frameRelease, holdFrame, takeFrame } from './frame-pool.ts';

const headerBytesMax = 1_024;

/** Part of a request: bytes, or what writes as many bytes from `at` on. */
export type RequestPart = Uint8Array | SizedPart;

export interface SizedPart {
  readonly bytes: number;
  write(into: Buffer, at: number): void;
}

/** Stands where kafkajs has an encoder: `buffer` is what is sent. */
export class RequestFrame {
  buffer: Buffer;
  /**
   * Gives the memory back; only once the request is answered: until then the socket may still read
   * it.
   */
  readonly release: () => void;
  private readonly frame: Buffer;

  constructor(parts: readonly RequestPart[]) {
    const bytes = parts.reduce((sum, part) => sum + sizeOf(part), headerBytesMax);
    this.frame = takeFrame(bytes);
    holdFrame(this.frame);
    this.release = frameRelease(this.frame);
    this.buffer = this.frame.subarray(headerBytesMax);
    let at = headerBytesMax;
    for (const part of parts) {
      if (part instanceof Uint8Array) this.frame.set(part, at);
      else part.write(this.frame, at);
      at += sizeOf(part);
    }
  }

  /**
   * The bytes that kafkajs copies from an encoder. Used where kafkajs was loaded before
   * `createRequest` could be replaced.
   */
  get buf(): Buffer {
    return this.buffer;
  }

  /** Puts `header`, which begins with the length of all that follows it, before the body. */
  begin(header: Buffer): void {
    const start = headerBytesMax - header.length;
    assert(start >= 0, 'the header of a request is too long', { bytes: header.length });
    this.frame.set(header, start);
    this.buffer = this.frame.subarray(start);
    this.buffer.writeInt32BE(this.buffer.length - 4, 0);
  }
}

function sizeOf(part: RequestPart): number {
  return part instanceof Uint8Array ? part.length : part.bytes;
}

interface Encoded {
  readonly buffer: Buffer;
}
interface RequestToSend {
  readonly request: { readonly encode: () => Promise<Encoded> };
}
export type CreateRequest = (toSend: RequestToSend) => Promise<Encoded>;

/**
 * Returns kafkajs's `createRequest` that writes its header before a frame instead of copying the
 * frame behind it.
 */
export function framingCreateRequest(
  createRequest: CreateRequest,
  Encoder: new () => Encoded,
): CreateRequest {
  const encodedAs = (toSend: RequestToSend, payload: Encoded): Promise<Encoded> =>
    createRequest({
      ...toSend,
      request: { ...toSend.request, encode: () => Promise.resolve(payload) },
    });
  return async (toSend) => {
    const payload = await toSend.request.encode();
    if (!(payload instanceof RequestFrame)) return encodedAs(toSend, payload);
    const header = await encodedAs(toSend, new Encoder());
    payload.begin(header.buffer);
    return payload;
  };
}
