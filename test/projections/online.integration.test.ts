import { randomUUID } from 'node:crypto';

import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';

import { feastView } from '../../src/codecs/feast.ts';
import { systemClock } from '../../src/clock.ts';
import type { FeatureRow } from '../../src/codecs/feature-row.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { createMetrics } from '../../src/metrics/pipeline-metrics.ts';
import { startProjector, type Projector } from '../../src/projections/online.ts';
import { rebuild } from '../../src/projections/rebuild.ts';
import { defaultFeatures } from '../../src/sensors/features.ts';
import type { FeatureStore } from '../../src/stores/feature-store.ts';
import { openRedisFeatureStore } from '../../src/stores/redis/redis-feature-store.ts';
import { bytes, eventually, uniqueName } from '../contracts/event-log-harness.ts';
import { featureRow } from '../contracts/feature-store.contract.ts';
import { openTestLog } from '../log/kafka/kafka-harness.ts';
import {
  redisServerInstalled,
  startRedisServer,
  type RedisServer,
} from '../stores/redis/redis-server.ts';
import { recordingLogger } from './recorded.ts';

const missing = inject('kafkaBrokers') === '' || !redisServerInstalled;

describe.skipIf(missing)('the online projection on Kafka and Redis', () => {
  let redis: RedisServer;
  let log: EventLog;
  let store: FeatureStore;
  const running: Projector[] = [];
  const failures: unknown[] = [];

  beforeAll(async () => {
    redis = await startRedisServer();
    log = openTestLog();
    store = openRedisFeatureStore({
      url: redis.url,
      clusterNodes: [],
      onlineTtlS: undefined,
      features: defaultFeatures,
      logger: recordingLogger(),
    });
  });

  afterEach(async () => {
    for (const projector of running.splice(0)) await projector.drain();
    expect(failures.splice(0)).toEqual([]);
  });

  afterAll(async () => {
    await store.close();
    await log.close();
    await redis.close();
  });

  const project = async (topic: string, groupId = uniqueName('group')): Promise<Projector> => {
    const projector = await startProjector({
      log,
      store,
      topics: [{ topic, view: feastView }],
      groupId,
      clock: systemClock,
      logger: recordingLogger(),
      metrics: createMetrics(),
      onFailed: (error) => failures.push(error),
    });
    running.push(projector);
    return projector;
  };

  const freshTopic = async (): Promise<string> => {
    const topic = uniqueName('sensor_features');
    await log.ensureTopics([{ topic, partitions: 3 }]);
    return topic;
  };

  const append = (topic: string, rows: readonly FeatureRow[]): Promise<unknown> =>
    log.append(
      rows.map((row) => ({ topic, key: bytes(row.sensor_id), value: bytes(JSON.stringify(row)) })),
    );

  const counts = async (ids: readonly string[]): Promise<unknown[]> =>
    (await store.read(ids)).map((features) => features?.values['count']);

  const sensors = (count: number): string[] => {
    const prefix = randomUUID().slice(0, 8);
    return Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
  };

  test('a Redis that is killed for a while loses nothing of the last minute, and positions survive', async () => {
    const topic = await freshTopic();
    const groupId = uniqueName('group');
    const ids = sensors(60);
    const projector = await project(topic, groupId);
    await append(
      topic,
      ids.map((id) => featureRow(id, 0)),
    );
    await eventually(async () => expect(await counts(ids)).toEqual(ids.map(() => 60)));

    await redis.kill();
    await append(
      topic,
      ids.slice(0, 30).map((id) => featureRow(id, 1)),
    );
    await eventually(() => {
      expect(projector.status().connected).toBe(false);
      expect(projector.status().lag).toBe(30);
    });
    // It comes back empty, as after a failover that lost everything: the first half has new rows waiting, the other
    // half must be written again though it had been answered.
    await redis.start();

    const expected = ids.map((_, index) => (index < 30 ? 61 : 60));
    await eventually(async () => expect(await counts(ids)).toEqual(expected));
    await eventually(() => expect(projector.status()).toMatchObject({ lag: 0, connected: true }));
    await projector.drain();
    const committed = await Promise.all(
      [0, 1, 2].map((partition) => log.committed(groupId, { topic, partition })),
    );
    expect(committed.reduce((sum, each) => sum + (each?.nextOffset ?? 0), 0)).toBe(90);
  });

  test('a frozen Redis delays and nothing more', async () => {
    const topic = await freshTopic();
    const ids = sensors(10);
    const projector = await project(topic);
    await append(
      topic,
      ids.map((id) => featureRow(id, 0)),
    );
    await eventually(async () => expect(await counts(ids)).toEqual(ids.map(() => 60)));

    redis.freeze();
    await append(
      topic,
      ids.map((id) => featureRow(id, 1)),
    );
    await eventually(() => expect(projector.status().connected).toBe(false));
    redis.thaw();

    await eventually(async () => expect(await counts(ids)).toEqual(ids.map(() => 61)));
  });

  test('a projector that starts late reads from the earliest row; two share the partitions', async () => {
    const topic = await freshTopic();
    const groupId = uniqueName('group');
    const ids = sensors(300);
    await append(
      topic,
      [0, 2, 1].flatMap((window) => ids.map((id) => featureRow(id, window))),
    );

    const first = await project(topic, groupId);
    await eventually(async () => expect(await counts(ids)).toEqual(ids.map(() => 62)));
    const otherLog = openTestLog();
    const second = await startProjector({
      log: otherLog,
      store,
      topics: [{ topic, view: feastView }],
      groupId,
      clock: systemClock,
      logger: recordingLogger(),
      metrics: createMetrics(),
      onFailed: (error) => failures.push(error),
    });
    await eventually(() => {
      expect(second.status().partitions.length).toBeGreaterThan(0);
      expect(first.status().partitions.length + second.status().partitions.length).toBe(3);
    });
    await append(
      topic,
      ids.map((id) => featureRow(id, 3)),
    );
    await eventually(async () => expect(await counts(ids)).toEqual(ids.map(() => 63)));
    await second.drain();
    await otherLog.close();
    await append(
      topic,
      ids.map((id) => featureRow(id, 4)),
    );

    await eventually(async () => expect(await counts(ids)).toEqual(ids.map(() => 64)));
  });

  test('an emptied Redis is refilled from the topic while the projector runs', async () => {
    const topic = await freshTopic();
    const ids = sensors(500);
    for (const window of [0, 1, 2]) {
      await append(
        topic,
        ids.map((id) => featureRow(id, window)),
      );
    }
    await project(topic);
    await eventually(async () => expect(await counts(ids)).toEqual(ids.map(() => 62)));
    await redis.flush();

    const result = await rebuild(
      log,
      store,
      { topics: [{ topic, view: feastView }], clock: systemClock },
      () => undefined,
    );

    expect(result).toMatchObject({ records: 1_500, recordsTotal: 1_500, written: 500, badRows: 0 });
    expect(await counts(ids)).toEqual(ids.map(() => 62));
  });
});
