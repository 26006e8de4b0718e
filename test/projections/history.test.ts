import { describe, expect, it } from 'vitest';

import type { EventLog, FetchedBatch } from '../../src/log/event-log.ts';
import { followHistory } from '../../src/projections/history.ts';
import type { HistoryProgress, HistoryStore } from '../../src/stores/history-store.ts';
import { featureRow } from '../contracts/feature-store.contract.ts';
import { HandClock } from './recorded.ts';

const topic = 'sensor_features';
const rowsPerBatch = 10;
const end = 1_000;

/** A topic whose every batch takes a second to read. */
function slowLog(clock: HandClock): EventLog {
  const log: Partial<EventLog> = {
    describeTopic: () =>
      Promise.resolve({ topic, partitions: 1, replicationFactor: 1, config: {} }),
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

describe('the history projection', () => {
  it('publishes while it is behind, though its store is full before each interval is over', async () => {
    const clock = new HandClock();
    const published: number[] = [];
    let rows = 0;
    let progress: HistoryProgress = { positions: [], newestMs: [], gaps: [] };
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
      publish: () => Promise.resolve(void published.push(progress.positions[0] ?? 0)),
      beat: () => Promise.resolve(),
      close: () => Promise.resolve(),
    };

    await followHistory({
      ...{ log: slowLog(clock), store, clock, topic, view: topic, features: [] },
      ...{ availableAfterMs: 0, follow: 'once', atEnd: 'leave', commitIntervalMs: 10_000 },
      ...{ signal: new AbortController().signal, recordsPerTurn: 50 },
      onBadRow: () => undefined,
      onGap: () => undefined,
    });

    expect(progress.positions).toEqual([end]);
    expect(published.length).toBeGreaterThan(5);
  });
});
