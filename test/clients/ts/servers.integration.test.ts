// The client against the built program and against the real `feast serve`, over the same Redis:
// what it returns from one is what it returns from the other.
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';

import {
  createFeatureClient,
  type FeatureClient,
  type OnlineRow,
} from '../../../clients/ts/src/index.ts';
import { feastView } from '../../../src/codecs/feast.ts';
import { createLogger } from '../../../src/logger.ts';
import { defaultFeatures } from '../../../src/sensors/features.ts';
import { openRedisFeatureStore } from '../../../src/stores/redis/redis-feature-store.ts';
import { uniqueName } from '../../contracts/event-log-harness.ts';
import { featureRow } from '../../contracts/feature-store.contract.ts';
import { startFeastServer, type FeastServer } from '../../feast/feast-server.ts';
import { startProgram, type Program } from '../../integration/program.ts';

const server = inject('redisUrl');
const redisUrl = `${server}/11`;
const python = inject('feastPython');
const features = defaultFeatures.map(({ name }) => `${feastView}:${name}`);

describe.skipIf(server === '' || python === '')('the TypeScript client', () => {
  const sensors = [uniqueName('sensor'), uniqueName('sensor'), 'ü/ "quoted" id'];
  let feast: FeastServer | undefined;
  let program: Program | undefined;
  let clients: readonly FeatureClient[] = [];

  beforeAll(async () => {
    const store = openRedisFeatureStore({
      url: redisUrl,
      clusterNodes: [],
      onlineTtlS: undefined,
      features: defaultFeatures,
      logger: createLogger('fatal'),
    });
    await store.upsert(sensors.map((id, window) => featureRow(id, window)));
    await store.close();
    program = await startProgram({ REDIS_URL: redisUrl, SIMULATED_SENSORS: '0' });
    feast = await startFeastServer(python, redisUrl);
    await program.ready();
    clients = [program.url, feast.url].map((url) => createFeatureClient({ url }));
  }, 300_000);
  afterAll(async () => {
    feast?.stop();
    await program?.kill();
  });

  const fromBoth = async (
    read: (client: FeatureClient) => Promise<readonly OnlineRow[]>,
  ): Promise<readonly (readonly OnlineRow[])[]> =>
    Promise.all(
      // Ages are by the clock at each answer.
      clients.map(async (client) => (await read(client)).map((row) => ({ ...row, ageMs: 0 }))),
    );

  test('returns the same rows from both, of known and unknown sensors', async () => {
    const entities = { sensor_id: [...sensors, uniqueName('nobody')] };

    const [ours = [], theirs] = await fromBoth((client) =>
      client.getOnlineFeatures({ features, entities }),
    );

    expect(ours).toEqual(theirs);
    expect(ours.map(({ found }) => found)).toEqual([true, true, true, false]);
    expect(ours[1]?.features).toMatchObject({ count: 61, avg_value: 21.1, anomaly_rate: 1 / 60 });
    expect(ours[1]?.eventTimeMs).toBe(featureRow('', 1).window_end);
  });

  test('returns the same rows with full names', async () => {
    const request = { features, entities: { sensor_id: sensors }, fullFeatureNames: true } as const;

    const [ours = [], theirs] = await fromBoth((client) => client.getOnlineFeatures(request));

    expect(ours).toEqual(theirs);
    expect(Object.keys(ours[0]?.features ?? {})).toContain(`${feastView}__avg_value`);
  });

  test('is refused by both for a view that does not exist', async () => {
    const request = { features: ['nothing:here'], entities: { sensor_id: sensors } };

    for (const client of clients) {
      await expect(client.getOnlineFeatures(request)).rejects.toMatchObject({ kind: 'refused' });
    }
  });
});
