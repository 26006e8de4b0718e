// Kafka's framing, as far as a proxy needs it: where a frame ends, which request a response answers, where the fields
// are that a fault changes.
//
//   request   size i32 · api key i16 · version i16 · correlation id i32 · …
//   response  size i32 · correlation id i32 · …

/** The requests of a commit, of its recovery and of a group's member, by name. */
export const apis = {
  produce: 0,
  fetch: 1,
  listOffsets: 2,
  metadata: 3,
  offsetCommit: 8,
  offsetFetch: 9,
  findCoordinator: 10,
  joinGroup: 11,
  heartbeat: 12,
  leaveGroup: 13,
  syncGroup: 14,
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
