// Rules between the settings of the connection to Redis.
import { setAmong, type Relation } from './relation.ts';
import type { SettingValues } from './settings.ts';

const tlsNames = [
  'REDIS_TLS_CA',
  'REDIS_TLS_CERT',
  'REDIS_TLS_KEY',
  'REDIS_TLS_KEY_PASSWORD',
] as const;

const usesTls = (values: SettingValues): boolean =>
  [values.REDIS_URL, ...(values.REDIS_CLUSTER_NODES ?? [])].some(
    (address) => address?.startsWith('rediss:') === true,
  );

export const redisRelations: readonly Relation[] = [
  {
    names: ['REDIS_URL', 'REDIS_CLUSTER_NODES'],
    holds: (v) => v.REDIS_URL === undefined || v.REDIS_CLUSTER_NODES === undefined,
    problem: () => 'REDIS_URL and REDIS_CLUSTER_NODES are both set; set one of them',
  },
  {
    names: ['REDIS_SENTINELS', 'REDIS_URL'],
    holds: (v) => v.REDIS_SENTINELS === undefined || v.REDIS_URL !== undefined,
    problem: () => 'REDIS_SENTINELS needs REDIS_URL, whose host is the name of the master',
  },
  {
    names: ['REDIS_URL', 'REDIS_CLUSTER_NODES', ...tlsNames],
    // They would have no effect, and the connection would be open to all.
    holds: (v) => usesTls(v) || setAmong(v, tlsNames).length === 0,
    problem: (v) => `${setAmong(v, tlsNames).join(', ')} set without an address with rediss://`,
  },
  {
    names: ['REDIS_TLS_CERT', 'REDIS_TLS_KEY'],
    holds: (v) => (v.REDIS_TLS_CERT === undefined) === (v.REDIS_TLS_KEY === undefined),
    problem: () => 'REDIS_TLS_CERT and REDIS_TLS_KEY need each other; set both or neither',
  },
];
