// The settings of the connection to Redis as the adapter takes them.
import type { SettingValues } from './settings.ts';

export interface RedisConfig {
  /** redis:// or rediss:// with credentials; undefined with cluster nodes. */
  readonly url: string | undefined;
  /** Each host:port or a redis[s]:// URL with credentials. */
  readonly clusterNodes: readonly string[];
  /** As the cluster's nodes; where there are any, the host of `url` is the master's name. */
  readonly sentinels?: readonly string[];
  /** Paths of PEM files or PEM text, read by the adapter. */
  readonly tls?: {
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    readonly keyPassword?: string;
  };
  /** Feast's key TTL, counted from the write; undefined for no expiry. */
  readonly onlineTtlS: number | undefined;
}

/** Returns the connection to Redis; undefined for the embedded store. */
export function redisOf(values: SettingValues): RedisConfig | undefined {
  const clusterNodes = [...(values.REDIS_CLUSTER_NODES ?? [])];
  if (values.REDIS_URL === undefined && clusterNodes.length === 0) return undefined;
  const { REDIS_TLS_CA: ca, REDIS_TLS_CERT: cert, REDIS_TLS_KEY: key } = values;
  const keyPassword = values.REDIS_TLS_KEY_PASSWORD;
  return {
    url: values.REDIS_URL,
    clusterNodes,
    sentinels: [...(values.REDIS_SENTINELS ?? [])],
    tls: {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(keyPassword === undefined ? {} : { keyPassword }),
    },
    onlineTtlS: values.ONLINE_TTL_S,
  };
}
