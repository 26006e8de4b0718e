// A Redis Cluster of three masters with a replica each, while masters die, freeze and slots move;
// and servers of the other kind than the setting says.
import { spawnSync } from 'node:child_process';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';

import { feastEntityKey } from '../../../src/codecs/feast.ts';
import { parseConfig } from '../../../src/config/config.ts';
import { ConfigError } from '../../../src/errors.ts';
import { createLogger } from '../../../src/logger.ts';
import type { FeatureStore } from '../../../src/stores/feature-store.ts';
import { openFeatureStore } from '../../../src/stores/open.ts';
import { cli, freshDataDir } from '../../cli/captured-cli.ts';
import { featureRow } from '../../contracts/feature-store.contract.ts';
import { eventually } from '../../integration/program.ts';
import {
  redisServerInstalled,
  startRedisCluster,
  startRedisServer,
  type RedisCluster,
  type RedisServer,
} from './redis-server.ts';

type Settings = Readonly<Record<string, string>>;

const patient = { timeoutMs: 90_000 };
const sensors = 60;
const rowsOf = (window: number) =>
  Array.from({ length: sensors }, (_, index) => featureRow(`s${index}`, window));

async function store(env: Settings): Promise<FeatureStore> {
  const shared = { SIMULATED_SENSORS: '0', ONLINE_OTHER_WRITER: 'share' };
  const opened = await openFeatureStore(parseConfig({ ...shared, ...env }), createLogger('fatal'));
  onTestFinished(() => opened.close());
  return opened;
}

/** Returns the store once the Cluster answers it. */
async function ready(env: Settings): Promise<FeatureStore> {
  const opened = await store(env);
  await eventually(() => opened.ping(), patient);
  return opened;
}

async function redisLines(env: Settings): Promise<readonly string[]> {
  const { out } = await cli(['doctor'], {
    ...env,
    SIMULATED_SENSORS: '0',
    DATA_DIR: freshDataDir(),
  });
  const lines = out.split('\n');
  return lines.flatMap((line, at) =>
    /^\w+ +(redis|clock and Redis)/.test(line) ? [`${line}\n${lines[at + 1] ?? ''}`] : [],
  );
}

function ask(server: RedisServer | undefined, ...words: readonly string[]): string {
  const { stdout } = spawnSync('redis-cli', ['-p', String(server?.port), ...words], {
    encoding: 'utf8',
  });
  return stdout.trim();
}

describe.skipIf(!redisServerInstalled)('a Redis Cluster with replicas', () => {
  let cluster: RedisCluster;
  let env: Settings;
  beforeAll(async () => {
    cluster = await startRedisCluster({ replicas: 1 });
    env = { REDIS_CLUSTER_NODES: cluster.nodes.join(',') };
    await settled();
  });
  afterAll(() => cluster.close());

  const masters = (): readonly RedisServer[] =>
    cluster.servers.filter((server) => ask(server, 'ROLE').startsWith('master'));

  /** Resolves once three masters, each with a replica in step, serve all slots. */
  async function settled(): Promise<void> {
    await eventually(async () => {
      for (const server of cluster.servers) {
        expect(ask(server, 'CLUSTER', 'INFO')).toContain('cluster_state:ok');
        const nodes = ask(server, 'CLUSTER', 'NODES').split('\n');
        expect(nodes.filter((line) => line.includes('fail'))).toEqual([]);
        expect(nodes.filter((line) => line.includes('slave'))).toHaveLength(3);
      }
      expect(masters()).toHaveLength(3);
      for (const master of masters()) {
        expect(ask(master, 'INFO', 'replication')).toMatch(/slave0:.*state=online/);
      }
      await Promise.resolve();
    }, patient);
  }

  test('is examined as a whole, whichever node is named', async () => {
    for (const node of cluster.nodes) {
      // A node lists a replica once it has heard of its first write.
      await eventually(async () => {
        const lines = await redisLines({ REDIS_CLUSTER_NODES: node });

        expect(lines.filter((line) => line.startsWith('fail'))).toEqual([]);
        expect(lines.join('\n')).toContain('3 masters, state ok, 16384 of 16384 slots served');
        expect(lines.join('\n')).toContain('redis replicas: each master has one');
      }, patient);
    }
  });

  test('is examined though the first node that is named does not answer', async () => {
    const lines = await redisLines({
      REDIS_CLUSTER_NODES: `127.0.0.1:1,${cluster.nodes[5] ?? ''}`,
    });

    expect(lines.filter((line) => line.startsWith('fail'))).toEqual([]);
  });

  test('named as REDIS_URL is refused with the cure, by doctor and the store', async () => {
    for (const node of cluster.nodes) {
      const url = { REDIS_URL: `redis://${node}` };
      const single = await store(url);

      const refused = expect(single.upsert(rowsOf(1))).rejects;
      await refused.toThrow(/is a node of a Redis Cluster: set REDIS_CLUSTER_NODES/);
      await expect(single.upsert(rowsOf(1))).rejects.toThrow(ConfigError);
      expect(await redisLines(url)).toEqual([
        expect.stringMatching(/^fail {2}redis cluster: [^]*→ set REDIS_CLUSTER_NODES/),
      ]);
    }
  });

  test('takes every row while slots move to another master', async () => {
    const features = await ready(env);
    const [from, to] = masters();
    const [source, target] = [ask(from, 'CLUSTER', 'MYID'), ask(to, 'CLUSTER', 'MYID')];
    const range = ['--cluster-from', source, '--cluster-to', target, '--cluster-slots', '300'];
    const words = ['--cluster', 'reshard', `127.0.0.1:${from?.port ?? 0}`, ...range];
    await features.upsert(rowsOf(0));

    const moved = spawnSync('redis-cli', [...words, '--cluster-yes'], { encoding: 'utf8' });
    const { written } = await features.upsert(rowsOf(1));
    const read = await features.read(rowsOf(1).map((row) => row.sensor_id));

    expect(moved.status, moved.stdout).toBe(0);
    expect(written).toBe(sensors);
    expect(read.map((found) => found?.values['count'])).toEqual(rowsOf(1).map(() => 61));
  });

  test('answers for a key that is being moved', async () => {
    const features = await ready(env);
    await features.upsert([featureRow('s0', 10)]);
    const anyNode = new Redis(cluster.servers[0]?.port ?? 0);
    onTestFinished(() => anyNode.disconnect());
    const slot = String(await anyNode.cluster('KEYSLOT', feastEntityKey('s0')));
    const owner = masters().find(
      (server) => ask(server, 'CLUSTER', 'COUNTKEYSINSLOT', slot) !== '0',
    );
    const other = masters().find((server) => server !== owner);
    ask(other, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', ask(owner, 'CLUSTER', 'MYID'));
    ask(owner, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', ask(other, 'CLUSTER', 'MYID'));
    const admin = new Redis(owner?.port ?? 0);
    onTestFinished(() => admin.disconnect());
    await admin.migrate('127.0.0.1', other?.port ?? 0, feastEntityKey('s0'), 0, 5_000);

    // The owner has it no more, and sends the client to the other with ASK.
    const { written } = await features.upsert([featureRow('s0', 11)]);
    const [row] = await features.read(['s0']);
    for (const server of masters()) {
      ask(server, 'CLUSTER', 'SETSLOT', slot, 'NODE', ask(other, 'CLUSTER', 'MYID'));
    }

    expect([written, row?.values['count']]).toEqual([1, 71]);
    expect((await features.read(['s0']))[0]?.values['count']).toBe(71);
  });

  test.each(['killed', 'frozen'])(
    'goes on with the replica of a master that is %s, and counts an interruption',
    async (fault) => {
      await settled();
      const features = await ready(env);
      await features.upsert(rowsOf(20));
      const before = features.interruptions?.() ?? 0;
      const [master] = masters();
      let window = 21;

      if (fault === 'killed') await master?.kill();
      else master?.freeze();
      onTestFinished(async () => {
        if (fault === 'killed') await master?.start();
        else master?.thaw();
        await settled();
      });
      await eventually(async () => {
        window += 1;
        expect((await features.upsert(rowsOf(window))).written).toBe(sensors);
      }, patient);
      const read = await features.read(rowsOf(window).map((row) => row.sensor_id));

      expect(read.map((found) => found?.values['count'])).toEqual(
        rowsOf(window).map(() => 60 + window),
      );
      expect(features.interruptions?.() ?? 0).toBeGreaterThan(before);
    },
  );

  test('counts an interruption when a replica takes its master over, which breaks no connection', async () => {
    await settled();
    const features = await ready(env);
    await features.upsert(rowsOf(1_000));
    const before = features.interruptions?.() ?? 0;
    const replica = cluster.servers.find((server) => ask(server, 'ROLE').startsWith('slave'));

    expect(ask(replica, 'CLUSTER', 'FAILOVER', 'TAKEOVER')).toBe('OK');

    await eventually(async () => {
      await features.ping();
      expect(features.interruptions?.() ?? 0).toBeGreaterThan(before);
    }, patient);
  });

  test('with a master that is gone and has no replica fails doctor by its name', async () => {
    const alone = await startRedisCluster();
    onTestFinished(() => alone.close());
    const nodes = { REDIS_CLUSTER_NODES: alone.nodes.join(',') };
    expect((await redisLines(nodes)).join('\n')).toMatch(/^warn +redis replicas: none of 127/m);

    await alone.servers[0]?.kill();

    await eventually(async () => {
      const lines = await redisLines(nodes);
      expect(lines.join('\n')).toMatch(/^fail +redis cluster: .*state fail/m);
      expect(lines.join('\n')).toMatch(/^fail +redis master: .*ECONNREFUSED/m);
    }, patient);
  });
});

test.skipIf(!redisServerInstalled)(
  'a single Redis as a Cluster is refused with the cure',
  async () => {
    const single = await startRedisServer();
    onTestFinished(() => single.close());
    const env = { REDIS_CLUSTER_NODES: `127.0.0.1:${single.port}` };
    const features = await store(env);

    const cure = /is no node of a Redis Cluster: set REDIS_URL instead of REDIS_CLUSTER_NODES/;
    await expect(features.ping()).rejects.toThrow(cure);
    expect((await redisLines(env)).join('\n')).toMatch(cure);
  },
);
