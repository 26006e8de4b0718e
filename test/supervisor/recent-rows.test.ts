import { describe, expect, it } from 'vitest';

import { RecentRowsStore } from '../../src/supervisor/recent-rows.ts';
import { featureRow } from '../http/in-memory-supervisor.ts';

describe('recent rows', () => {
  const ends = (store: RecentRowsStore, cursor = 0): number[] =>
    store.since(cursor).rows.map((row) => row.window_end);

  it('are returned once per cursor', () => {
    const store = new RecentRowsStore({ rowsPerSensorMax: 3, sensorsMax: 2 });
    store.add(featureRow('a', 60_000));
    const { cursor } = store.since(0);
    store.add(featureRow('a', 120_000));

    expect(ends(store, cursor)).toEqual([120_000]);
    expect(ends(store, store.since(0).cursor)).toEqual([]);
  });

  it('never repeat a window when a projection is replayed', () => {
    const store = new RecentRowsStore({ rowsPerSensorMax: 3, sensorsMax: 2 });
    for (const end of [60_000, 120_000, 60_000, 120_000]) store.add(featureRow('a', end));

    expect(ends(store)).toEqual([60_000, 120_000]);
  });

  it('stay within both bounds; the sensor silent longest is evicted', () => {
    const store = new RecentRowsStore({ rowsPerSensorMax: 2, sensorsMax: 2 });
    for (const end of [1, 2, 3]) store.add(featureRow('a', end));
    store.add(featureRow('b', 4));
    store.add(featureRow('a', 5));
    store.add(featureRow('c', 6));

    expect(store.since(0).rows.map((row) => `${row.sensor_id}${row.window_end}`)).toEqual([
      'a3',
      'a5',
      'c6',
    ]);
  });
});
