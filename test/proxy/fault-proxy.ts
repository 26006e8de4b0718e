// A TCP proxy in front of a real broker that reads Kafka frames and injects one fault at a time. It puts itself in the
// place of the broker in Metadata and FindCoordinator, so that every connection a client opens comes here.
//
//   client ──request──▶ [drop before · refuse · hold · black hole] ──▶ broker
//   client ◀──────────── [drop after · delay] ◀────────────response── broker
import { connect, createServer, type Socket } from 'node:net';

import {
  apiOf,
  correlationOfRequest,
  correlationOfResponse,
  frameReader,
  readdress,
  type ApiName,
} from './frames.ts';
import { refusal } from './refusal.ts';

export type Fault =
  /** The connection breaks; the broker never sees the request. */
  | { readonly kind: 'dropBefore' }
  /** The broker carries it out; the connection breaks instead of the response. */
  | { readonly kind: 'dropAfter' }
  /** No response, and nothing more on that connection; the broker never sees the request. */
  | { readonly kind: 'blackHole' }
  | { readonly kind: 'delay'; readonly ms: number }
  /** Answered with this error code without the broker. */
  | { readonly kind: 'refuse'; readonly code: number }
  /** The connection breaks, and the request reaches the broker late: when the next one of API `until` passes. */
  | { readonly kind: 'late'; readonly until: ApiName };

interface Planted {
  readonly api: ApiName;
  readonly fault: Fault;
  left: number;
}

export interface FaultProxy {
  /** `127.0.0.1:port`, what a client takes for the broker. */
  readonly address: string;
  /** Requests that faults have hit so far. */
  readonly hits: number;
  /** Error codes that requests let through late were answered with. */
  readonly lateCodes: readonly number[];
  /** Hits the next `times` (default 1) requests of the API. */
  plant(api: ApiName, fault: Fault, times?: number): void;
  /** Breaks every connection and lets none through until `mend`. */
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

/** Starts a proxy in front of the broker at 127.0.0.1:`brokerPort`. */
export async function startFaultProxy(brokerPort: number): Promise<FaultProxy> {
  const sockets = new Set<Socket>();
  const planted: Planted[] = [];
  const held: { until: ApiName; request: Buffer }[] = [];
  const lateCodes: number[] = [];
  let hits = 0;
  let isCut = false;
  let ports = { from: brokerPort, to: 0 };

  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.setNoDelay(true);
    // A broken connection is what this is for.
    socket.on('error', () => socket.destroy());
    return socket.on('close', () => sockets.delete(socket));
  };
  const faultOf = (api: ApiName | undefined): Fault | undefined => {
    const next = planted.find((each) => each.api === api && each.left > 0);
    if (next === undefined) return undefined;
    next.left -= 1;
    hits += 1;
    return next.fault;
  };
  /** Sends the held requests over a connection of their own; resolves once the broker has answered all. */
  const sendHeld = async (api: ApiName | undefined): Promise<void> => {
    for (const late of held.splice(0)) {
      if (late.until !== api) held.push(late);
      else lateCodes.push(await answerCode(keep(connect(brokerPort, '127.0.0.1')), late.request));
    }
  };

  const server = createServer((client) => {
    keep(client);
    if (isCut) return void client.destroy();
    const broker = keep(connect(brokerPort, '127.0.0.1'));
    const answers = new Map<number, { api: ApiName | undefined; fault: Fault | undefined }>();
    const breakOff = (): void => {
      client.destroy();
      broker.destroy();
    };
    let order = Promise.resolve();
    const onRequest = async (request: Buffer): Promise<void> => {
      const api = apiOf(request);
      await sendHeld(api);
      const fault = faultOf(api);
      answers.set(correlationOfRequest(request), { api, fault });
      if (fault?.kind === 'dropBefore') return breakOff();
      if (fault?.kind === 'blackHole') return void client.pause();
      if (fault?.kind === 'refuse') return void client.write(refusal(request, fault.code));
      if (fault?.kind === 'late') {
        held.push({ until: fault.until, request: Buffer.from(request) });
        return breakOff();
      }
      broker.write(request);
    };
    const onResponse = (response: Buffer): void => {
      const { api, fault } = answers.get(correlationOfResponse(response)) ?? {};
      answers.delete(correlationOfResponse(response));
      if (fault?.kind === 'dropAfter') return breakOff();
      const copy = Buffer.from(response);
      if (api === 'metadata' || api === 'findCoordinator') readdress(copy, ports);
      if (fault?.kind === 'delay') setTimeout(() => client.write(copy), fault.ms);
      else client.write(copy);
    };
    // Requests of one connection stay in their order, also behind one that waits.
    const read = frameReader((request) => {
      order = order.then(() => onRequest(request));
    });
    client.on('data', read).on('close', () => broker.destroy());
    broker.on('data', frameReader(onResponse)).on('close', () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  ports = { from: brokerPort, to: typeof address === 'object' ? (address?.port ?? 0) : 0 };
  return {
    address: `127.0.0.1:${ports.to}`,
    get hits() {
      return hits;
    },
    lateCodes,
    plant: (api, fault, times = 1) => void planted.push({ api, fault, left: times }),
    cut() {
      isCut = true;
      for (const socket of sockets) socket.destroy();
    },
    mend: () => void (isCut = false),
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** Sends one request and returns the error code of an answer that begins with throttle time and code. */
function answerCode(socket: Socket, request: Buffer): Promise<number> {
  return new Promise((resolve) => {
    const read = frameReader((response) => {
      resolve(response.readInt16BE(12));
      socket.destroy();
    });
    socket.on('data', read).write(request);
  });
}
