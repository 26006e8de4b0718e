// Delivers the records of one assigned partition to the listener: paused until `start`, then one
// batch at a time.
//
//   waiting ── start ──▶ fetching ──▶ onBatch running ──▶ fetching …     stop: no new onBatch, wait for the running one
//      ▲                   │ nothing there, or paused
//      ├──── wake ◀────────┤
//      └── failed, said ◀──┘ what cannot be read
import { setImmediate as nextTurn } from 'node:timers/promises';

import { ConfigError, UnavailableError } from '../../errors.ts';
import type { GroupListener } from '../event-log.ts';
import type { Tables } from '../../lmdb/tables.ts';
import { fetchBatch, type FetchPlace } from './fetch.ts';

type Listener = Pick<GroupListener, 'onBatch' | 'onPartitionFailed'>;

/** Delivers one partition once it is started. No other delivery of that partition may run. */
export class PartitionDelivery {
  readonly place: FetchPlace;
  readonly #tables: Tables;
  readonly #listener: Listener;
  readonly #ended: Promise<void>;
  #position: number | undefined;
  /** Counts starts, so that a batch under way does not move the position of a later start. */
  #starts = 0;
  #paused = false;
  #stopping = false;
  #wake: () => void = () => undefined;
  #woken: Promise<void> = Promise.resolve();

  constructor(tables: Tables, place: FetchPlace, listener: Listener) {
    this.place = place;
    this.#tables = tables;
    this.#listener = listener;
    this.#ended = this.#run();
  }

  start(from: number): void {
    this.#position = from;
    this.#starts += 1;
    this.#paused = false;
    this.#wake();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#wake();
  }

  /** Looks again for something to deliver. */
  wake(): void {
    this.#wake();
  }

  /** Resolves when no onBatch runs, and none will. */
  stop(): Promise<void> {
    this.#stopping = true;
    this.#wake();
    return this.#ended;
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      // Armed before the look, so that an append after it wakes the delivery.
      this.#woken = new Promise((resolve) => {
        this.#wake = resolve;
      });
      const delivered = await this.#deliverNext();
      // A turn of the event loop between batches: heartbeats and commits run under any backlog.
      await (delivered ? nextTurn() : this.#stopping ? undefined : this.#woken);
    }
  }

  /** Resolves to whether a batch was delivered. */
  async #deliverNext(): Promise<boolean> {
    if (this.#position === undefined || this.#paused) return false;
    const startsBefore = this.#starts;
    try {
      this.#tables.refresh();
      const batch = fetchBatch(this.#tables, this.place, { from: this.#position });
      if (batch === undefined) return false;
      await this.#listener.onBatch(batch);
      if (this.#starts === startsBefore) this.#position = batch.nextOffset;
      return true;
    } catch (error) {
      if (this.#stopping || this.#starts !== startsBefore) return false;
      this.#position = undefined;
      const { topic, partition } = this.place;
      this.#listener.onPartitionFailed({ topic, partition }, failureOf(error));
      return false;
    }
  }
}

/** An offset outside the log becomes UnavailableError: its owner judges it by its commits. */
function failureOf(error: unknown): Error {
  if (error instanceof ConfigError) {
    return new UnavailableError(error.message, error.details, error);
  }
  return error instanceof Error ? error : new Error(String(error));
}
