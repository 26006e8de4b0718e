// Checks of a Redis Cluster: that every slot is served, that each master has a replica, and on each
// master those of one Redis.
import type { RedisConfig } from '../config/redis-config.ts';
import type { RedisClusterFacts, RedisMaster } from '../stores/redis/redis-cluster-facts.ts';
import { fail, ok, warn, type Check } from './doctor-check.ts';
import { redisChecks } from './doctor-redis.ts';

const slots = 16_384;

/** Returns the checks of `facts`; `nowMs` is this machine's clock when they were read. */
export function redisClusterChecks(
  config: RedisConfig,
  facts: RedisClusterFacts,
  nowMs: number,
): readonly Check[] {
  const { masters } = facts;
  const byMaster = masters.map(({ facts: own, ...master }) => ({
    ...master,
    checks: own === undefined ? [] : redisChecks(config, own, nowMs),
  }));
  const names = new Set(byMaster.flatMap(({ checks }) => checks.map(({ name }) => name)));
  return [
    servedCheck(facts),
    ...byMaster.flatMap(unreachableChecks),
    replicaCheck(masters),
    ...[...names].flatMap((name) => mergedChecks(name, byMaster)),
  ];
}

function servedCheck({ state, slotsServed, masters }: RedisClusterFacts): Check {
  const found = `${masters.length} masters, state ${state}, ${slotsServed} of ${slots} slots served`;
  if (state === 'ok') return ok('redis cluster', found);
  const cure = 'start its nodes that are down; `redis-cli --cluster check` names what is missing';
  return fail('redis cluster', found, cure);
}

function unreachableChecks({ problem }: Pick<RedisMaster, 'problem'>): readonly Check[] {
  if (problem === undefined) return [];
  const cure =
    'every node must be reachable from here by the address that the Cluster announces ' +
    '(cluster-announce-ip, cluster-announce-hostname)';
  return [fail('redis master', problem, cure)];
}

function replicaCheck(masters: readonly RedisMaster[]): Check {
  const alone = masters.filter(({ replicas }) => replicas === 0).map(({ place }) => place);
  if (alone.length === 0) return ok('redis replicas', 'each master has one');
  const found = `none of ${alone.join(', ')}`;
  return warn('redis replicas', found, 'a master without a replica takes its sensors with it');
}

/** Returns one check where the masters agree, or the problems, each with its master. */
function mergedChecks(
  name: string,
  byMaster: readonly { readonly place: string; readonly checks: readonly Check[] }[],
): readonly Check[] {
  const all = byMaster.flatMap(({ place, checks }) =>
    checks.filter((check) => check.name === name).map((check) => ({ place, check })),
  );
  const [first] = all.map(({ check }) => check);
  if (first === undefined) return [];
  const sameAs = (other: Check): boolean =>
    other.status === first.status && other.found === first.found;
  if (all.every(({ check }) => sameAs(check))) return [first];
  const problems = all.filter(({ check }) => check.status !== 'ok');
  const shown = problems.length > 0 ? problems : all;
  return shown.map(({ place, check }) => ({ ...check, found: `${check.found} (${place})` }));
}
