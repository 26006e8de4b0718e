// The settings of the connection to Redis: a part of the table in settings.ts.
import { optional, redisNodes, redisUrl, secret, text, whole } from './setting.ts';

const pemFile = text('the path of a PEM file, or PEM text');

export const redisSettings = {
  REDIS_URL: secret(
    optional(
      redisUrl(),
      'Redis that stores the online features; with REDIS_SENTINELS its host is the master’s name.',
      'none: the embedded store in DATA_DIR',
    ),
  ),
  REDIS_CLUSTER_NODES: secret(
    optional(redisNodes(), 'Nodes of a Redis Cluster, instead of REDIS_URL.'),
  ),
  REDIS_SENTINELS: secret(
    optional(redisNodes(), 'Sentinels that know the master that REDIS_URL names.'),
  ),
  REDIS_TLS_CA: optional(pemFile, 'Certificate authority of Redis’ certificate, with rediss://.'),
  REDIS_TLS_CERT: optional(pemFile, 'Client certificate at Redis, for mutual TLS.'),
  REDIS_TLS_KEY: secret(optional(pemFile, 'Private key of REDIS_TLS_CERT.')),
  REDIS_TLS_KEY_PASSWORD: secret(
    optional(text('a password'), 'Password of REDIS_TLS_KEY, if it is encrypted.'),
  ),
  ONLINE_TTL_S: optional(
    whole({ min: 1, max: 315_360_000 }),
    'Time to live of a sensor’s online features, in seconds after their last write.',
    'none: they never expire',
  ),
};
