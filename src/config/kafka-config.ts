// The settings of the connection to Kafka as the adapter takes them.
import type { SettingValues } from './settings.ts';

export interface KafkaConfig {
  readonly brokers: readonly string[];
  /** Paths of PEM files or PEM text, read by the adapter. */
  readonly ssl:
    | false
    | {
        readonly ca?: string;
        readonly cert?: string;
        readonly key?: string;
        readonly keyPassword?: string;
      };
  readonly sasl: SaslConfig | undefined;
  readonly sessionTimeoutMs: number;
  readonly transactionTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly replicationFactor: number | undefined;
}

export type SaslConfig = PasswordLogin | TokenLogin;

export interface PasswordLogin {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: string;
}

export interface TokenLogin {
  readonly mechanism: 'oauthbearer';
  readonly source: TokenSourceConfig;
  readonly extensions: Readonly<Record<string, string>>;
}

export type TokenSourceConfig =
  | {
      readonly kind: 'endpoint';
      readonly url: string;
      readonly clientId: string;
      readonly clientSecret: string;
      readonly scope: string | undefined;
      /** Path of a PEM file or PEM text. */
      readonly ca: string | undefined;
    }
  | { readonly kind: 'file' | 'module'; readonly path: string };

/** Returns the connection to Kafka; undefined for the embedded log. */
export function kafkaOf(values: SettingValues): KafkaConfig | undefined {
  if (values.KAFKA_BROKERS === undefined) return undefined;
  const { KAFKA_SSL_CA: ca, KAFKA_SSL_CERT: cert, KAFKA_SSL_KEY: key } = values;
  const keyPassword = values.KAFKA_SSL_KEY_PASSWORD;
  const files = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(keyPassword === undefined ? {} : { keyPassword }),
  };
  return {
    brokers: [...values.KAFKA_BROKERS],
    ssl: (values.KAFKA_SSL ?? Object.keys(files).length > 0) ? files : false,
    sasl: saslOf(values),
    sessionTimeoutMs: values.SESSION_TIMEOUT_MS,
    transactionTimeoutMs: values.TRANSACTION_TIMEOUT_MS,
    heartbeatMs: values.HEARTBEAT_MS,
    replicationFactor: values.TOPIC_REPLICATION_FACTOR,
  };
}

function saslOf(values: SettingValues): SaslConfig | undefined {
  const { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: username } = values;
  if (mechanism === 'oauthbearer') {
    const source = tokenSourceOf(values);
    const extensions = values.KAFKA_OAUTH_EXTENSIONS ?? {};
    return source === undefined ? undefined : { mechanism, source, extensions };
  }
  const password = values.KAFKA_SASL_PASSWORD;
  return mechanism === undefined || username === undefined || password === undefined
    ? undefined
    : { mechanism, username, password };
}

function tokenSourceOf(values: SettingValues): TokenSourceConfig | undefined {
  const { KAFKA_OAUTH_TOKEN_FILE: file, KAFKA_OAUTH_MODULE: module } = values;
  if (file !== undefined) return { kind: 'file', path: file };
  if (module !== undefined) return { kind: 'module', path: module };
  const { KAFKA_OAUTH_TOKEN_URL: endpoint, KAFKA_OAUTH_CLIENT_ID: clientId } = values;
  const clientSecret = values.KAFKA_OAUTH_CLIENT_SECRET;
  if (endpoint === undefined || clientId === undefined || clientSecret === undefined) {
    return undefined;
  }
  const { KAFKA_OAUTH_SCOPE: scope, KAFKA_OAUTH_CA: ca } = values;
  return { kind: 'endpoint', url: endpoint, clientId, clientSecret, scope, ca };
}
