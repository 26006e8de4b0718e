import { describe, expect, it } from 'vitest';

import type { Check } from '../../src/cli/doctor-check.ts';
import { redisClusterChecks } from '../../src/cli/doctor-redis-cluster.ts';
import type { RedisFacts } from '../../src/stores/redis/redis-facts.ts';
import type { RedisClusterFacts, RedisMaster } from '../../src/stores/redis/redis-cluster-facts.ts';

const config = { url: undefined, clusterNodes: ['a:1'], onlineTtlS: undefined };
const durable: RedisFacts = {
  ...{ version: '7.0.15', role: 'master', maxMemoryBytes: 0, maxMemoryPolicy: 'noeviction' },
  ...{ usedMemoryBytes: 1, isAppendOnly: true, savesSnapshots: true, timeMs: 1_000 },
  isClusterNode: true,
};
const healthy: readonly RedisMaster[] = ['a:1', 'b:1', 'c:1'].map((place) => ({
  ...{ place, replicas: 1, facts: durable },
}));

function judge(change: Partial<RedisClusterFacts>): readonly Check[] {
  const facts = { state: 'ok', slotsServed: 16_384, masters: healthy, ...change };
  return redisClusterChecks(config, facts, 1_000);
}

describe('doctor on a Redis Cluster', () => {
  it('says once where all masters agree', () => {
    const checks = judge({});

    expect(checks.map(({ status }) => status)).toEqual(checks.map(() => 'ok'));
    expect(new Set(checks.map(({ name }) => name)).size).toBe(checks.length);
  });

  it('fails while slots are not served', () => {
    expect(judge({ state: 'fail', slotsServed: 10_923 })).toContainEqual(
      expect.objectContaining({
        ...{ name: 'redis cluster', status: 'fail' },
        found: '3 masters, state fail, 10923 of 16384 slots served',
      }),
    );
  });

  it('fails for a master that cannot be reached', () => {
    const masters = healthy.map((master) =>
      master.place === 'b:1' ? { ...master, facts: undefined, problem: 'no route to b:1' } : master,
    );

    expect(judge({ masters })).toContainEqual(
      expect.objectContaining({ name: 'redis master', status: 'fail', found: 'no route to b:1' }),
    );
  });

  it('warns of masters without a replica, by their places', () => {
    const masters = healthy.map((master) => ({
      ...master,
      replicas: master.place === 'a:1' ? 1 : 0,
    }));

    expect(judge({ masters })).toContainEqual(
      expect.objectContaining({ name: 'redis replicas', found: 'none of b:1, c:1' }),
    );
  });

  it('names the master that differs from the others', () => {
    const evicting = { ...durable, maxMemoryBytes: 2 ** 30, maxMemoryPolicy: 'allkeys-lru' };
    const masters = healthy.map((master) =>
      master.place === 'c:1' ? { ...master, facts: evicting } : master,
    );

    const memory = judge({ masters }).filter(({ name }) => name === 'redis memory');

    expect(memory).toEqual([
      expect.objectContaining({ status: 'warn', found: '1.00 GiB, allkeys-lru (c:1)' }),
    ]);
  });
});
