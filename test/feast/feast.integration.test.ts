import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';

import { feastEntityKey, feastView } from '../../src/codecs/feast.ts';
import { createLogger } from '../../src/logger.ts';
import { defaultFeatures } from '../../src/sensors/features.ts';
import type { FeatureStore } from '../../src/stores/feature-store.ts';
import { openRedisFeatureStore } from '../../src/stores/redis/redis-feature-store.ts';
import { uniqueName } from '../contracts/event-log-harness.ts';
import { featureRow, largerView } from '../contracts/feature-store.contract.ts';
import { openFeastSdk, type FeastSdk } from './feast-sdk.ts';

const server = inject('redisUrl');
// A database of its own: how feature_store.yaml is told of one is then tested too.
const redisUrl = server === '' ? '' : `${server}/12`;
const python = inject('feastPython');

describe.skipIf(redisUrl === '' || python === '')(
  'the real Feast SDK',
  { timeout: 120_000 },
  () => {
    let feast: FeastSdk;
    let store: FeatureStore;
    let redis: Redis;
    beforeAll(async () => {
      feast = await openFeastSdk(python, redisUrl);
      redis = new Redis(redisUrl);
      store = openRedisFeatureStore({
        url: redisUrl,
        clusterNodes: [],
        onlineTtlS: undefined,
        features: defaultFeatures,
        logger: createLogger('fatal'),
      });
    }, 180_000);
    afterAll(async () => {
      feast.close();
      redis.disconnect();
      await store.close();
    });

    test('has every feature we declare, with its type', async () => {
      const id = uniqueName('sensor');
      await store.upsert([featureRow(id, 0)]);

      const [read] = await feast.read([id]);

      const types = Object.entries(read?.values ?? {}).map(([name, value]) => [
        name,
        typeof value === 'bigint' ? 'Int64' : 'Float64',
      ]);
      expect(Object.fromEntries(types)).toEqual(
        Object.fromEntries(defaultFeatures.map(({ name, type }) => [name, type])),
      );
    });

    test('reads every double bit for bit and every count exactly', async () => {
      const doubles = [0.1 + 0.2, -0, 5e-324, 2.2250738585072014e-308, -1.7976931348623157e308];
      const rows = doubles.map((double, index) =>
        featureRow(uniqueName('sensor'), index, {
          avg_value: double,
          min_value: -double,
          std_dev: 1 / (index + 3),
          count: 2 ** 53 - 1 - index,
          anomaly_count: 0,
        }),
      );
      await store.upsert(rows);

      const read = await feast.read(rows.map((row) => row.sensor_id));

      rows.forEach((row, index) => {
        expect(read[index]?.eventTimeMs).toBe(row.window_end);
        for (const [name, value] of Object.entries(row.features)) {
          const came = read[index]?.values[name];
          const expected = typeof came === 'bigint' ? BigInt(value) : value;
          expect(Object.is(came, expected), `${name}: ${String(came)}, not ${value}`).toBe(true);
        }
      });
    });

    test('finds ids in any script, of any length, and keeps apart what only looks equal', async () => {
      const base = uniqueName('s');
      const ids = ['датчик', '温度-🌡', 'é', 'e\u0301', 'a b|c:{d}', 'x'.repeat(200)];
      const rows = ids.map((id, index) => featureRow(`${base}-${id}`, index));
      await store.upsert(rows);

      const read = await feast.read(rows.map((row) => row.sensor_id));

      expect(read.map(({ values }) => values['count'])).toEqual(
        rows.map((_, index) => BigInt(60 + index)),
      );
    });

    test('answers None for a sensor that is not stored', async () => {
      const [read] = await feast.read([uniqueName('unknown')]);

      expect(read?.eventTimeMs).toBe(0);
      expect(new Set(Object.values(read?.values ?? {}))).toEqual(new Set([null]));
    });

    test('writes what we read, and leaves the same bytes as we do', async () => {
      const [ours, theirs] = [featureRow(uniqueName('a'), 3), featureRow(uniqueName('b'), 3)];
      await store.upsert([ours]);

      await feast.write([
        {
          sensor_id: theirs.sensor_id,
          event_time_ms: theirs.window_end,
          features: theirs.features,
        },
      ]);

      const [read] = await store.read([theirs.sensor_id]);
      expect(read).toEqual({ eventTimeMs: theirs.window_end, values: theirs.features });
      const [ourBytes, theirBytes] = await Promise.all(
        [ours, theirs].map((row) => hashOf(redis, row.sensor_id)),
      );
      expect(theirBytes).toEqual(ourBytes);
    });

    test('and we never overwrite each other with an older or equal window', async () => {
      const id = uniqueName('sensor');
      const write = (window: number, avg: number): Promise<void> => {
        const row = featureRow(id, window, { avg_value: avg });
        return feast.write([{ ...row, event_time_ms: row.window_end }]);
      };

      await write(5, 1.5);
      expect(await store.upsert([featureRow(id, 5)])).toEqual({ written: 0, skipped: 1 });
      expect(await store.upsert([featureRow(id, 4)])).toEqual({ written: 0, skipped: 1 });
      expect((await store.read([id]))[0]?.values['avg_value']).toBe(1.5);
      expect(await store.upsert([featureRow(id, 6)])).toEqual({ written: 1, skipped: 0 });
      await write(6, 2.5);
      expect((await store.read([id]))[0]?.values['avg_value']).toBe(26.1);
    });
  },
);

async function hashOf(redis: Redis, sensorId: string): Promise<Record<string, string>> {
  const cells = (await redis.callBuffer('HGETALL', feastEntityKey(sensorId))) as Buffer[];
  const hash: Record<string, string> = {};
  for (let at = 0; at + 1 < cells.length; at += 2) {
    hash[String(cells[at]?.toString('hex'))] = String(cells[at + 1]?.toString('hex'));
  }
  return hash;
}

test.skipIf(redisUrl === '' || python === '')(
  'the real Feast SDK of another project and join key reads what is written, and no apply deletes it',
  { timeout: 120_000 },
  async () => {
    const names = { project: 'plant_7', joinKey: 'machine' };
    const feast = await openFeastSdk(python, redisUrl, { ...names, windows: '5m' });
    const store = openRedisFeatureStore({
      ...{ url: redisUrl, clusterNodes: [], onlineTtlS: undefined },
      ...{ features: defaultFeatures, logger: createLogger('fatal'), names },
      views: [feastView, largerView],
    });
    try {
      const row = featureRow(uniqueName('sensor'), 4);
      await store.upsert([row]);

      const [read] = await feast.read([row.sensor_id]);

      expect(read?.eventTimeMs).toBe(row.window_end);
      expect(read?.values['avg_value']).toBe(row.features['avg_value']);

      // An apply without WINDOWS drops the view from the registry, and must leave what is served.
      await store.upsert([row], largerView);
      expect(feast.applyAgain('')).toContain(largerView);
      const [larger] = await store.read([row.sensor_id], largerView);
      expect(larger?.values).toEqual(row.features);
    } finally {
      feast.close();
      await store.close();
    }
  },
);
