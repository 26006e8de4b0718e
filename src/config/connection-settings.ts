// The settings of the connections to Kafka, Redis and a schema registry: a part of the table in
// settings.ts.
import { oauthSettings } from './oauth-settings.ts';
import { redisSettings } from './redis-settings.ts';
import { registrySettings } from './registry-settings.ts';
import { addresses, oneOf, optional, required, secret, text, truth, whole } from './setting.ts';

const pemFile = text('the path of a PEM file, or PEM text');

export const connectionSettings = {
  KAFKA_BROKERS: optional(
    addresses(),
    'Kafka brokers to read from and write to.',
    'none: the embedded log in DATA_DIR',
  ),
  KAFKA_SSL: optional(
    truth(),
    'TLS to Kafka.',
    'true with a KAFKA_SSL_CA, _CERT or _KEY, else false',
  ),
  KAFKA_SSL_CA: optional(pemFile, 'Certificate authority of the brokers’ certificates.'),
  KAFKA_SSL_CERT: optional(pemFile, 'Client certificate, for mutual TLS.'),
  KAFKA_SSL_KEY: secret(optional(pemFile, 'Private key of KAFKA_SSL_CERT.')),
  KAFKA_SSL_KEY_PASSWORD: secret(
    optional(text('a password'), 'Password of KAFKA_SSL_KEY, if it is encrypted.'),
  ),
  KAFKA_SASL_MECHANISM: optional(
    oneOf(['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer']),
    'SASL mechanism for logging in to Kafka.',
  ),
  KAFKA_SASL_USERNAME: optional(text('a name'), 'Kafka user.'),
  KAFKA_SASL_PASSWORD: secret(optional(text('a password'), 'Kafka password.')),
  ...oauthSettings,
  SESSION_TIMEOUT_MS: required(
    6_000,
    whole({ min: 1_000, max: 1_800_000 }),
    'Time without a heartbeat after which Kafka reassigns a member’s partitions.',
  ),
  HEARTBEAT_MS: required(
    1_000,
    whole({ min: 100, max: 600_000 }),
    'Time between two heartbeats; at most a third of SESSION_TIMEOUT_MS.',
  ),
  TRANSACTION_TIMEOUT_MS: required(
    60_000,
    whole({ min: 5_000, max: 900_000 }),
    'Time after which Kafka aborts an open transaction. If a process freezes, readers wait up to this long.',
  ),
  TOPIC_REPLICATION_FACTOR: optional(
    whole({ min: 1, max: 100 }),
    'Replicas of topics that the program creates.',
    'the broker’s default',
  ),
  ...redisSettings,
  ...registrySettings,
};
