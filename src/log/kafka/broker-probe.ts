// The first requests of a connection to a broker, over a socket of their own: they tell a listener
// that wants TLS or a login from one that does not, and end soon where nothing answers.
import type { Socket } from 'node:net';

import type { CurrentTls } from '../tls-files.ts';
import { openFrameSocket } from './frame-socket.ts';

export interface Place {
  readonly host: string;
  readonly port: number;
}

export interface ProbeOutcome {
  /** Answers to the requests, in their order, each after its length and correlation id. */
  readonly answers: readonly Buffer[];
  /** Why an answer is missing; undefined if none is. */
  readonly failure: ProbeFailure | undefined;
}

export interface ProbeFailure {
  /** `closed` by the other side without an error, `silent` until the deadline, else an error's. */
  readonly code: string;
  readonly message: string;
  /** Whether a connection, over TLS where asked for, had been made. */
  readonly wasConnected: boolean;
}

/** Sends the requests one after another; resolves with what came back within `forMs`. */
export function probe(
  place: Place,
  requests: readonly Buffer[],
  { tls, forMs }: { readonly tls: CurrentTls | undefined; readonly forMs: number },
): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const answers: Buffer[] = [];
    let wasConnected = false;
    const send = (socket: Socket): void => {
      const next = requests[answers.length];
      if (next === undefined) end(socket);
      else socket.write(next);
    };
    const end = (socket: Socket, failed?: Omit<ProbeFailure, 'wasConnected'>): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ answers, failure: failed === undefined ? failed : { ...failed, wasConnected } });
    };
    const socket = openFrameSocket({
      ...place,
      ...(tls === undefined ? {} : { ssl: tls }),
      onConnect: () => {
        wasConnected = true;
        send(socket);
      },
    });
    const timer = setTimeout(() => {
      end(socket, { code: 'silent', message: `no answer within ${forMs / 1_000} s` });
    }, forMs);
    socket.on('data', (frame: Buffer) => {
      answers.push(frame.subarray(responseHeaderBytes));
      send(socket);
    });
    // Dual-stack hosts fail with one error per address and an empty message.
    socket.on('error', ({ code = 'unknown', message }: NodeJS.ErrnoException) => {
      end(socket, { code, message: message === '' ? code : message });
    });
    socket.on('close', () => {
      end(socket, { code: 'closed', message: 'it closed the connection without an answer' });
    });
  });
}

const responseHeaderBytes = 8;

/** ApiVersions v0, which any broker answers to anybody. */
export const apiVersionsRequest: Buffer = requestOf(18, 0, Buffer.alloc(0));

/** Metadata v1 of no topic: the first request that a listener with logins refuses. */
export const metadataRequest: Buffer = requestOf(3, 1, Buffer.alloc(4));

/** SaslHandshake v1; the answer lists the mechanisms of the listener. */
export function handshakeRequest(mechanism: string): Buffer {
  const name = Buffer.from(mechanism);
  const length = Buffer.alloc(2);
  length.writeInt16BE(name.length);
  return requestOf(17, 1, Buffer.concat([length, name]));
}

/** Returns the error code of an answer to SaslHandshake and the mechanisms offered. */
export function handshakeAnswer(answer: Buffer): {
  readonly errorCode: number;
  readonly mechanisms: readonly string[];
} {
  const mechanisms: string[] = [];
  let at = 6;
  for (let left = answer.readInt32BE(2); left > 0; left -= 1) {
    const length = answer.readInt16BE(at);
    mechanisms.push(answer.toString('utf8', at + 2, at + 2 + length));
    at += 2 + length;
  }
  return { errorCode: answer.readInt16BE(0), mechanisms };
}

// Request header v1 = length api_key api_version correlation_id client_id
function requestOf(apiKey: number, apiVersion: number, body: Buffer): Buffer {
  const header = Buffer.alloc(14);
  header.writeInt32BE(header.length - 4 + body.length, 0);
  header.writeInt16BE(apiKey, 4);
  header.writeInt16BE(apiVersion, 6);
  header.writeInt16BE(-1, 12);
  return Buffer.concat([header, body]);
}
