// One assigned partition of a group member: a short queue between kafkajs's fetch loop and the
// shard. The loop never waits long on a shard (it fetches for all partitions of a broker, and
// heartbeats come from it); a shard gets one batch at a time, and a partition whose shard is slow
// is paused, not the others.
//
//   fetch ─▶ offer ─▶ [ batch | batch ] ─▶ onBatch (one at a time)
//                       └ full: the partition is paused in kafkajs until there is room
import type { FetchedBatch } from '../event-log.ts';

/** Batches that wait behind the one that is being folded. */
const waitingMax = 2;

export interface LaneHost {
  onBatch(batch: FetchedBatch): Promise<void>;
  /** Fetching must start or stop: started, not paused, and room to put a batch. */
  fetchingChanged(): void;
  failed(error: unknown): void;
}

export class Lane {
  readonly #host: LaneHost;
  #waiting: FetchedBatch[] = [];
  #running: Promise<void> | undefined;
  #started = false;
  #paused = false;
  #closed = false;
  #nextFetch = -1;
  #roomWaiters: (() => void)[] = [];

  constructor(host: LaneHost) {
    this.#host = host;
  }

  /** Whether kafkajs should fetch this partition. */
  get fetching(): boolean {
    return this.#started && !this.#paused && !this.#closed && this.#waiting.length < waitingMax;
  }

  /** The offset the next batch must have been fetched at. */
  get nextFetch(): number {
    return this.#nextFetch;
  }

  get started(): boolean {
    return this.#started;
  }

  /** Delivery goes on at `from`; what was fetched before is dropped. */
  start(from: number): void {
    this.#started = true;
    this.#paused = false;
    this.moveTo(from);
  }

  /** As `start`, but a paused lane stays paused. */
  moveTo(from: number): void {
    this.#nextFetch = from;
    this.#clear();
    this.#host.fetchingChanged();
  }

  /** Nothing is delivered until the next `start`. */
  stop(): void {
    this.#started = false;
    this.#clear();
    this.#host.fetchingChanged();
  }

  setPaused(paused: boolean): void {
    this.#paused = paused;
    this.#host.fetchingChanged();
    this.#deliver();
  }

  /**
   * Takes a batch unless it was fetched for a position the lane has left; returns whether it did.
   */
  offer(batch: FetchedBatch): boolean {
    if (!this.#started || this.#closed || batch.fetchOffset !== this.#nextFetch) return false;
    this.#nextFetch = batch.nextOffset;
    this.#waiting.push(batch);
    this.#deliver();
    if (!this.fetching) this.#host.fetchingChanged();
    return true;
  }

  /** Resolves when nothing waits behind the batch being folded, or after `waitMs`. */
  async room(waitMs: number): Promise<void> {
    if (this.#waiting.length === 0 || this.#closed) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#roomWaiters.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Delivers nothing more; resolves when the running batch is done. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#clear();
    await this.#running;
  }

  #clear(): void {
    this.#waiting = [];
    this.#roomIsThere();
  }

  #roomIsThere(): void {
    const waiters = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const resolve of waiters) resolve();
  }

  #deliver(): void {
    if (this.#running !== undefined || this.#paused || this.#closed) return;
    const batch = this.#waiting.shift();
    if (batch === undefined) return;
    if (this.#waiting.length === 0) this.#roomIsThere();
    if (this.#waiting.length === waitingMax - 1) this.#host.fetchingChanged();
    this.#running = this.#host
      .onBatch(batch)
      .catch((error: unknown) => this.#host.failed(error))
      .finally(() => {
        this.#running = undefined;
        this.#deliver();
      });
  }
}
