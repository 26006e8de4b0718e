// The facts about Redis that `doctor` checks: version, memory limit and eviction, durability,
// clock.
import { Redis } from 'ioredis';

import type { RedisConfig } from '../../config/redis-config.ts';
import { UnavailableError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import { watchSetup } from './connection-setup.ts';
import { redisPlace, connectionOptions } from './redis-options.ts';

export interface RedisFacts {
  readonly version: string;
  readonly role: string;
  readonly maxMemoryBytes: number;
  readonly maxMemoryPolicy: string;
  readonly usedMemoryBytes: number;
  readonly isAppendOnly: boolean;
  /** Whether RDB save points are set; undefined if CONFIG is not allowed. */
  readonly savesSnapshots: boolean | undefined;
  readonly timeMs: number;
  readonly isClusterNode: boolean;
}

const timeoutMs = 4_000;

/**
 * Returns the facts of the server of REDIS_URL. Makes one attempt.
 * @throws as askRedis
 */
export async function readRedisFacts(config: RedisConfig, logger: Logger): Promise<RedisFacts> {
  return askRedis(config, { address: config.url ?? 'redis://localhost:6379', logger }, factsOf);
}

/**
 * Returns what `ask` returns of a connection to the server at `address`. Makes one attempt.
 * @throws UnavailableError with the reason (unreachable, login refused), without credentials.
 */
export async function askRedis<T>(
  config: RedisConfig,
  { address, logger }: { readonly address: string; readonly logger: Logger },
  ask: (client: Redis) => Promise<T>,
): Promise<T> {
  const client = new Redis(address, {
    ...connectionOptions(config, logger),
    lazyConnect: true,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    sentinelRetryStrategy: () => null,
  });
  const setup = watchSetup(client);
  let cause: Error | undefined;
  client.on('error', (error: Error) => (cause = error));
  try {
    await client.connect();
    return await ask(client);
  } catch (error) {
    const reason = setup.refusal() ?? cause ?? error;
    const place = redisPlace(config.clusterNodes.length === 0 ? config : atNode(address));
    throw new UnavailableError(
      `Redis at ${place}: ${reason instanceof Error ? reason.message : String(reason)}`,
      {},
      error,
    );
  } finally {
    client.disconnect();
  }
}

const atNode = (address: string): RedisConfig => ({
  ...{ url: address, clusterNodes: [], onlineTtlS: undefined },
});

/** Returns the facts of the server that `client` is connected to. */
export async function factsOf(client: Redis): Promise<RedisFacts> {
  const info = parseInfo(await client.info());
  const [seconds = 0, micros = 0] = (await client.time()).map(Number);
  return {
    version: info.get('redis_version') ?? 'unknown',
    role: info.get('role') ?? 'unknown',
    maxMemoryBytes: Number(info.get('maxmemory') ?? 0),
    maxMemoryPolicy: info.get('maxmemory_policy') ?? 'unknown',
    usedMemoryBytes: Number(info.get('used_memory') ?? 0),
    isAppendOnly: info.get('aof_enabled') === '1',
    savesSnapshots: await savesSnapshots(client),
    timeMs: seconds * 1_000 + micros / 1_000,
    isClusterNode: info.get('cluster_enabled') === '1',
  };
}

async function savesSnapshots(client: Redis): Promise<boolean | undefined> {
  try {
    const answer: unknown = await client.config('GET', 'save');
    return Array.isArray(answer) ? String(answer[1] ?? '') !== '' : undefined;
  } catch {
    // Managed services forbid CONFIG; they decide how to save.
    return undefined;
  }
}

function parseInfo(text: string): ReadonlyMap<string, string> {
  const lines = text.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1)];
    }),
  );
}
