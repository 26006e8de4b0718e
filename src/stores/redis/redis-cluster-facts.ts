// The facts about a Redis Cluster that `doctor` checks: whether its slots are served, and what each
// master says of itself.
import type { Redis } from 'ioredis';

import type { RedisConfig } from '../../config/redis-config.ts';
import { isSensoriumError, UnavailableError, type AnySensoriumError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import { askRedis, factsOf, type RedisFacts } from './redis-facts.ts';
import { parseAddress } from './redis-options.ts';
import { wrongKind } from './wrong-kind.ts';

export interface RedisClusterFacts {
  /** `ok` while every slot is served. */
  readonly state: string;
  readonly slotsServed: number;
  readonly masters: readonly RedisMaster[];
}

export interface RedisMaster {
  /** host:port, as the Cluster announces it. */
  readonly place: string;
  readonly replicas: number;
  /** Undefined where it cannot be asked. */
  readonly facts: RedisFacts | undefined;
  /** Why it cannot be asked. */
  readonly problem?: string;
}

/**
 * Returns the facts of the Cluster, from the first of its nodes that answers. Makes one attempt.
 * @throws UnavailableError with the reason of the first node, where none answers
 */
export async function readRedisClusterFacts(
  config: RedisConfig,
  logger: Logger,
): Promise<RedisClusterFacts> {
  const { state, slotsServed, masters } = await askAnyNode(config, logger, clusterOf);
  const asked = masters.map(async ({ place, replicas }): Promise<RedisMaster> => {
    try {
      const facts = await askRedis(config, { address: nodeUrl(config, place), logger }, factsOf);
      return { place, replicas, facts };
    } catch (error) {
      if (!isSensoriumError(error)) throw error;
      return { place, replicas, facts: undefined, problem: error.message };
    }
  });
  return { state, slotsServed, masters: await Promise.all(asked) };
}

type Outline = Omit<RedisClusterFacts, 'masters'> & {
  readonly masters: readonly Pick<RedisMaster, 'place' | 'replicas'>[];
};

async function askAnyNode<T>(
  config: RedisConfig,
  logger: Logger,
  ask: (client: Redis) => Promise<T>,
): Promise<T> {
  let first: AnySensoriumError | undefined;
  for (const node of config.clusterNodes) {
    try {
      return await askRedis(config, { address: nodeUrl(config, node), logger }, ask);
    } catch (error) {
      if (!isSensoriumError(error)) throw error;
      first ??=
        wrongKind(error.message, { place: parseAddress(node).host, clustered: true }) ?? error;
    }
  }
  throw first ?? new UnavailableError('REDIS_CLUSTER_NODES names no node', {});
}

/** The login and the protocol are those of the first address of REDIS_CLUSTER_NODES. */
function nodeUrl({ clusterNodes: [login = ''] }: RedisConfig, place: string): string {
  const url = parseAddress(login);
  url.host = parseAddress(place).host;
  return url.href;
}

async function clusterOf(client: Redis): Promise<Outline> {
  const info = await client.cluster('INFO');
  const facts = new Map(info.split(/\r?\n/).map((line) => line.split(':') as [string, string]));
  const ranges = (await client.cluster('SLOTS')) as unknown as readonly SlotRange[];
  const replicasOf = new Map<string, number>();
  for (const [, , [host, port], ...replicas] of ranges) {
    // A node that does not know its own address is the one that was asked.
    const known = host === '' || host === null ? (client.options.host ?? '') : host;
    const place = `${known.includes(':') ? `[${known}]` : known}:${port}`;
    replicasOf.set(place, replicas.length);
  }
  return {
    state: facts.get('cluster_state') ?? 'unknown',
    slotsServed: Number(facts.get('cluster_slots_ok') ?? 0),
    masters: [...replicasOf].map(([place, replicas]) => ({ place, replicas })),
  };
}

/** First and last slot, then the master and its replicas. */
type SlotRange = readonly [number, number, SlotNode, ...(readonly SlotNode[])];
type SlotNode = readonly [host: string | null, port: number, ...(readonly unknown[])];
