// A connection whose set-up a server refuses is no connection: nothing is written over it.
import { Redis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';

import { UnavailableError } from '../../../src/errors.ts';
import { defaultFeatures } from '../../../src/sensors/features.ts';
import type { FeatureStore } from '../../../src/stores/feature-store.ts';
import { openRedisFeatureStore } from '../../../src/stores/redis/redis-feature-store.ts';
import { watchSetup } from '../../../src/stores/redis/connection-setup.ts';
import { readRedisFacts } from '../../../src/stores/redis/redis-facts.ts';
import { feastView } from '../../../src/codecs/feast.ts';
import { cli, freshDataDir } from '../../cli/captured-cli.ts';
import { eventually } from '../../contracts/event-log-harness.ts';
import { featureRow } from '../../contracts/feature-store.contract.ts';
import { keepingLogger, type LoggedLine } from '../../supervisor/keeping-logger.ts';
import { redisServerInstalled, startRedisServer, type RedisServer } from './redis-server.ts';

async function server(settings: readonly string[] = []): Promise<RedisServer> {
  const started = await startRedisServer(settings);
  onTestFinished(() => started.close());
  return started;
}

function open(url: string, lines: LoggedLine[] = []): FeatureStore {
  const store = openRedisFeatureStore({
    ...{ url, clusterNodes: [], onlineTtlS: undefined },
    cached: { rowsMax: 100, bytesMax: 1_000_000 },
    ...{ features: defaultFeatures, views: [feastView], logger: keepingLogger(lines) },
  });
  onTestFinished(() => store.close());
  return store;
}

async function keysIn(url: string): Promise<number> {
  const redis = new Redis(url);
  const keys = await redis.dbsize();
  redis.disconnect();
  return keys;
}

const redisConfig = (url: string) => ({ url, clusterNodes: [], onlineTtlS: undefined });

describe.skipIf(!redisServerInstalled)('a connection to Redis', () => {
  test('to a database that does not exist writes nowhere', async () => {
    const redis = await server(['--databases', '16']);
    const lines: LoggedLine[] = [];
    const store = open(`${redis.url}/99`, lines);

    const written = store.upsert([featureRow('s', 1)]);

    await expect(written).rejects.toThrow(UnavailableError);
    await expect(written).rejects.toThrow('database 99 of REDIS_URL cannot be selected');
    await expect(store.ping()).rejects.toThrow('database 99');
    expect(await keysIn(redis.url)).toBe(0);
    expect(lines.filter(({ message }) => message === 'Redis cannot be used')).toHaveLength(1);
  });

  test('to a database that may not be selected writes nowhere', async () => {
    const redis = await server(['--user', 'writer', 'on', '>secret', '~*', '+@all', '-select']);
    const url = redis.url.replace('//', '//writer:secret@');

    const written = open(`${url}/3`).upsert([featureRow('s', 1)]);

    await expect(written).rejects.toThrow('database 3 of REDIS_URL cannot be selected');
    expect(await keysIn(redis.url)).toBe(0);
    await expect(open(`${url}/0`).upsert([featureRow('s', 1)])).resolves.toMatchObject({
      written: 1,
    });
  });

  test('comes up by itself once the database is there', async () => {
    const small = await server(['--databases', '16']);
    const store = open(`${small.url}/20`);
    await expect(store.ping()).rejects.toThrow('database 20');

    await small.kill();
    const large = await startRedisServer(['--databases', '32'], small.port);
    onTestFinished(() => large.close());

    await eventually(() => store.ping());
    await store.upsert([featureRow('s', 1)]);
    expect(await keysIn(`${large.url}/20`)).toBe(1);
    expect(await keysIn(large.url)).toBe(0);
  });

  test('with a password that its server does not ask for is none', async () => {
    const redis = await server();
    const url = redis.url.replace('//', '//:forgotten@');
    // RESP 2 asks with AUTH, and Redis refuses it; the client would go on without.
    const client = new Redis(url, { protocol: 2, retryStrategy: () => null, lazyConnect: true });
    client.on('error', () => undefined);
    const setup = watchSetup(client);

    await expect(client.connect()).rejects.toThrow();

    expect(setup.refusal()?.message).toContain('AUTH was refused');
    expect(setup.refusal()?.message).not.toContain('forgotten');
    client.disconnect();
  });

  test('of the doctor fails for the same reason', async () => {
    const redis = await server(['--databases', '16']);
    const url = `${redis.url}/99`;

    await expect(readRedisFacts(redisConfig(url), keepingLogger())).rejects.toThrow(
      'database 99 of REDIS_URL',
    );
    await expect(
      readRedisFacts(redisConfig(`${redis.url}/15`), keepingLogger()),
    ).resolves.toBeDefined();

    const { exitCode, out } = await cli(['doctor'], {
      REDIS_URL: url,
      SIMULATED_SENSORS: '0',
      DATA_DIR: freshDataDir(),
    });
    expect(exitCode).toBe(1);
    expect(out).toMatch(/fail {2}redis: .*database 99 of REDIS_URL cannot be selected/);
  });
});
