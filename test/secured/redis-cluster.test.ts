// A Redis Cluster over TLS with client certificates, for a user with the rights of docs/security.md.
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';

import { parseConfig } from '../../src/config/config.ts';
import { createLogger } from '../../src/logger.ts';
import type { FeatureStore } from '../../src/stores/feature-store.ts';
import { openFeatureStore } from '../../src/stores/open.ts';
import { makeAuthority } from '../certificates.ts';
import { cli, freshDataDir } from '../cli/captured-cli.ts';
import { featureRow } from '../contracts/feature-store.contract.ts';
import { eventually } from '../integration/program.ts';
import { startRedisCluster, type RedisCluster } from '../stores/redis/redis-server.ts';
import { adminUser, refusedBy, rulesOfPage, tlsOf, userName, userSecret } from './secured-redis.ts';

type Settings = Readonly<Record<string, string>>;

const patient = { timeoutMs: 90_000 };
const rows = Array.from({ length: 40 }, (_, index) => featureRow(`s${index}`, 1));
const rules = rulesOfPage('cluster');
const ofCluster = rules.filter((rule) => !rulesOfPage('single').includes(rule));

describe('a Redis Cluster over TLS', () => {
  const authority = makeAuthority();
  const { cert, key } = authority.issue('client');
  const login = [
    ...['--tls', '--cacert', authority.ca, '--cert', cert, '--key', key],
    ...['-a', 'admin', '--no-auth-warning'],
  ];
  let cluster: RedisCluster;
  beforeAll(async () => {
    const settingsOf = (port: number): readonly string[] => [
      ...tlsOf(authority, port),
      ...['--tls-cluster', 'yes', '--tls-replication', 'yes', '--masterauth', 'admin'],
      ...adminUser,
    ];
    cluster = await startRedisCluster({ replicas: 1, settingsOf, login });
  }, 120_000);
  afterAll(() => cluster.close());

  function admin(port: number, ...words: readonly string[]): string {
    const args = ['-p', String(port), ...login, ...words];
    return spawnSync('redis-cli', args, { encoding: 'utf8' }).stdout.trim();
  }
  const ports = (): readonly number[] => cluster.servers.map(({ port }) => port);
  const refused = (): readonly string[] => ports().flatMap((port) => refusedBy(port, login));
  const envOf = (secret = userSecret): Settings => ({
    REDIS_CLUSTER_NODES: cluster.nodes
      .map((node) => `rediss://${userName}:${secret}@${node}`)
      .join(','),
    ...{ REDIS_TLS_CA: authority.ca, REDIS_TLS_CERT: cert, REDIS_TLS_KEY: key },
    ...{ SIMULATED_SENSORS: '0', ONLINE_TTL_S: '1000' },
  });

  function give(given: readonly string[]): void {
    for (const port of ports()) {
      expect(admin(port, 'ACL', 'SETUSER', userName, 'reset', ...given)).toBe('OK');
      admin(port, 'ACL', 'LOG', 'RESET');
    }
  }

  async function opened(env: Settings): Promise<FeatureStore> {
    const features = await openFeatureStore(parseConfig(env), createLogger('fatal'));
    onTestFinished(() => features.close());
    return features;
  }

  test('is written, read and examined, also after a failover, and refuses nothing of it', async () => {
    give(rules);
    const features = await opened(envOf());
    const first = await eventually(() => features.upsert(rows), patient);
    const replica = await eventually(() => {
      const found = ports().find((port) => admin(port, 'ROLE').startsWith('slave'));
      expect(found).toBeDefined();
      return Promise.resolve(found ?? 0);
    }, patient);

    expect(admin(replica, 'CLUSTER', 'FAILOVER', 'TAKEOVER')).toBe('OK');
    await eventually(async () => {
      await features.ping();
      expect(features.interruptions?.()).toBeGreaterThan(0);
    }, patient);
    const after = rows.map((row) => ({ ...row, window_end: row.window_end + 60_000 }));
    const second = await eventually(() => features.upsert(after), patient);
    const read = await features.read(rows.map((row) => row.sensor_id));
    const { out } = await cli(['doctor'], { ...envOf(), DATA_DIR: freshDataDir() });

    expect([first.written, second.written]).toEqual([rows.length, rows.length]);
    expect(read.every((found) => found !== undefined)).toBe(true);
    expect(out).toMatch(/^ok {4}redis cluster: 3 masters/m);
    expect(out).not.toMatch(/^fail +redis/m);
    expect(out).not.toContain(userSecret);
    expect(refused()).toEqual([]);
  });

  test.each(ofCluster.filter((rule) => !['+asking', '+readwrite'].includes(rule)))(
    'is refused something without %s',
    async (rule) => {
      give(rules.filter((other) => other !== rule));
      const features = await opened(envOf());

      await eventually(async () => {
        await features.upsert(rows).catch(() => undefined);
        expect(refused()).toContain(rule.slice(1));
      }, patient);
    },
  );

  test('names a wrong password, and never prints it', async () => {
    give(rules);
    const features = await opened(envOf('wrong-secret'));

    const failure: unknown = await features.ping().catch((error: unknown) => error);
    const { out } = await cli(['doctor'], { ...envOf('wrong-secret'), DATA_DIR: freshDataDir() });

    expect(String(failure)).toMatch(/WRONGPASS/);
    expect(out).toMatch(/^fail +redis: .*WRONGPASS/m);
    expect(out + String(failure) + JSON.stringify(failure)).not.toContain('wrong-secret');
  });

  test('names an authority that did not sign its certificates', async () => {
    give(rules);
    const env = { ...envOf(), REDIS_TLS_CA: makeAuthority().ca };

    const { out } = await cli(['doctor'], { ...env, DATA_DIR: freshDataDir() });

    expect(out).toMatch(/^fail +redis: .*(unable to verify|self.signed)/m);
  });
});
