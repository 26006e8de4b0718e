// A connection to Redis, standalone or Cluster, that never queues: while Redis is away every call
// fails at once with the cause. It reconnects for ever; the caller decides when to try again.
import { Cluster, Redis } from 'ioredis';

import { backoffMs } from '../../backoff.ts';
import type { RedisConfig } from '../../config/redis-config.ts';
import { systemClock } from '../../clock.ts';
import { ConfigError, UnavailableError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import type { Freshness } from './cached-reads.ts';
import { slotsRefreshMs, watchMasters } from './cluster-masters.ts';
import { watchSetup } from './connection-setup.ts';
import { redisPlace, connectionOptions, credentials, parseAddress } from './redis-options.ts';
import { trackReads, type ReadTracking, type TrackingListener } from './read-tracking.ts';
import type { RedisScript } from './redis-script.ts';
import { wrongKind } from './wrong-kind.ts';

export interface RedisConnection {
  /**
   * Set for a Cluster, where a call is atomic over one key only: a script gets one key per call.
   */
  readonly clustered: boolean;
  /**
   * Runs `script`, loading it if Redis does not know it; strings arrive as Buffers.
   * @throws UnavailableError; ConfigError where the server is of another kind than its setting says
   */
  evaluate(
    script: RedisScript,
    keys: readonly Buffer[],
    values: readonly (Buffer | string)[],
  ): Promise<unknown>;
  /** @throws UnavailableError */
  ping(): Promise<void>;
  /** Returns how often the connection to any node was lost since opening. */
  interruptions(): number;
  /**
   * Notifies `listener` when a key read from now on is written, until the connection is closed.
   * Returns undefined in a Cluster.
   */
  track(listener: TrackingListener): Freshness | undefined;
  /** Idempotent; calls under way fail. */
  close(): void;
}

const connectTimeoutMs = 5_000;
const commandTimeoutMs = 5_000;
const reconnects = { firstMs: 50, maxMs: 2_000 };

/**
 * Returns a connection that may not be up yet.
 * @throws ConfigError when the address is malformed.
 */
export function openRedisConnection(config: RedisConfig, logger: Logger): RedisConnection {
  const client =
    config.clusterNodes.length > 0
      ? openCluster(config, logger)
      : openStandalone(config, 'calls', logger);
  const where = redisPlace(config);
  const watch = watchConnection(client, where, logger);
  // Calls right after opening wait for the first attempt; later ones never wait.
  const firstAttempt = new Promise<void>((resolve) => {
    for (const event of ['ready', 'error', 'close']) client.once(event, () => resolve());
  });
  const call = async <T>(run: () => Promise<T>): Promise<T> => {
    await firstAttempt;
    try {
      return await run();
    } catch (error) {
      const own = error instanceof Error ? error : new Error(String(error));
      const { message } = client.status === 'ready' ? own : (watch.cause() ?? own);
      const refusal = wrongKind(message, { place: where, clustered: client instanceof Cluster });
      if (refusal !== undefined) throw refusal;
      // The client's error is not kept as the cause: it carries the command, and AUTH the password.
      throw new UnavailableError(`Redis at ${where}: ${message}`, { redis: where });
    }
  };
  let tracking: ReadTracking | undefined;
  return {
    clustered: client instanceof Cluster,
    evaluate: (script, keys, values) => call(() => evaluate(client, script, keys, values)),
    ping: async () => {
      await call(() => client.ping());
    },
    interruptions: () => watch.interruptions(),
    track(listener) {
      if (client instanceof Cluster) return undefined;
      const changes = openStandalone(config, 'changes', logger);
      watchSetup(changes);
      const { monotonicMs } = systemClock;
      tracking = trackReads({ reads: client, changes, listener, monotonicMs, logger });
      return tracking;
    },
    close: () => {
      watch.stop();
      tracking?.close();
      client.disconnect();
    },
  };
}

interface Watch {
  /** Why the connection is down; undefined while it is up. */
  cause(): Error | undefined;
  interruptions(): number;
  /** The connection is being closed on purpose: log nothing more. */
  stop(): void;
}

/** Watches the connection and logs each new cause of an outage once. */
function watchConnection(client: Redis | Cluster, where: string, logger: Logger): Watch {
  const setup = client instanceof Redis ? watchSetup(client) : undefined;
  // A Cluster opens a connection to each node as it finds it.
  if (client instanceof Cluster) client.on('+node', (node: Redis) => watchSetup(node));
  let cause: Error | undefined;
  let loggedCause = '';
  let stopped = false;
  let interruptions = 0;
  let wasReady = false;
  const interrupted = (): void => {
    if (wasReady) interruptions += 1;
  };
  const lost = (error: Error): void => {
    if (stopped) return;
    // After a refused step the client only says that its stream is closed.
    cause = setup?.refusal() ?? lastNodeError(error);
    if (cause.message === loggedCause) return;
    loggedCause = cause.message;
    logger.warn({ redis: where, error: cause.message }, 'Redis cannot be used');
  };
  client.on('error', lost);
  client.on('-node', interrupted);
  if (client instanceof Cluster) watchMasters(client, interrupted);
  client.on('close', () => {
    interrupted();
    // A failed attempt to connect interrupts nothing.
    wasReady = false;
    // A server that just closes gives no error; the last one says more.
    lost(cause ?? new Error('the connection was closed'));
  });
  client.on('ready', () => {
    wasReady = true;
    if (loggedCause !== '') logger.info({ redis: where }, 'Redis can be used again');
    cause = undefined;
    loggedCause = '';
  });
  return {
    cause: () => cause,
    interruptions: () => interruptions,
    stop: () => {
      stopped = true;
    },
  };
}

async function evaluate(
  client: Redis | Cluster,
  script: RedisScript,
  keys: readonly Buffer[],
  values: readonly (Buffer | string)[],
): Promise<unknown> {
  try {
    return await client.callBuffer('EVALSHA', script.sha1, keys.length, ...keys, ...values);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    // A restart or failover dropped the script cache; EVAL runs and caches the script.
    return client.callBuffer('EVAL', script.lua, keys.length, ...keys, ...values);
  }
}

const sharedOptions = {
  connectTimeout: connectTimeoutMs,
  commandTimeout: commandTimeoutMs,
  // A command in flight when the connection breaks fails; it is not resent behind the caller's
  // back.
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  // After a failover behind one address the old master answers READONLY; a new connection finds the
  // new one.
  reconnectOnError: (error: Error): boolean => error.message.includes('READONLY'),
};

const reconnectDelayMs = (attempt: number): number => backoffMs(attempt, reconnects);

function openStandalone(config: RedisConfig, use: 'calls' | 'changes', logger: Logger): Redis {
  if (config.url === undefined) {
    throw new ConfigError('Redis needs REDIS_URL or REDIS_CLUSTER_NODES');
  }
  return new Redis(config.url, {
    ...sharedOptions,
    ...connectionOptions(config, logger),
    enableOfflineQueue: false,
    retryStrategy: reconnectDelayMs,
    sentinelRetryStrategy: reconnectDelayMs,
    // RESP 3 would deliver changes as push messages, which the client drops.
    ...(use === 'changes' ? { protocol: 2, autoResubscribe: false } : {}),
  });
}

function openCluster(config: RedisConfig, logger: Logger): Cluster {
  const nodes = config.clusterNodes.map(parseAddress);
  const [login] = config.url === undefined ? nodes : [parseAddress(config.url)];
  const { tls } = connectionOptions(config, logger);
  return new Cluster(
    nodes.map((node) => ({ host: node.hostname, port: Number(node.port || 6379) })),
    {
      enableOfflineQueue: false,
      clusterRetryStrategy: reconnectDelayMs,
      slotsRefreshTimeout: 2_000,
      slotsRefreshInterval: slotsRefreshMs,
      redisOptions: {
        ...sharedOptions,
        ...(login === undefined ? {} : credentials(login, 'username', 'password')),
        ...(tls === undefined ? {} : { tls }),
      },
      // The certificate names the host: connect by the announced name, not by its address.
      ...(tls === undefined ? {} : { dnsLookup: (address, done): void => done(null, address) }),
    },
  );
}

/** A Cluster reports "Failed to refresh slots cache." and keeps the reason in `lastNodeError`. */
function lastNodeError(error: Error): Error {
  const inner: unknown = 'lastNodeError' in error ? error.lastNodeError : undefined;
  return inner instanceof Error ? inner : error;
}
