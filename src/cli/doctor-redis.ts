// Checks of Redis: version, role, eviction, durability, clock, and which pipeline writes to it.
import type { ProcessConfig } from '../config/config.ts';
import type { RedisConfig } from '../config/redis-config.ts';
import type { RedisFacts } from '../stores/redis/redis-facts.ts';
import { clusterNodesCure } from '../stores/redis/wrong-kind.ts';
import { markerOf, ownerCure } from '../stores/redis/owner-marker.ts';
import { clockCheck, fail, ok, warn, type Check } from './doctor-check.ts';

const gibibyte = 1_073_741_824;

const clusterName = 'redis cluster';

/** Whether the store cannot be used because it is a node of a Cluster. */
export const isClusterRefusal = ({ name, status }: Check): boolean =>
  name === clusterName && status === 'fail';

/** Returns the checks of `facts`; `nowMs` is this machine's clock when they were read. */
export function redisChecks(
  config: RedisConfig,
  facts: RedisFacts,
  nowMs: number,
): readonly Check[] {
  const checks = [ok('redis', `version ${facts.version}, ${facts.role}`)];
  if (facts.isClusterNode && config.clusterNodes.length === 0) {
    return [fail(clusterName, 'REDIS_URL is a node of a Redis Cluster', clusterNodesCure)];
  }
  if (facts.role === 'slave') {
    const cure = 'REDIS_URL must name the master';
    checks.push(fail('redis role', 'a replica, which refuses writes', cure));
  }
  checks.push(memoryCheck(config, facts), durabilityCheck(facts));
  checks.push(clockCheck('clock and Redis', nowMs - facts.timeMs));
  return checks;
}

/** Returns the check of the marker that names the pipeline whose rows the store holds. */
export function ownerCheck(
  { groupId, onlineOtherWriter, outputTopic }: ProcessConfig,
  marker: string | undefined,
): Check {
  const name = 'redis writer';
  if (onlineOtherWriter === 'share') return ok(name, 'shared with others, as set');
  if (marker === undefined) return ok(name, 'none yet: the first claims the store');
  if (marker === markerOf({ groupId, outputTopic })) return ok(name, marker);
  if (onlineOtherWriter === 'refuse') return fail(name, marker, ownerCure);
  return warn(name, marker, 'the next start of `run` takes the store over');
}

function memoryCheck({ onlineTtlS }: RedisConfig, facts: RedisFacts): Check {
  const { maxMemoryBytes, maxMemoryPolicy: policy, usedMemoryBytes } = facts;
  const limit = maxMemoryBytes === 0 ? 'no limit' : `${(maxMemoryBytes / gibibyte).toFixed(2)} GiB`;
  const found = `${limit}, ${policy}`;
  const evicts =
    policy.startsWith('allkeys') || (onlineTtlS !== undefined && policy !== 'noeviction');
  if (maxMemoryBytes > 0 && evicts) {
    const cure = 'maxmemory-policy noeviction: a full Redis would silently evict features';
    return warn('redis memory', found, cure);
  }
  if (maxMemoryBytes > 0 && usedMemoryBytes > 0.9 * maxMemoryBytes) {
    return warn('redis memory', `${found}, more than 90 % used`, 'raise maxmemory');
  }
  return ok('redis memory', found);
}

function durabilityCheck({ isAppendOnly, savesSnapshots }: RedisFacts): Check {
  if (isAppendOnly) return ok('redis durability', 'append-only file');
  if (savesSnapshots === false) {
    const cure = 'appendonly yes; or run `project --rebuild` after each restart of Redis';
    return warn('redis durability', 'nothing is written to disk', cure);
  }
  return ok(
    'redis durability',
    savesSnapshots === true ? 'snapshots' : 'unknown: CONFIG is not readable',
  );
}
