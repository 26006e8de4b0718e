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

export interface PartitionDelivery {
  readonly place: FetchPlace;
  start(from: number): void;
  pause(): void;
  resume(): void;
  /** Checks again for records to deliver. */
  wake(): void;
  /** Resolves once no onBatch runs, and none will. */
  stop(): Promise<void>;
}

/** Returns the delivery of `place`, paused; at most one may exist per partition. */
export function deliverPartition(
  tables: Tables,
  place: FetchPlace,
  listener: Pick<GroupListener, 'onBatch' | 'onPartitionFailed'>,
): PartitionDelivery {
  let position: number | undefined;
  let moves = 0;
  let paused = false;
  let stopping = false;
  let wake: () => void = () => undefined;
  let woken: Promise<void>;
  const rearm = (): void => {
    woken = new Promise((resolve) => {
      wake = resolve;
    });
  };
  rearm();

  const deliverNext = async (): Promise<boolean> => {
    if (position === undefined || paused) return false;
    const movesBefore = moves;
    try {
      tables.refresh();
      const batch = fetchBatch(tables, place, { from: position });
      if (batch === undefined) return false;
      await listener.onBatch(batch);
      if (moves === movesBefore) position = batch.nextOffset;
      return true;
    } catch (error) {
      if (stopping || moves !== movesBefore) return false;
      position = undefined;
      const { topic, partition } = place;
      listener.onPartitionFailed({ topic, partition }, failureOf(error));
      return false;
    }
  };
  const run = async (): Promise<void> => {
    while (!stopping) {
      // Armed before the read, so that an append during it wakes the loop.
      rearm();
      const delivered = await deliverNext();
      // Yield between batches, so that heartbeats and commits run even under a backlog.
      await (delivered ? nextTurn() : stopping ? undefined : woken);
    }
  };
  const ended = run();

  return {
    place,
    start(from) {
      position = from;
      moves += 1;
      paused = false;
      wake();
    },
    pause() {
      paused = true;
    },
    resume() {
      paused = false;
      wake();
    },
    wake: () => wake(),
    stop() {
      stopping = true;
      wake();
      return ended;
    },
  };
}

/** An offset outside the log becomes UnavailableError: its owner judges it by its commits. */
function failureOf(error: unknown): Error {
  if (error instanceof ConfigError) {
    return new UnavailableError(error.message, error.details, error);
  }
  return error instanceof Error ? error : new Error(String(error));
}
