// Redis over TLS with a client certificate and least rights, and behind Sentinel: what the store
// and the doctor do on real servers.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';

import { makeAuthority } from '../certificates.ts';
import { cli, freshDataDir } from '../cli/captured-cli.ts';
import { featureRow } from '../contracts/feature-store.contract.ts';
import { freePort } from '../free-port.ts';
import { openTestFeatureStore } from '../integration/peers.ts';
import { eventually } from '../integration/program.ts';
import type { FeatureStore } from '../../src/stores/feature-store.ts';
import { startRedisServer, type RedisServer } from '../stores/redis/redis-server.ts';
import { adminUser, rulesOfPage, tlsOf, userOf, userSecret } from './secured-redis.ts';

type Settings = Readonly<Record<string, string>>;

async function store(url: string, env: Settings): Promise<FeatureStore> {
  const opened = await openTestFeatureStore(url, env);
  onTestFinished(() => opened.close());
  return opened;
}

async function server(settings: readonly string[] = [], port?: number): Promise<RedisServer> {
  const started = await startRedisServer(settings, port);
  onTestFinished(() => started.close());
  return started;
}

function redisCli(port: number, ...words: readonly string[]): string {
  return spawnSync('redis-cli', ['-p', String(port), ...words], { encoding: 'utf8' }).stdout.trim();
}

describe('Redis over TLS, for a user with the least rights', () => {
  const authority = makeAuthority();
  const client = authority.issue('client');
  const ours: Settings = {
    REDIS_TLS_CA: authority.ca,
    REDIS_TLS_CERT: client.cert,
    REDIS_TLS_KEY: client.key,
  };

  test('is written, read and examined, and refuses nothing of it', async () => {
    const port = await freePort();
    await server([...tlsOf(authority, port), ...adminUser, ...userOf(rulesOfPage('single'))], port);
    const url = `rediss://sensorium:${userSecret}@127.0.0.1:${port}`;
    const features = await store(url, ours);

    await eventually(() => features.ping(), { timeoutMs: 10_000 });
    const { written } = await features.upsert([featureRow('s', 1)]);
    const rows = await features.read(['s']);
    const doctor = await doctorOf({ ...ours, REDIS_URL: url });

    expect([written, rows[0]?.values['count']]).toEqual([1, featureRow('s', 1).features['count']]);
    expect(doctor.out).toMatch(/^ok {4}redis: version/m);
    const { cert, key } = client;
    const admin = ['--tls', '--cacert', authority.ca, '--cert', cert, '--key', key, '-a', 'admin'];
    expect(redisCli(port, ...admin, 'ACL', 'LOG')).toBe('');
    expect(doctor.out).not.toContain(userSecret);
  });

  test.each<[string, Settings, RegExp]>([
    ['another authority', { REDIS_TLS_CA: makeAuthority().ca }, /unable to verify|self.signed/],
    [
      'a key of another certificate',
      { REDIS_TLS_KEY: authority.issue('x').key },
      /REDIS_TLS_KEY is not the key/,
    ],
    ['a folder as CA', { REDIS_TLS_CA: tmpdir() }, /REDIS_TLS_CA is neither PEM text nor a file/],
  ])('names %s', async (_mistake, wrong, cause) => {
    const port = await freePort();
    await server(tlsOf(authority, port), port);

    const doctor = await doctorOf({ ...ours, ...wrong, REDIS_URL: `rediss://127.0.0.1:${port}` });

    expect(doctor.out.split('\n').find((line) => line.startsWith('fail'))).toMatch(cause);
    expect(doctor.exitCode).toBe(1);
  });
});

test('after a failover the new master is written, also once the old one is back', async () => {
  const [old, replica] = [await server(), await server()];
  redisCli(replica.port, 'REPLICAOF', '127.0.0.1', String(old.port));
  const sentinel = await startSentinel(old.port);
  await eventually(
    () => {
      expect(redisCli(replica.port, 'INFO', 'replication')).toContain('master_link_status:up');
      const known = redisCli(sentinel, 'SENTINEL', 'REPLICAS', 'watched');
      expect(known).toContain(String(replica.port));
      return Promise.resolve();
    },
    { timeoutMs: 30_000 },
  );
  const features = await store('redis://watched/0', { REDIS_SENTINELS: `127.0.0.1:${sentinel}` });
  await eventually(() => features.upsert([featureRow('before', 1)]), { timeoutMs: 10_000 });

  // A failover may lose a row that was acknowledged and not yet replicated.
  await eventually(
    () => {
      expect(redisCli(replica.port, 'DBSIZE')).toBe('1');
      return Promise.resolve();
    },
    { timeoutMs: 60_000 },
  );

  old.freeze();
  await eventually(
    () => {
      expect(redisCli(replica.port, 'ROLE')).toMatch(/^master/);
      return Promise.resolve();
    },
    { timeoutMs: 40_000 },
  );
  await eventually(() => features.upsert([featureRow('during', 1)]), { timeoutMs: 20_000 });
  old.thaw();
  await eventually(() => features.upsert([featureRow('after', 1)]), { timeoutMs: 10_000 });

  expect(redisCli(replica.port, 'DBSIZE')).toBe('3');
});

function doctorOf(env: Settings): ReturnType<typeof cli> {
  return cli(['doctor'], { ...env, SIMULATED_SENSORS: '0', DATA_DIR: freshDataDir() });
}

/** Starts a Sentinel that alone decides; returns its port. */
async function startSentinel(masterPort: number): Promise<number> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'sensorium-sentinel-'));
  const file = join(folder, 'sentinel.conf');
  const lines = [
    `port ${port}`,
    `dir ${folder}`,
    `sentinel monitor watched 127.0.0.1 ${masterPort} 1`,
    'sentinel down-after-milliseconds watched 1000',
    'sentinel failover-timeout watched 5000',
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  const child = spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  await eventually(
    () => {
      expect(redisCli(port, 'PING')).toBe('PONG');
      return Promise.resolve();
    },
    { timeoutMs: 10_000 },
  );
  return port;
}
