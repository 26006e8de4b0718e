// One assigned partition's records on their way to the listener: paused until `start`, then one
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
  /** Looks again whether there is something to deliver. */
  wake(): void;
  /** Resolves when no onBatch runs, and none will. */
  stop(): Promise<void>;
}

/** Returns the delivery of `place`, waiting for its start; no other one of the place may run. */
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
      // Armed before the look: what is appended after it wakes.
      rearm();
      const delivered = await deliverNext();
      // A turn of the event loop between batches: heartbeats and commits run under any backlog.
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

/**
 * An offset that the log does not hold is for the owner to judge, who knows what it has committed.
 */
function failureOf(error: unknown): Error {
  if (error instanceof ConfigError) {
    return new UnavailableError(error.message, error.details, error);
  }
  return error instanceof Error ? error : new Error(String(error));
}
