import { describe, expect, it } from 'vitest';

import type { EventLog, FetchedBatch } from '../../src/log/event-log.ts';
import type { IdsByTopic } from '../../src/log/topic-ids.ts';
import { followHistory } from '../../src/projections/history.ts';
import type { HistoryProgress, HistoryStore } from '../../src/stores/history-store.ts';
import { featureRow } from '../contracts/feature-store.contract.ts';
import { HandClock } from './recorded.ts';

const topic = 'sensor_features';
const rowsPerBatch = 10;
const end = 1_000;

/** A topic whose every batch takes a second to read. */
function slowLog(clock: HandClock, ids: () => IdsByTopic = () => new Map()): EventLog {
  const log: Partial<EventLog> = {
    describeTopic: () =>
      Promise.resolve({ topic, partitions: 1, replicationFactor: 1, config: {} }),
    topicIds: () => Promise.resolve(ids()),
    offsetsAll: () => Promise.resolve([{ earliest: 0, end }]),
    async *read({ from, to = end }) {
      for (let at = from; at < to; at += rowsPerBatch) {
        clock.advance(1_000);
        yield await Promise.resolve(batchOf(at));
      }
    },
  };
  return log as EventLog;
}

function batchOf(from: number): FetchedBatch {
  return {
    ...{ topic, partition: 0, fetchOffset: from, nextOffset: from + rowsPerBatch },
    ...{ highWatermark: end, bytes: 0 },
    records() {
      let at = from - 1;
      let bytes: Uint8Array = new Uint8Array(0);
      return {
        next() {
          at += 1;
          bytes = Buffer.from(JSON.stringify(featureRow('a', at)));
          return at < from + rowsPerBatch;
        },
        get offset() {
          return at;
        },
        get bytes() {
          return bytes;
        },
        get valueEnd() {
          return bytes.length;
        },
        ...{ timestampMs: 0, keyStart: -1, keyEnd: -1, valueStart: 0, headerCount: 0 },
        headers: () => [],
      };
    },
  };
}

interface KeptStore {
  readonly store: HistoryStore;
  progress(): HistoryProgress;
}

/** Two batches fill it. */
function keptStore({
  onPublish = () => undefined,
  ...begun
}: {
  readonly onPublish?: (position: number) => void;
  readonly topicId?: string;
  readonly positions?: readonly number[];
} = {}): KeptStore {
  let rows = 0;
  let progress: HistoryProgress = { positions: [], newestMs: [], gaps: [], ...begun };
  const store: HistoryStore = {
    progress: () => progress,
    pendingRows: () => rows,
    get isFull() {
      return rows >= 2 * rowsPerBatch;
    },
    add: () => void (rows += 1),
    commit: (next) => {
      progress = structuredClone(next);
      rows = 0;
      return Promise.resolve();
    },
    publish: () => Promise.resolve(onPublish(progress.positions[0] ?? 0)),
    beat: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  return { store, progress: () => progress };
}

async function follow(log: EventLog, store: HistoryStore, clock = new HandClock()): Promise<void> {
  await followHistory({
    ...{ log, store, clock, topic, view: topic, features: [] },
    ...{ availableAfterMs: 0, follow: 'once', atEnd: 'leave', commitIntervalMs: 10_000 },
    ...{ signal: new AbortController().signal, recordsPerTurn: 50 },
    onBadRow: () => undefined,
    onGap: () => undefined,
  });
}

describe('the history projection', () => {
  it('publishes while it is behind, though its store is full before each interval is over', async () => {
    const clock = new HandClock();
    const published: number[] = [];
    const kept = keptStore({ onPublish: (position) => void published.push(position) });

    await follow(slowLog(clock), kept.store, clock);

    expect(kept.progress().positions).toEqual([end]);
    expect(published.length).toBeGreaterThan(5);
  });

  it('keeps the id of its topic, also one that an earlier version did not know', async () => {
    const kept = keptStore({ positions: [end] });

    await follow(
      slowLog(new HandClock(), () => new Map([[topic, 'this']])),
      kept.store,
    );

    expect(kept.progress()).toMatchObject({ positions: [end], topicId: 'this' });
  });

  it('refuses a topic that was made again, however much it holds', async () => {
    const kept = keptStore({ positions: [end / 2], topicId: 'before' });
    const log = slowLog(new HandClock(), () => new Map([[topic, 'after']]));

    await expect(follow(log, kept.store)).rejects.toThrow(
      /was deleted and made again \(its topic id was before and is after\).*Name another folder/,
    );
    expect(kept.progress()).toMatchObject({ positions: [end / 2], topicId: 'before' });
  });

  it('commits no row of a topic that is made again while it is read', async () => {
    const kept = keptStore();
    let asked = 0;
    const commits = 3;
    const log = slowLog(new HandClock(), () => {
      asked += 1;
      return new Map([[topic, asked > commits ? 'after' : 'before']]);
    });

    await expect(follow(log, kept.store)).rejects.toThrow('was deleted and made again');
    // The first question comes before the first row.
    const committed = 2 * rowsPerBatch * (commits - 1);
    expect(kept.progress()).toMatchObject({ positions: [committed], topicId: 'before' });
  });

  it('goes on where the log knows no ids', async () => {
    const kept = keptStore({ positions: [end / 2], topicId: 'before' });

    await follow(slowLog(new HandClock()), kept.store);

    expect(kept.progress()).toMatchObject({ positions: [end], topicId: 'before' });
  });
});
