// The addresses of Redis and the options of a connection to it: credentials, TLS, Sentinels.
import type { RedisOptions } from 'ioredis';

import type { RedisConfig } from '../../config/redis-config.ts';
import { ConfigError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import { currentTls, redisTlsNames } from '../../log/tls-files.ts';

type ConnectionOptions = Pick<
  RedisOptions,
  | 'tls'
  | 'sentinels'
  | 'name'
  | 'failoverDetector'
  | 'enableTLSForSentinelMode'
  | 'sentinelUsername'
  | 'sentinelPassword'
  | 'sentinelTLS'
>;

/**
 * Returns the TLS and Sentinel options beside an address.
 * @throws ConfigError when an address is malformed or a PEM file cannot be used.
 */
export function connectionOptions(
  { url, clusterNodes, sentinels = [], tls = {} }: RedisConfig,
  logger: Logger,
): ConnectionOptions {
  const addresses = [...(url === undefined ? [] : [url]), ...clusterNodes].map(parseAddress);
  const isTls = addresses.some(({ protocol }) => protocol === 'rediss:');
  const own = isTls ? currentTls(tls, redisTlsNames, logger) : undefined;
  const guards = sentinels.map(parseAddress);
  const [guard] = guards;
  return {
    ...(own === undefined ? {} : { tls: own }),
    ...(guard === undefined
      ? {}
      : {
          sentinels: guards.map(({ hostname, port }) => ({
            host: hostname,
            port: Number(port || sentinelPort),
          })),
          name: addresses[0]?.hostname ?? '',
          // An old master that comes back is left as soon as the Sentinels say so.
          failoverDetector: true,
          enableTLSForSentinelMode: isTls,
          ...credentials(guard, 'sentinelUsername', 'sentinelPassword'),
          ...(own !== undefined && guard.protocol === 'rediss:' ? { sentinelTLS: own } : {}),
        }),
  };
}

const sentinelPort = 26_379;

/** Returns the credentials of an address under the names of the client's options. */
export function credentials<User extends string, Password extends string>(
  address: URL,
  user: User,
  password: Password,
): { readonly [K in User | Password]?: string } {
  const given = [
    ...(address.username === '' ? [] : [[user, decodeURIComponent(address.username)] as const]),
    ...(address.password === '' ? [] : [[password, decodeURIComponent(address.password)] as const]),
  ];
  return Object.fromEntries(given) as { [K in User | Password]?: string };
}

/** @throws ConfigError */
export function parseAddress(text: string): URL {
  const full = text.includes('://') ? text : `redis://${text}`;
  const address = URL.canParse(full) ? new URL(full) : undefined;
  if (address === undefined || !['redis:', 'rediss:'].includes(address.protocol)) {
    throw new ConfigError(
      'expected a Redis address like redis://user:password@host:6379/0, rediss://… or host:6379',
    );
  }
  return address;
}

/** Returns host and port of every address, without credentials, for messages and logs. */
export function redisPlace({ url, clusterNodes, sentinels = [] }: RedisConfig): string {
  const texts = clusterNodes.length > 0 ? clusterNodes : [url ?? ''];
  const places = texts.map((text) => parseAddress(text).host).join(',');
  if (sentinels.length === 0) return places;
  return `${places} of Sentinel ${sentinels.map((text) => parseAddress(text).host).join(',')}`;
}
