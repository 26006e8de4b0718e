// The laws of the online feature store (src/stores/feature-store.ts), run unchanged over every adapter.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { FeatureRow } from '../../src/codecs/feature-row.ts';
import type { FeatureStore } from '../../src/stores/feature-store.ts';
import { uniqueName } from './event-log-harness.ts';

export interface FeatureStoreHarness {
  readonly store: FeatureStore;
  /** Another instance over the same data. */
  openAnother(): Promise<FeatureStore>;
  close(): Promise<void>;
}

const windowMs = 60_000;
const baseMs = 1_700_000_040_000;

/** Returns the row of `sensorId` in window number `window`; its values depend on both. */
export function featureRow(
  sensorId: string,
  window: number,
  features: Readonly<Record<string, number>> = {},
): FeatureRow {
  const windowStartMs = baseMs + window * windowMs;
  return {
    sensor_id: sensorId,
    window_start: windowStartMs,
    window_end: windowStartMs + windowMs,
    event_time: new Date(windowStartMs + windowMs).toISOString(),
    features: {
      count: 60 + window,
      avg_value: 20.1 + window,
      min_value: -18.2,
      max_value: 22.000000000000004,
      std_dev: 0.9,
      anomaly_count: 1,
      anomaly_rate: 1 / 60,
      ...features,
    },
    lineage: { topic: 'raw_readings', partition: 2, first_offset: 100, last_offset: 9120 },
  };
}

/** A view of larger windows that the store under test must have beside the one of the base windows. */
export const largerView = 'sensor_features_5m';

/** States the laws of the feature store for the adapter that `open` opens. */
export function featureStoreContract(name: string, open: () => Promise<FeatureStoreHarness>): void {
  describe(`feature store contract: ${name}`, { timeout: 60_000 }, () => {
    let harness: FeatureStoreHarness | undefined;
    const current = (): FeatureStoreHarness => {
      if (harness === undefined) throw new Error('the harness is not open');
      return harness;
    };
    beforeAll(async () => {
      harness = await open();
    });
    afterAll(() => harness?.close());
    newestLaws(
      () => current().store,
      () => current().openAnother(),
    );
    valueLaws(() => current().store);
    viewLaws(() => current().store);
  });
}

async function storedWindow(store: FeatureStore, sensorId: string): Promise<number | undefined> {
  const [features] = await store.read([sensorId]);
  if (features === undefined) return undefined;
  return (features.eventTimeMs - baseMs) / windowMs - 1;
}

function viewLaws(store: () => FeatureStore): void {
  test('each view of a sensor has a newest row of its own', async () => {
    const id = uniqueName('sensor');
    const [base, larger] = [featureRow(id, 3), featureRow(id, 1, { avg_value: 5 })];
    await store().upsert([base]);

    expect(await store().read([id], largerView)).toEqual([undefined]);
    expect(await store().upsert([larger], largerView)).toEqual({ written: 1, skipped: 0 });
    expect(await store().upsert([featureRow(id, 0)], largerView)).toEqual({
      written: 0,
      skipped: 1,
    });

    expect(await store().read([id], largerView)).toEqual([
      { eventTimeMs: larger.window_end, values: larger.features },
    ]);
    expect(await store().read([id])).toEqual([
      { eventTimeMs: base.window_end, values: base.features },
    ]);
  });
}

function newestLaws(store: () => FeatureStore, another: () => Promise<FeatureStore>): void {
  test('a row is read back with its window end as event time', async () => {
    const id = uniqueName('sensor');
    const row = featureRow(id, 0);

    expect(await store().upsert([row])).toEqual({ written: 1, skipped: 0 });

    expect(await store().read([id])).toEqual([
      { eventTimeMs: row.window_end, values: row.features },
    ]);
  });

  test('a newer window replaces, an equal or older one is skipped and changes nothing', async () => {
    const id = uniqueName('sensor');
    await store().upsert([featureRow(id, 5)]);

    const older = await store().upsert([featureRow(id, 4, { avg_value: -1 })]);
    const equal = await store().upsert([featureRow(id, 5, { avg_value: -2 })]);
    const [kept] = await store().read([id]);
    const newer = await store().upsert([featureRow(id, 6)]);

    expect([older, equal, newer]).toEqual([
      { written: 0, skipped: 1 },
      { written: 0, skipped: 1 },
      { written: 1, skipped: 0 },
    ]);
    expect(kept?.values).toEqual(featureRow(id, 5).features);
    expect(await storedWindow(store(), id)).toBe(6);
  });

  test('of a batch that is out of order the newest row of each sensor stays', async () => {
    const [a, b] = [uniqueName('a'), uniqueName('b')];

    const result = await store().upsert([
      featureRow(a, 3),
      featureRow(b, 9),
      featureRow(a, 7),
      featureRow(a, 5),
      featureRow(b, 8),
      featureRow(a, 7),
    ]);

    expect(result.written + result.skipped).toBe(6);
    expect(await storedWindow(store(), a)).toBe(7);
    expect(await storedWindow(store(), b)).toBe(9);
  });

  test('upserts at the same time from two instances never go back', async () => {
    const id = uniqueName('sensor');
    const other = await another();
    let newest = -1;
    let reading = true;
    const reader = (async (): Promise<void> => {
      while (reading) {
        const window = (await storedWindow(store(), id)) ?? -1;
        expect(window).toBeGreaterThanOrEqual(newest);
        newest = window;
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();

    const order = Array.from({ length: 60 }, (_, index) => (index * 37) % 60);
    await Promise.all(
      order.map((window, index) =>
        (index % 2 === 0 ? store() : other).upsert([featureRow(id, window)]),
      ),
    );
    reading = false;
    await reader;

    expect(await storedWindow(other, id)).toBe(59);
    await other.close();
  });

  test('writing a batch again changes nothing', async () => {
    const ids = [uniqueName('a'), uniqueName('b')];
    const rows = ids.flatMap((id) => [featureRow(id, 1), featureRow(id, 2)]);
    await store().upsert(rows);
    const before = await store().read(ids);

    expect(await store().upsert(rows)).toEqual({ written: 0, skipped: 4 });

    expect(await store().read(ids)).toEqual(before);
  });

  test('reads come in the order asked, with undefined for ids that are not stored', async () => {
    const [a, b] = [uniqueName('a'), uniqueName('b')];
    await store().upsert([featureRow(a, 1), featureRow(b, 2)]);

    const read = await store().read([b, uniqueName('none'), a, b]);

    expect(read.map((features) => features?.values['count'])).toEqual([62, undefined, 61, 62]);
    expect(await store().read([])).toEqual([]);
  });

  test('reads at the same time each get what they asked for, in their order', async () => {
    const ids = Array.from({ length: 150 }, () => uniqueName('sensor'));
    await store().upsert(ids.map((id, index) => featureRow(id, index)));
    const asked = [[3], [], [140, 0, 140], ids.map((_, index) => 149 - index), [7, 8]];

    const read = await Promise.all(
      asked.map((indexes) => store().read(indexes.map((index) => ids[index] ?? ''))),
    );

    expect(read.map((rows) => rows.map((row) => row?.values['count']))).toEqual(
      asked.map((indexes) => indexes.map((index) => 60 + index)),
    );
  });

  test('thousands of rows in one batch are all stored', async () => {
    const prefix = uniqueName('bulk');
    const ids = Array.from({ length: 5_000 }, (_, index) => `${prefix}-${index}`);

    const result = await store().upsert(
      ids.map((id, index) => featureRow(id, 0, { avg_value: index / 7 })),
    );
    const read = await store().read(ids);

    expect(result).toEqual({ written: 5_000, skipped: 0 });
    expect(read.map((features) => features?.values['avg_value'])).toEqual(
      ids.map((_, index) => index / 7),
    );
  });

  test('an upsert of nothing is fine, and a ping answers', async () => {
    expect(await store().upsert([])).toEqual({ written: 0, skipped: 0 });
    await store().ping();
  });
}

function valueLaws(store: () => FeatureStore): void {
  test('unusual sensor ids are kept apart: unicode, NUL, spaces, long, and prefixes', async () => {
    const base = uniqueName('id');
    const ids = [
      base,
      `${base}\u0000`,
      `${base}\u0000x`,
      `\u0000${base}`,
      `${base} x`,
      `${base}/\u00e9`,
      `${base}/e\u0301`,
      `${base}🌡️`,
      `${base}{a}`,
      `${base}"\\\n`,
      base.padEnd(256, 'l'),
      base.padEnd(255, 'l'),
    ];

    await store().upsert(ids.map((id, index) => featureRow(id, index)));

    expect((await store().read(ids)).map((each) => each?.values['count'])).toEqual(
      ids.map((_, index) => 60 + index),
    );
  });

  test('doubles are exact: negative zero, denormals, the largest, and 17 digits', async () => {
    const id = uniqueName('sensor');
    const features = {
      avg_value: -0,
      min_value: -1.7976931348623157e308,
      max_value: 5e-324,
      std_dev: 0.1 + 0.2,
      anomaly_rate: 2.2250738585072014e-308,
    };

    await store().upsert([featureRow(id, 0, features)]);

    const [read] = await store().read([id]);
    for (const [name, value] of Object.entries(features)) {
      expect(Object.is(read?.values[name], value), name).toBe(true);
    }
  });

  test('counts come back as whole numbers, also large ones', async () => {
    const id = uniqueName('sensor');

    await store().upsert([
      featureRow(id, 0, { count: 9_007_199_254_740_991, anomaly_count: 4_294_967_297 }),
    ]);

    const [read] = await store().read([id]);
    expect(read?.values['count']).toBe(9_007_199_254_740_991);
    expect(read?.values['anomaly_count']).toBe(4_294_967_297);
  });
}
