// The settings that may differ between processes and never change a result: where things are,
// threads, intervals.
import {
  addresses,
  hostName,
  name,
  oneOf,
  optional,
  redisNodes,
  required,
  secret,
  text,
  topicName,
  truth,
  url,
  whole,
  type Setting,
} from './setting.ts';

export interface ProcessValues {
  readonly KAFKA_BROKERS: readonly string[] | undefined;
  readonly KAFKA_SSL: boolean | undefined;
  readonly KAFKA_SSL_CA: string | undefined;
  readonly KAFKA_SSL_CERT: string | undefined;
  readonly KAFKA_SSL_KEY: string | undefined;
  readonly KAFKA_SASL_MECHANISM: 'plain' | 'scram-sha-256' | 'scram-sha-512' | undefined;
  readonly KAFKA_SASL_USERNAME: string | undefined;
  readonly KAFKA_SASL_PASSWORD: string | undefined;
  readonly REDIS_URL: string | undefined;
  readonly REDIS_CLUSTER_NODES: readonly string[] | undefined;
  readonly ONLINE_TTL_S: number | undefined;
  readonly ONLINE_CACHE_ROWS: number;
  readonly INPUT_TOPIC: string;
  readonly OUTPUT_TOPIC: string;
  readonly ANOMALY_TOPIC: string | undefined;
  readonly ANOMALY_EVENTS: 'alarms' | 'all' | 'off' | undefined;
  readonly GROUP_ID: string;
  readonly STARTING_OFFSETS: 'earliest' | 'latest';
  readonly ACCEPT_GAP: boolean;
  readonly OUTPUT_FORMAT: 'json' | 'avro';
  readonly TOPIC_REPLICATION_FACTOR: number | undefined;
  readonly WORKERS: number | undefined;
  readonly IDLE_TIMEOUT_MS: number;
  readonly COMMIT_INTERVAL_MS: number;
  readonly SNAPSHOT_INTERVAL_MS: number;
  readonly SNAPSHOT_STORE: 'file' | 'kafka' | undefined;
  readonly SNAPSHOT_DIR: string | undefined;
  readonly OPEN_WINDOWS_MAX: number;
  readonly SESSION_TIMEOUT_MS: number;
  readonly TRANSACTION_TIMEOUT_MS: number;
  readonly HEARTBEAT_MS: number;
  readonly FETCH_DECODER: 'fast' | 'kafkajs';
  readonly DATA_DIR: string;
  readonly HTTP_HOST: string;
  readonly HTTP_PORT: number;
  readonly HTTP_TOKEN: string | undefined;
  readonly ADVERTISED_URL: string | undefined;
  readonly LOG_LEVEL: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';
  readonly SIMULATED_SENSORS: number | undefined;
}

const dayMs = 86_400_000;
const pemFile = text('the path of a PEM file, or PEM text');

/** The settings that never change a result, in the order they are shown. */
export const processSettings: {
  readonly [K in keyof ProcessValues]: Setting<ProcessValues[K]>;
} = {
  KAFKA_BROKERS: optional(
    addresses(),
    'Kafka to read from and write to.',
    'none: the embedded log in DATA_DIR',
  ),
  KAFKA_SSL: optional(
    truth(),
    'TLS to Kafka.',
    'true with a KAFKA_SSL_CA, _CERT or _KEY, else false',
  ),
  KAFKA_SSL_CA: optional(pemFile, 'Authority that signed the brokers’ certificates.'),
  KAFKA_SSL_CERT: optional(pemFile, 'Our certificate, for mutual TLS.'),
  KAFKA_SSL_KEY: secret(optional(pemFile, 'The key of KAFKA_SSL_CERT.')),
  KAFKA_SASL_MECHANISM: optional(
    oneOf(['plain', 'scram-sha-256', 'scram-sha-512']),
    'How to log in to Kafka.',
  ),
  KAFKA_SASL_USERNAME: optional(text('a name'), 'Kafka user.'),
  KAFKA_SASL_PASSWORD: secret(optional(text('a password'), 'Kafka password.')),
  REDIS_URL: secret(
    optional(
      url(['redis:', 'rediss:'], 'redis[s]://[user:password@]host[:port][/number]'),
      'Redis that serves the features.',
      'none: the embedded store in DATA_DIR',
    ),
  ),
  REDIS_CLUSTER_NODES: secret(
    optional(redisNodes(), 'Redis Cluster in place of one Redis: some of its nodes.'),
  ),
  ONLINE_TTL_S: optional(
    whole({ min: 1, max: 315_360_000 }),
    'Expiry of a sensor’s online features, in seconds from their last write.',
    'none: they stay',
  ),
  ONLINE_CACHE_ROWS: required(
    'process',
    100_000,
    whole({ min: 0, max: 10_000_000 }),
    'Feature rows of each view that the API keeps in memory until Redis says that they changed; 0 for none.',
  ),
  INPUT_TOPIC: required('process', 'raw_readings', topicName(), 'Readings come from here.'),
  OUTPUT_TOPIC: required('process', 'sensor_features', topicName(), 'Feature rows go here.'),
  ANOMALY_TOPIC: optional(
    topicName(),
    'Flagged readings go here.',
    'sensor_anomalies; OUTPUT_TOPIC.anomalies where that is set',
  ),
  ANOMALY_EVENTS: optional(
    oneOf(['alarms', 'all', 'off']),
    'Which flagged readings go to ANOMALY_TOPIC: alarms, all anomalies, none.',
    'alarms; all with BASELINE=cumulative',
  ),
  GROUP_ID: required(
    'process',
    'sensor-feature-processor',
    name(200),
    'Consumer group; transactional ids, snapshots and journal entries are named after it.',
  ),
  STARTING_OFFSETS: required(
    'process',
    'earliest',
    oneOf(['earliest', 'latest']),
    'Where an input partition starts that this group has never committed.',
  ),
  ACCEPT_GAP: required<boolean>(
    'process',
    false,
    truth(),
    'Whether to go on where the log no longer holds what a shard needs; journaled. For one start.',
  ),
  OUTPUT_FORMAT: required(
    'process',
    'json',
    oneOf(['json', 'avro']),
    'Encoding of feature rows and anomalies.',
  ),
  TOPIC_REPLICATION_FACTOR: optional(
    whole({ min: 1, max: 100 }),
    'Replicas of the topics we create.',
    'the broker’s default',
  ),
  WORKERS: optional(
    whole({ min: 1, max: 256 }),
    'Worker threads; each is a member of the consumer group.',
    'one less than the cores, at most 4',
  ),
  IDLE_TIMEOUT_MS: required(
    'process',
    10_000,
    whole({ min: 100, max: dayMs }),
    'When a partition was quiet this long, its event time flows with the wall clock.',
  ),
  COMMIT_INTERVAL_MS: required(
    'process',
    100,
    whole({ min: 1, max: 60_000 }),
    'Longest wait of a dead letter or a forward for its transaction.',
  ),
  SNAPSHOT_INTERVAL_MS: required(
    'process',
    30_000,
    whole({ min: 50, max: dayMs }),
    'Least time between two snapshots of a shard. One of more than 256 KiB also waits until ' +
      'twice its size of input was folded, 20 times this at most.',
  ),
  SNAPSHOT_STORE: optional(
    oneOf(['file', 'kafka']),
    'Where snapshots are kept.',
    'kafka with KAFKA_BROKERS, else file',
  ),
  SNAPSHOT_DIR: optional(
    text('a folder'),
    'Folder of SNAPSHOT_STORE=file; processes on several hosts need a shared one, ' +
      'two Kafka clusters need one each.',
    'DATA_DIR/snapshots',
  ),
  OPEN_WINDOWS_MAX: required(
    'process',
    60,
    whole({ min: 1, max: 100_000 }),
    'Windows that a source of forwarded readings may run ahead of the slowest one.',
  ),
  SESSION_TIMEOUT_MS: required(
    'process',
    6_000,
    whole({ min: 1_000, max: 1_800_000 }),
    'Silence after which Kafka gives a member’s partitions to the others.',
  ),
  HEARTBEAT_MS: required(
    'process',
    1_000,
    whole({ min: 100, max: 600_000 }),
    'Time between two heartbeats; at most a third of SESSION_TIMEOUT_MS.',
  ),
  TRANSACTION_TIMEOUT_MS: required(
    'process',
    60_000,
    whole({ min: 5_000, max: 900_000 }),
    'How long a commit may stay open before Kafka aborts it; what readers wait for a frozen process at most.',
  ),
  FETCH_DECODER: required(
    'process',
    'fast',
    oneOf(['fast', 'kafkajs']),
    'Who decodes what Kafka sends; the results are the same, kafkajs is slower.',
  ),
  DATA_DIR: required(
    'process',
    './state',
    text('a folder'),
    'Folder of the embedded log, the embedded store and file snapshots.',
  ),
  HTTP_HOST: required(
    'process',
    '127.0.0.1',
    hostName(),
    'Where the page, health and API listen; 0.0.0.0 for every address.',
  ),
  HTTP_PORT: required(
    'process',
    8_080,
    whole({ min: 0, max: 65_535 }),
    'Port of the page, health and API; 0 takes any free one.',
  ),
  HTTP_TOKEN: secret(
    optional(
      text('a token'),
      'Bearer token of the calls that change something.',
      'none: such calls are refused',
    ),
  ),
  ADVERTISED_URL: optional(
    url(['http:', 'https:'], 'http[s]://host[:port]'),
    'How the other processes and their clients reach this one.',
    'from HTTP_HOST and HTTP_PORT',
  ),
  LOG_LEVEL: required(
    'process',
    'warn',
    oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace']),
    'Least level of the JSON lines on standard error.',
  ),
  SIMULATED_SENSORS: optional(
    whole({ min: 0, max: 100_000 }),
    'Simulated sensors (1 reading/s each) that feed the embedded log; 0 for none. ' +
      'Must be set where the features go to Redis but no KAFKA_BROKERS is set.',
    '10 without KAFKA_BROKERS, else 0',
  ),
};
