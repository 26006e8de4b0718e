// Kafka's framing, as far as a proxy needs it: where a frame ends, which request a response answers, where the fields
// are that a fault changes.
//
//   request   size i32 · api key i16 · version i16 · correlation id i32 · …
//   response  size i32 · correlation id i32 · …

/** The requests of a commit and of its recovery, by name. */
export const apis = {
  produce: 0,
  fetch: 1,
  metadata: 3,
  offsetFetch: 9,
  findCoordinator: 10,
  heartbeat: 12,
  initProducerId: 22,
  addPartitionsToTxn: 24,
  addOffsetsToTxn: 25,
  endTxn: 26,
  txnOffsetCommit: 28,
} as const;

export type ApiName = keyof typeof apis;

const names = new Map<number, ApiName>(
  Object.entries(apis).map(([name, key]) => [key, name as ApiName]),
);

/** Returns a function that takes bytes as they arrive and hands on whole frames, size included. */
export function frameReader(onFrame: (frame: Buffer) => void): (bytes: Buffer) => void {
  let pending: Buffer = Buffer.alloc(0);
  return (bytes) => {
    pending = Buffer.concat([pending, bytes]);
    while (pending.length >= 4) {
      const end = 4 + pending.readInt32BE(0);
      if (pending.length < end) return;
      onFrame(pending.subarray(0, end));
      pending = pending.subarray(end);
    }
  };
}

/** Returns which API a request is of; undefined for those no fault is asked for. */
export function apiOf(request: Buffer): ApiName | undefined {
  return names.get(request.readInt16BE(4));
}

export function correlationOfRequest(request: Buffer): number {
  return request.readInt32BE(8);
}

export function correlationOfResponse(response: Buffer): number {
  return response.readInt32BE(4);
}

/**
 * Returns a response that refuses the request with `code`, without any broker. Only for answers that begin with the
 * throttle time and one error code, in the versions before flexible ones, which are those of kafkajs.
 */
export function refusal(request: Buffer, code: number): Buffer {
  // InitProducerId goes on with an id and an epoch.
  const rest = apiOf(request) === 'initProducerId' ? Buffer.alloc(10, 0xff) : Buffer.alloc(0);
  const head = Buffer.alloc(14);
  head.writeInt32BE(head.length + rest.length - 4, 0);
  head.writeInt32BE(correlationOfRequest(request), 4);
  head.writeInt16BE(code, 12);
  return Buffer.concat([head, rest]);
}

/** Replaces every advertised `127.0.0.1:fromPort` in a Metadata or FindCoordinator response by `toPort`, in place. */
export function readdress(response: Buffer, ports: { from: number; to: number }): void {
  const host = Buffer.from('127.0.0.1');
  const advertised = Buffer.alloc(2 + host.length + 4);
  advertised.writeInt16BE(host.length, 0);
  host.copy(advertised, 2);
  advertised.writeInt32BE(ports.from, 2 + host.length);
  for (let at = response.indexOf(advertised); at >= 0; at = response.indexOf(advertised, at + 1)) {
    response.writeInt32BE(ports.to, at + 2 + host.length);
  }
}
