// One Redis, two pipelines: the second refuses with the cure, and nothing of it is written.
import { Redis } from 'ioredis';
import { describe, expect, onTestFinished, test } from 'vitest';

import { parseConfig } from '../../../src/config/config.ts';
import { ConfigError, UnavailableError } from '../../../src/errors.ts';
import { createLogger } from '../../../src/logger.ts';
import type { FeatureStore } from '../../../src/stores/feature-store.ts';
import { claimFeatureStore, openFeatureStore } from '../../../src/stores/open.ts';
import { cli, freshDataDir } from '../../cli/captured-cli.ts';
import { eventually } from '../../contracts/event-log-harness.ts';
import { featureRow } from '../../contracts/feature-store.contract.ts';
import { runProgram, startProgram } from '../../integration/program.ts';
import { redisServerInstalled, startRedisCluster, startRedisServer } from './redis-server.ts';

type Env = Readonly<Record<string, string>>;

const logger = createLogger('fatal');
const older = { GROUP_ID: 'plant', OUTPUT_TOPIC: 'plant_features' };
const newer = { GROUP_ID: 'plant-2', OUTPUT_TOPIC: 'plant_features_2' };

async function openRedis(): Promise<Env> {
  const server = await startRedisServer([]);
  onTestFinished(() => server.close());
  return { REDIS_URL: server.url };
}

/** Opens the store as the pipeline of `env` does. */
async function pipeline(env: Env): Promise<FeatureStore> {
  const store = await openFeatureStore(configOf(env), logger);
  onTestFinished(() => store.close());
  return store;
}

const configOf = (env: Env) => parseConfig({ SIMULATED_SENSORS: '0', ...env });
const claim = (env: Env): Promise<void> => claimFeatureStore(configOf(env), logger);

/** Resolves once the guard, which trusts an answer for a second, has refused a write. */
async function untilRefused(store: FeatureStore): Promise<void> {
  await eventually(() => expect(store.upsert([featureRow('s', 0)])).rejects.toThrow(ConfigError));
}

describe.skipIf(!redisServerInstalled)('a Redis that a pipeline writes to', () => {
  test('refuses another pipeline with the cure, and takes nothing of it', async () => {
    const redis = await openRedis();
    const first = await pipeline({ ...redis, ...older });
    await first.upsert([featureRow('s', 1)]);

    const second = await pipeline({ ...redis, ...newer });

    const refused = second.upsert([featureRow('s', 2)]);
    await expect(refused).rejects.toThrow(ConfigError);
    await expect(refused).rejects.toThrow(
      /written by GROUP_ID plant, OUTPUT_TOPIC plant_features, not .*ONLINE_OTHER_WRITER=take-over/,
    );
    await expect(second.ping()).rejects.toThrow(ConfigError);
    await expect(claim({ ...redis, ...newer })).rejects.toThrow(ConfigError);
    expect((await first.read(['s']))[0]?.eventTimeMs).toBe(featureRow('s', 1).window_end);
    // Readers are no pipeline.
    expect(await second.read(['s'])).toHaveLength(1);
  });

  test('takes every process of one group, at once and after a crash', async () => {
    const redis = await openRedis();
    const stores = await Promise.all([1, 2, 3].map(() => pipeline({ ...redis, ...older })));

    const written = await Promise.all(
      stores.map((store, index) => store.upsert([featureRow(`s${index}`, 1)])),
    );

    expect(written).toEqual(stores.map(() => ({ written: 1, skipped: 0 })));
    await expect(claim({ ...redis, ...older })).resolves.toBeUndefined();
  });

  test('is taken over once asked for, and the pipeline before stops writing', async () => {
    const redis = await openRedis();
    const before = await pipeline({ ...redis, ...older });
    await before.upsert([featureRow('s', 1)]);

    await claim({ ...redis, ...newer, ONLINE_OTHER_WRITER: 'take-over' });

    const after = await pipeline({ ...redis, ...newer, ONLINE_OTHER_WRITER: 'take-over' });
    expect(await after.upsert([featureRow('s', 2)])).toEqual({ written: 1, skipped: 0 });
    await untilRefused(before);
    // A thread that starts again asks for no take-over: the setting is for the start alone.
    const again = await pipeline({ ...redis, ...older, ONLINE_OTHER_WRITER: 'take-over' });
    await expect(again.ping()).rejects.toThrow(ConfigError);
  });

  test('has an owner for each project and join key, and none where it is shared', async () => {
    const redis = await openRedis();
    await claim({ ...redis, ...older });

    await claim({ ...redis, ...newer, FEAST_PROJECT: 'plant_2' });
    await claim({ ...redis, ...newer, FEAST_JOIN_KEY: 'machine' });
    const shared = await pipeline({ ...redis, ...newer, ONLINE_OTHER_WRITER: 'share' });

    expect(await shared.upsert([featureRow('other', 1)])).toEqual({ written: 1, skipped: 0 });
  });

  test('without a marker, as an earlier version left it, goes to the first that writes', async () => {
    const redis = await openRedis();
    const former = await pipeline({ ...redis, ...older, ONLINE_OTHER_WRITER: 'share' });
    await former.upsert([featureRow('s', 1)]);

    const first = await pipeline({ ...redis, ...older });
    await first.upsert([featureRow('s', 2)]);

    await expect(claim({ ...redis, ...newer })).rejects.toThrow(ConfigError);
    // Emptied while it runs: it claims again, before another does.
    const client = new Redis(redis['REDIS_URL'] ?? '');
    onTestFinished(() => client.disconnect());
    await client.flushall();
    await eventually(async () => {
      await first.ping();
      expect(await client.get('sensorium:owner:sensor_id:sensor_features')).toBe(
        'GROUP_ID plant, OUTPUT_TOPIC plant_features',
      );
    });
  });

  test('of a Cluster has one owner, too', async () => {
    const cluster = await startRedisCluster();
    onTestFinished(() => cluster.close());
    const nodes = { REDIS_CLUSTER_NODES: cluster.nodes.join(',') };
    const first = await pipeline({ ...nodes, ...older });
    await eventually(() => first.ping());

    await expect(claim({ ...nodes, ...newer })).rejects.toThrow(ConfigError);
  });

  test('that is away refuses nobody yet', async () => {
    const away = { REDIS_URL: 'redis://127.0.0.1:1' };

    await expect(claim({ ...away, ...newer })).rejects.toThrow(UnavailableError);
  });

  test('is named by doctor, and ends a second program at its start', async () => {
    const redis = await openRedis();
    const env = { ...redis, SIMULATED_SENSORS: '1', ONLINE_OTHER_WRITER: 'refuse' };
    const program = await startProgram({ ...env, ...older, WORKERS: '1' });
    onTestFinished(() => program.kill());
    await program.ready();

    const second = await runProgram([], { ...env, ...newer });
    const found = [];
    for (const settings of [older, newer]) {
      const { out } = await cli(['doctor'], { ...env, ...settings, DATA_DIR: freshDataDir() });
      found.push(/^(\w+) +redis writer: (.*)$/m.exec(out)?.slice(1));
    }

    expect(second.exitCode, second.output).toBe(1);
    expect(second.output).toContain('are written by GROUP_ID plant, OUTPUT_TOPIC');
    const owner = 'GROUP_ID plant, OUTPUT_TOPIC plant_features';
    expect(found).toEqual([
      ['ok', owner],
      ['fail', owner],
    ]);

    const successor = await startProgram({ ...env, ...newer }, { args: ['run', '--take-over'] });
    onTestFinished(() => successor.kill());
    await successor.ready();
    await eventually(async () => {
      expect(program.output()).toContain('are written by GROUP_ID plant-2');
    }, 20_000);
    const health = await fetch(`${program.url}/health/ready`);
    expect(health.status).toBe(503);
  });
});
