// The table of all settings. Parsing, types, `--help` and docs/configuration.md derive from it, so
// one entry here adds a setting. Defaults that depend on other settings are in `defaults.ts`.
import { allFeatures, defaultFeatures } from '../sensors/features.ts';
import {
  addresses,
  decimal,
  hostName,
  name,
  oneOf,
  optional,
  redisNodes,
  redisUrl,
  required,
  secret,
  someOf,
  text,
  topicName,
  truth,
  url,
  whole,
  type Setting,
} from './setting.ts';
import { duration, windowList } from './window-list.ts';

const dayMs = 86_400_000;
const aBillion = 1_000_000_000;
const pemFile = text('the path of a PEM file, or PEM text');

/** Addresses and credentials of Kafka and Redis, in the order shown. */
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
  KAFKA_SASL_MECHANISM: optional(
    oneOf(['plain', 'scram-sha-256', 'scram-sha-512']),
    'SASL mechanism for logging in to Kafka.',
  ),
  KAFKA_SASL_USERNAME: optional(text('a name'), 'Kafka user.'),
  KAFKA_SASL_PASSWORD: secret(optional(text('a password'), 'Kafka password.')),
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
  REDIS_URL: secret(
    optional(
      redisUrl(),
      'Redis that stores the online features.',
      'none: the embedded store in DATA_DIR',
    ),
  ),
  REDIS_CLUSTER_NODES: secret(
    optional(redisNodes(), 'Nodes of a Redis Cluster, instead of REDIS_URL.'),
  ),
  ONLINE_TTL_S: optional(
    whole({ min: 1, max: 315_360_000 }),
    'Time to live of a sensor’s online features, in seconds after their last write.',
    'none: they never expire',
  ),
};

/** Settings that may differ between processes and never change a result, in the order shown. */
export const processSettings = {
  ONLINE_CACHE_ROWS: required(
    100_000,
    whole({ min: 0, max: 10_000_000 }),
    'Feature rows per view that the API caches until Redis reports a change; 0 disables the cache.',
  ),
  SERVING_DELAY_MS: required(
    0,
    whole({ min: 0, max: 2_000 }),
    'Serve each row this long after its window could close, and no sooner, so that reads equal training joins by available_at; 0 serves rows at once.',
  ),
  HISTORY_DIR: optional(
    text('a folder'),
    'Folder in which run keeps every feature row, as a Parquet file per view and UTC day.',
    'none: no history but the topic',
  ),
  HISTORY_INTERVAL_MS: required(
    10_000,
    whole({ min: 100, max: 15_000 }),
    'Longest wait until a feature row is durable in the history; its day file shows it within six.',
  ),
  INPUT_TOPIC: required('raw_readings', topicName(), 'Topic of readings.'),
  OUTPUT_TOPIC: required('sensor_features', topicName(), 'Topic of feature rows.'),
  OUTPUT_RETENTION_MS: required(
    30 * dayMs,
    whole({ min: 3_600_000, max: 3_650 * dayMs }),
    'Retention of feature row topics that the program creates; bounds how far back an export can reach.',
  ),
  ANOMALY_TOPIC: optional(
    topicName(),
    'Topic of flagged readings.',
    'sensor_anomalies; OUTPUT_TOPIC.anomalies if OUTPUT_TOPIC is set',
  ),
  ANOMALY_EVENTS: optional(
    oneOf(['alarms', 'all', 'off']),
    'Readings written to ANOMALY_TOPIC: alarms, all anomalies, or none (off).',
    'alarms; all with BASELINE=cumulative',
  ),
  GROUP_ID: required(
    'sensor-feature-processor',
    name(200),
    'Consumer group; part of the names of transactional ids, snapshots and journal entries.',
  ),
  STARTING_OFFSETS: required(
    'earliest',
    oneOf(['earliest', 'latest']),
    'Where a partition starts that the group has never committed.',
  ),
  ACCEPT_GAP: required<boolean>(
    false,
    truth(),
    'Go on although the log lost records that recovery needs; set it for one start only.',
  ),
  OUTPUT_FORMAT: required(
    'json',
    oneOf(['json', 'avro']),
    'Encoding of feature rows and anomalies.',
  ),
  WORKERS: optional(
    whole({ min: 1, max: 256 }),
    'Worker threads; each is a member of the consumer group.',
    'one less than the cores, at most 4',
  ),
  IDLE_TIMEOUT_MS: required(
    10_000,
    whole({ min: 100, max: dayMs }),
    'After this long without records, a partition’s event time follows the wall clock.',
  ),
  COMMIT_INTERVAL_MS: required(
    100,
    whole({ min: 1, max: 60_000 }),
    'Longest delay before dead letters and forwarded readings are committed.',
  ),
  SNAPSHOT_INTERVAL_MS: required(
    30_000,
    whole({ min: 50, max: dayMs }),
    'Least time between two snapshots of a shard. One above 256 KiB also waits until twice its size ' +
      'of input was read, at most 20 times this interval.',
  ),
  SNAPSHOT_STORE: optional(
    oneOf(['file', 'kafka']),
    'Where snapshots are stored.',
    'kafka with KAFKA_BROKERS, else file',
  ),
  SNAPSHOT_DIR: optional(
    text('a folder'),
    'Folder of SNAPSHOT_STORE=file. Processes on several hosts need a shared one; two Kafka ' +
      'clusters need one each.',
    'DATA_DIR/snapshots',
  ),
  OPEN_WINDOWS_MAX: required(
    60,
    whole({ min: 1, max: 100_000 }),
    'How many windows one source of forwarded readings may run ahead of the slowest.',
  ),
  DATA_DIR: required(
    './state',
    text('a folder'),
    'Folder of the embedded log, the embedded store and file snapshots.',
  ),
  HTTP_HOST: required(
    '127.0.0.1',
    hostName(),
    'Where the page, health and API listen; 0.0.0.0 for every address.',
  ),
  HTTP_PORT: required(
    8_080,
    whole({ min: 0, max: 65_535 }),
    'Port of the page, health and API; 0 chooses a free one.',
  ),
  HTTP_TOKEN: secret(
    optional(
      text('a token'),
      'Bearer token for commands on sensors and shards.',
      'none: commands are refused',
    ),
  ),
  ADVERTISED_URL: optional(
    url(['http:', 'https:'], 'http[s]://host[:port]'),
    'URL at which other processes and clients reach this one.',
    'from HTTP_HOST and HTTP_PORT',
  ),
  LOG_LEVEL: required(
    'warn',
    oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace']),
    'Minimum level of the JSON log lines on standard error.',
  ),
  SIMULATED_SENSORS: optional(
    whole({ min: 0, max: 100_000 }),
    'Simulated sensors (1 reading/s each) that feed the embedded log; 0 for none. ' +
      'Required if features go to Redis and KAFKA_BROKERS is unset.',
    '10 without KAFKA_BROKERS, else 0',
  ),
};

/** The names of all features. */
export const knownFeatures: readonly string[] = allFeatures.map(({ name: feature }) => feature);

const defaultFeatureNames: readonly string[] = defaultFeatures.map(({ name: feature }) => feature);

/**
 * Settings that change results, in the order shown. They are fingerprinted into committed metadata
 * and snapshots: changing one needs a new GROUP_ID and OUTPUT_TOPIC. Each is a field of Semantics.
 */
export const semanticsSettings = {
  WINDOW_MS: required(
    60_000,
    whole({ min: 10, max: dayMs }),
    'Length of a window in milliseconds, like every setting that ends in _MS.',
  ),
  WATERMARK_DELAY_MS: required(
    5_000,
    whole({ min: 0, max: dayMs }),
    'Tolerated disorder: a window closes once event time is this far past its end.',
  ),
  MAX_AHEAD_MS: required(
    300_000,
    whole({ min: 0, max: 3_650 * dayMs }),
    'Readings further than this ahead of their record’s Kafka timestamp become dead letters.',
  ),
  FAST_CLOCKS: required(
    'hold',
    oneOf(['hold', 'lead']),
    'hold: event time never runs ahead of the records’ Kafka timestamps; lead: it follows the fastest clock.',
  ),
  BASELINE: required(
    'adaptive',
    oneOf(['adaptive', 'cumulative']),
    'Readings are compared with recent ones (adaptive) or with all earlier ones of the sensor (cumulative).',
  ),
  BASELINE_HALF_LIFE: required(
    4_000,
    whole({ min: 10, max: aBillion }),
    'BASELINE=adaptive: half-life of the baseline, in readings.',
  ),
  ANOMALY_THRESHOLD: required(
    2.5,
    decimal({ min: 0.1, max: 1_000 }),
    'A reading is an anomaly if its |z| is above this.',
  ),
  ANOMALY_WARMUP: required(
    2,
    whole({ min: 2, max: aBillion }),
    'BASELINE=cumulative: readings a sensor needs before any can be an anomaly.',
  ),
  ALARM_REST: required(
    'calm',
    oneOf(['calm', 'fixed']),
    'BASELINE=adaptive: rest after an alarm; calm: 144 readings, a calm one counting four; fixed: 72 readings.',
  ),
  INPUT_KEYING: required(
    'auto',
    oneOf(['auto', 'rekey']),
    'auto: forward readings whose key is not their sensor id; rekey: forward all readings.',
  ),
  SENSORS_MAX: required(
    1_000_000,
    whole({ min: 1, max: 16_000_000 }),
    'Most sensors per partition; readings of any other sensor become dead letters.',
  ),
  SENSOR_TTL: {
    ...required(
      Infinity,
      duration(),
      'A sensor is forgotten this long after its last window, in event time, such as 30d.',
    ),
    unsetText: '(never)',
  },
  FEATURES: required(
    defaultFeatureNames,
    someOf(knownFeatures),
    'Features of a row; docs/features.md explains each.',
  ),
  WINDOWS: required(
    [],
    windowList(),
    'Larger windows besides WINDOW_MS; each has its own topic and Feast view.',
  ),
  INPUT_SCHEMA: optional(
    text('the path of a YAML file, or the declaration itself; see docs/inputs.md'),
    'Where id, time and values are in a record of another shape; `doctor` says how it is read.',
    'sensor_id, timestamp in ms and value',
  ),
};

type Table = typeof connectionSettings & typeof processSettings & typeof semanticsSettings;
type ValueOf<S> = S extends Setting<infer T> ? T : never;

export type SettingName = keyof Table;
/** The value of each setting; undefined if it is unset and has no fixed default. */
export type SettingValues = { readonly [K in SettingName]: ValueOf<Table[K]> };

/** All settings, in the order they are shown. */
export const settings: { readonly [K in SettingName]: Setting<SettingValues[K]> } = {
  ...connectionSettings,
  ...processSettings,
  ...semanticsSettings,
};

/** The names of all settings, in the order they are shown. */
export const settingNames: readonly SettingName[] = Object.keys(settings).filter(isSettingName);

/** Returns whether `value` names a setting. */
export function isSettingName(value: string): value is SettingName {
  return Object.hasOwn(settings, value);
}
