// Bounds what requests under way may hold: their number and the bytes of their bodies, of one
// client and of all. A body counts from its header on: most of a slow one is still to come.
export interface OpenRequestBounds {
  readonly requestsPerClient: number;
  readonly bodyBytesPerClient: number;
  readonly bodyBytes: number;
}

interface Held {
  requests: number;
  bodyBytes: number;
}

export class OpenRequests {
  readonly #bounds: OpenRequestBounds;
  readonly #clients = new Map<string, Held>();
  #bodyBytes = 0;

  constructor(bounds: OpenRequestBounds) {
    this.#bounds = bounds;
  }

  /** Takes up a request; returns what to call at its end, or undefined where a bound is reached. */
  enter(client: string, bodyBytes: number): (() => void) | undefined {
    const held = this.#clients.get(client) ?? { requests: 0, bodyBytes: 0 };
    const { bodyBytesPerClient, requestsPerClient } = this.#bounds;
    const isFull =
      held.requests >= requestsPerClient ||
      (bodyBytes > 0 &&
        (held.bodyBytes + bodyBytes > bodyBytesPerClient ||
          this.#bodyBytes + bodyBytes > this.#bounds.bodyBytes));
    if (isFull) return undefined;
    held.requests += 1;
    held.bodyBytes += bodyBytes;
    this.#bodyBytes += bodyBytes;
    this.#clients.set(client, held);
    return () => {
      held.requests -= 1;
      held.bodyBytes -= bodyBytes;
      this.#bodyBytes -= bodyBytes;
      if (held.requests === 0) this.#clients.delete(client);
    };
  }
}
