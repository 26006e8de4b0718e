// Redis servers of a test's own, for what the shared one must not suffer: restarts, passwords, replicas, a full
// memory, a Cluster. Each listens on a free port and is gone at close.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePort } from '../../free-port.ts';

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** Kills it without a farewell. */
  kill(): Promise<void>;
  /** Stops it from answering, with its connections open. */
  freeze(): void;
  thaw(): void;
  /** Removes every key. */
  flush(): Promise<void>;
  /** Starts it again on the same port, empty. */
  start(): Promise<void>;
  close(): Promise<void>;
}

/** Whether redis-server can be run here. */
export const redisServerInstalled: boolean =
  spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0;

/** Returns a running server with `settings` (as on its command line), by default on a free port. */
export async function startRedisServer(
  settings: readonly string[] = [],
  onPort?: number,
): Promise<RedisServer> {
  const port = onPort ?? (await freePort());
  const directory = mkdtempSync(join(tmpdir(), 'sensorium-redis-'));
  let running = await launch(port, directory, settings);
  const kill = (): Promise<void> => running.kill();
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    kill,
    freeze: () => running.freeze(),
    thaw: () => running.thaw(),
    flush: async () => {
      spawnSync('redis-cli', ['-p', String(port), 'FLUSHALL'], { stdio: 'ignore' });
    },
    start: async () => {
      running = await launch(port, directory, settings);
    },
    close: async () => {
      await kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export interface RedisCluster {
  /** host:port of each node. */
  readonly nodes: readonly string[];
  readonly servers: readonly RedisServer[];
  close(): Promise<void>;
}

export interface RedisClusterOptions {
  /** Of each master. */
  readonly replicas?: number;
  /** Further settings of the node on `port`. */
  readonly settingsOf?: (port: number) => readonly string[];
  /** How redis-cli connects, beside host and port. */
  readonly login?: readonly string[];
}

/** Returns three masters that form one Cluster, each with `replicas`. */
export async function startRedisCluster({
  replicas = 0,
  settingsOf = () => [],
  login = [],
}: RedisClusterOptions = {}): Promise<RedisCluster> {
  const servers = await Promise.all(
    Array.from({ length: 3 * (1 + replicas) }, async () => {
      const port = await freePort();
      // The cluster bus wants a second port; any free one will do.
      const bus = ['--cluster-enabled', 'yes', '--cluster-port', String(await freePort())];
      const settings = [...bus, '--cluster-node-timeout', '2000', ...settingsOf(port)];
      return startRedisServer(settings, port);
    }),
  );
  const nodes = servers.map((server) => `127.0.0.1:${server.port}`);
  const words = ['--cluster', 'create', ...nodes, '--cluster-replicas', String(replicas)];
  const created = spawnSync('redis-cli', [...login, ...words, '--cluster-yes'], {
    encoding: 'utf8',
  });
  if (created.status !== 0) throw new Error(`redis-cli: ${created.stdout}${created.stderr}`);
  return {
    nodes,
    servers,
    close: async () => {
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}

async function launch(
  port: number,
  directory: string,
  settings: readonly string[],
): Promise<{ kill(): Promise<void>; freeze(): void; thaw(): void }> {
  const fixed = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', ''];
  const child = spawn('redis-server', [...fixed, ...settings], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    let said = '';
    child.stdout.on('data', (text: Buffer) => {
      said += text.toString();
      if (said.includes('Ready to accept connections')) resolve();
    });
    child.once('exit', () => reject(new Error(`redis-server did not start: ${said}`)));
  });
  return {
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
    freeze: () => child.kill('SIGSTOP'),
    thaw: () => child.kill('SIGCONT'),
  };
}
