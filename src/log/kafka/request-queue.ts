// The request queue of a kafkajs connection, with timers that let an idle thread sleep and timeouts
// that end a dead connection. Installed by the fetch seam.
import { clientNowMs } from './monotonic-date.ts';

export interface RequestQueue {
  readonly pending: readonly unknown[];
  readonly inflight: ReadonlyMap<number, InFlight>;
  readonly requestTimeout: number;
  requestTimeoutIntervalId?: NodeJS.Timeout;
  isConnected(): boolean;
  /** Stops the timers. */
  destroy(): void;
  scheduleRequestTimeoutCheck(): void;
  readonly throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  endConnection?: () => void;
  checkPendingRequests(): void;
  createSocketRequest(pushed: unknown): { timeoutRequest(): void };
  scheduleCheckPendingRequests(): void;
}

interface InFlight {
  readonly sentAt: number;
  readonly requestTimeout: number;
  timeoutRequest(): void;
}

const pendingCheckMs = 10;
const timeoutCheckMs = 1_000;

// Trap 9: kafkajs arms a timer with a negative delay after every response, which re-arms itself
// forever: a wake-up a millisecond on every connection, and TimeoutNegativeWarning on Node 24. It
// is needed only while requests wait.
export function replaceTimers({ prototype }: { prototype: RequestQueue }): void {
  prototype.scheduleCheckPendingRequests = function () {
    if (this.throttleCheckTimeoutId !== null || this.pending.length === 0) return;
    const delayMs = Math.max(this.throttledUntil - clientNowMs(), pendingCheckMs);
    this.throttleCheckTimeoutId = setTimeout(() => {
      this.throttleCheckTimeoutId = null;
      this.checkPendingRequests();
    }, delayMs);
  };
  // kafkajs looks for requests that have timed out ten times a second, on every connection: more
  // wake-ups than all the work of an idle thread. Beside timeouts of many seconds, one more second
  // does not matter.
  prototype.scheduleRequestTimeoutCheck = function () {
    this.destroy();
    const check = (): void => {
      for (const request of this.inflight.values()) {
        if (clientNowMs() - request.sentAt > request.requestTimeout) request.timeoutRequest();
      }
      if (!this.isConnected()) this.destroy();
    };
    this.requestTimeoutIntervalId = setInterval(
      check,
      Math.min(this.requestTimeout, timeoutCheckMs),
    );
  };
}

export interface QueueingConnection {
  readonly requestQueue: RequestQueue;
  readonly socket?: { destroy(error: Error): void };
  connect(): Promise<unknown>;
}

// A connection whose peer vanished without a word stays "connected" in kafkajs: every request on it
// times out, for ever. One timeout therefore ends it, and the next request makes a new one.
export function replaceTimeout(
  { prototype: queue }: { prototype: RequestQueue },
  { prototype: connection }: { prototype: QueueingConnection },
): void {
  const { createSocketRequest } = queue;
  queue.createSocketRequest = function (pushed) {
    const request = createSocketRequest.call(this, pushed);
    const timeoutRequest = request.timeoutRequest.bind(request);
    request.timeoutRequest = () => {
      timeoutRequest();
      this.endConnection?.();
    };
    return request;
  };
  const { connect } = connection;
  connection.connect = function () {
    this.requestQueue.endConnection = () =>
      this.socket?.destroy(new Error('a request on this connection timed out'));
    return connect.call(this);
  };
}
