// The socket of a kafkajs connection, which hands it whole responses: "data" is one response with
// its length before it.
//
//   socket ─▶ scratch: length, small responses ─▶ copied out          "data"
//        └──▶ frame: what is longer, received in place, no chunks to join ─▶
//
// kafkajs itself keeps chunks of 64 kB, each with memory of its own, and joins them once a response
// is whole.
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { takeFrame } from './frame-pool.ts';

export interface SocketRequest {
  readonly host: string;
  readonly port: number;
  readonly ssl?: ConnectionOptions | null | false;
  readonly onConnect: () => void;
}

const keepAliveMs = 60_000;
const scratchBytes = 65_536;
const lengthBytes = 4;
const tlsAlert = 0x15;
/**
 * Above what any broker answers; what is no broker may "announce" gigabytes. A TLS alert, read as a
 * length, announces more.
 */
const responseBytesMax = (tlsAlert << 24) - 1;
/** The code of the error where a port that wants TLS was spoken to without. */
export const tlsWanted = 'TLS_WANTED';

const opened = new WeakSet<Socket>();
const responseHeaderBytes = 8;

/** The receiving part of kafkajs's connection. */
export interface ReceivingConnection {
  readonly socket?: Socket;
  readonly authHandlers: { onSuccess(answer: Buffer): void } | null;
  readonly requestQueue: {
    fulfillRequest(answer: { correlationId: number; size: number; payload: Buffer }): void;
  };
  processData(frame: Buffer): void;
}

/** Lets connections over sockets opened here take whole responses; others go on as they did. */
export function replaceReceiving({ prototype }: { prototype: ReceivingConnection }): void {
  const { processData } = prototype;
  prototype.processData = function (frame) {
    const { socket } = this;
    if (socket === undefined || !opened.has(socket)) return processData.call(this, frame);
    if (this.authHandlers !== null) return this.authHandlers.onSuccess(frame);
    this.requestQueue.fulfillRequest({
      size: frame.length - lengthBytes,
      correlationId: frame.readInt32BE(lengthBytes),
      payload: frame.subarray(responseHeaderBytes),
    });
  };
}

/** Returns a connecting socket for kafkajs, plain or TLS. */
export function openFrameSocket({ host, port, ssl, onConnect }: SocketRequest): Socket {
  const receiver = new FrameReceiver();
  const onFrame = (frame: Buffer): boolean => socket.emit('data', frame);
  const onread = {
    buffer: (): Buffer => receiver.room(),
    callback: (bytes: number): boolean => {
      if (!receiver.received(bytes, onFrame)) {
        socket.destroy(noBroker(`${host}:${port}`, receiver.announced));
      }
      return true;
    },
  };
  const place = { host, port, onread };
  const named = isIP(host) === 0 ? { servername: host } : {};
  const socket =
    ssl === undefined || ssl === null || ssl === false
      ? connectTcp(place, onConnect)
      : connectTls(Object.assign(place, named, ssl), onConnect);
  opened.add(socket);
  // On a dead socket each call adds a listener for a connection that never comes; kafkajs calls it
  // whenever it finds the connection dead (MaxListenersExceededWarning).
  const unref = socket.unref.bind(socket);
  socket.unref = () => (socket.destroyed ? socket : unref());
  socket.setKeepAlive(true, keepAliveMs);
  return socket;
}

function noBroker(place: string, announced: number): Error {
  if (announced >>> 24 === tlsAlert) {
    const message = `${place} answers in TLS; set KAFKA_SSL to true`;
    return Object.assign(new Error(message), { code: tlsWanted });
  }
  return new Error(`${place} is no Kafka broker: it announced a response of ${announced} bytes`);
}

/** Cuts a stream of bytes into responses. */
export class FrameReceiver {
  /** The length before the response under way. */
  announced: number = 0;
  readonly #scratch = Buffer.allocUnsafeSlow(scratchBytes);
  /** Bytes in scratch that belong to no whole response yet. */
  #kept = 0;
  #frame: Buffer | undefined;
  #filled = 0;

  /** Returns where the next bytes go; `received` says how many went there. */
  room(): Buffer {
    return this.#frame === undefined
      ? this.#scratch.subarray(this.#kept)
      : this.#frame.subarray(this.#filled);
  }

  /**
   * Hands out each response that is whole now; returns false where `announced` is no length of one.
   */
  received(bytes: number, onFrame: (frame: Buffer) => void): boolean {
    const frame = this.#frame;
    if (frame === undefined) return this.#cut(this.#kept + bytes, onFrame);
    this.#filled += bytes;
    if (this.#filled === frame.length) {
      this.#frame = undefined;
      onFrame(frame);
    }
    return true;
  }

  #cut(end: number, onFrame: (frame: Buffer) => void): boolean {
    const scratch = this.#scratch;
    let at = 0;
    while (end - at >= lengthBytes) {
      this.announced = scratch.readInt32BE(at);
      if (this.announced < 0 || this.announced > responseBytesMax) return false;
      const length = lengthBytes + this.announced;
      if (length > scratchBytes) {
        this.#begin(at, end, length);
        return true;
      }
      if (end - at < length) break;
      onFrame(Buffer.from(scratch.subarray(at, at + length)));
      at += length;
    }
    scratch.copyWithin(0, at, end);
    this.#kept = end - at;
    return true;
  }

  #begin(at: number, end: number, length: number): void {
    this.#frame = takeFrame(length);
    this.#filled = this.#scratch.copy(this.#frame, 0, at, end);
    this.#kept = 0;
  }
}
