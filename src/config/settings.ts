// Every setting, in one table. Parsing, types, `--help` and docs/configuration.md derive from it, so
// one entry here adds a setting. A default that follows other settings is in `defaults.ts`.
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

/** Where Kafka and Redis are and how to log in, in the order shown. */
export const connectionSettings = {
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
  SESSION_TIMEOUT_MS: required(
    6_000,
    whole({ min: 1_000, max: 1_800_000 }),
    'Silence after which Kafka gives a member’s partitions to the others.',
  ),
  HEARTBEAT_MS: required(
    1_000,
    whole({ min: 100, max: 600_000 }),
    'Time between two heartbeats; at most a third of SESSION_TIMEOUT_MS.',
  ),
  TRANSACTION_TIMEOUT_MS: required(
    60_000,
    whole({ min: 5_000, max: 900_000 }),
    'How long a commit may stay open before Kafka aborts it; what readers wait for a frozen process at most.',
  ),
  TOPIC_REPLICATION_FACTOR: optional(
    whole({ min: 1, max: 100 }),
    'Replicas of the topics we create.',
    'the broker’s default',
  ),
  REDIS_URL: secret(
    optional(redisUrl(), 'Redis that serves the features.', 'none: the embedded store in DATA_DIR'),
  ),
  REDIS_CLUSTER_NODES: secret(
    optional(redisNodes(), 'Redis Cluster in place of one Redis: some of its nodes.'),
  ),
  ONLINE_TTL_S: optional(
    whole({ min: 1, max: 315_360_000 }),
    'Expiry of a sensor’s online features, in seconds from their last write.',
    'none: they stay',
  ),
};

/** Settings that may differ between processes and never change a result, in the order shown. */
export const processSettings = {
  ONLINE_CACHE_ROWS: required(
    100_000,
    whole({ min: 0, max: 10_000_000 }),
    'Feature rows of each view that the API keeps in memory until Redis says that they changed; 0 for none.',
  ),
  HISTORY_DIR: optional(
    text('a folder'),
    'Folder in which this process keeps every feature row, in a Parquet file for each view and UTC day; one process writes a folder.',
    'none: no history but the topic',
  ),
  HISTORY_INTERVAL_MS: required(
    10_000,
    whole({ min: 100, max: 15_000 }),
    'Longest wait until a feature row is durable in the history; its day file shows it within six.',
  ),
  INPUT_TOPIC: required('raw_readings', topicName(), 'Readings come from here.'),
  OUTPUT_TOPIC: required('sensor_features', topicName(), 'Feature rows go here.'),
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
    'sensor-feature-processor',
    name(200),
    'Consumer group; transactional ids, snapshots and journal entries are named after it.',
  ),
  STARTING_OFFSETS: required(
    'earliest',
    oneOf(['earliest', 'latest']),
    'Where an input partition starts that this group has never committed.',
  ),
  ACCEPT_GAP: required<boolean>(
    false,
    truth(),
    'Whether to go on where the log no longer holds what a shard needs; journaled. For one start.',
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
    'When a partition was quiet this long, its event time flows with the wall clock.',
  ),
  COMMIT_INTERVAL_MS: required(
    100,
    whole({ min: 1, max: 60_000 }),
    'Longest wait of a dead letter or a forward for its transaction.',
  ),
  SNAPSHOT_INTERVAL_MS: required(
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
    60,
    whole({ min: 1, max: 100_000 }),
    'Windows that a source of forwarded readings may run ahead of the slowest one.',
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
    'warn',
    oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace']),
    'Least level of the JSON lines on standard error.',
  ),
  SIMULATED_SENSORS: optional(
    whole({ min: 0, max: 100_000 }),
    'Simulated sensors (1 reading/s each) that feed the embedded log; 0 for none. ' +
      'Must be set when the features go to Redis and KAFKA_BROKERS is unset.',
    '10 without KAFKA_BROKERS, else 0',
  ),
};

/** The names of all features that a row can have. */
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
    'Length of a window, in milliseconds like every setting that ends in _MS.',
  ),
  WATERMARK_DELAY_MS: required(
    5_000,
    whole({ min: 0, max: dayMs }),
    'Disorder allowed: a window closes when event time is this far past its end.',
  ),
  MAX_AHEAD_MS: required(
    300_000,
    whole({ min: 0, max: 3_650 * dayMs }),
    'A reading further than this past its record’s Kafka timestamp is a dead letter.',
  ),
  FAST_CLOCKS: required(
    'hold',
    oneOf(['hold', 'lead']),
    'hold: event time never runs ahead of the records’ Kafka timestamps; lead: of the fastest clock.',
  ),
  BASELINE: required(
    'adaptive',
    oneOf(['adaptive', 'cumulative']),
    'What a reading is compared with: a baseline that forgets, or all readings of its sensor.',
  ),
  BASELINE_HALF_LIFE: required(
    4_000,
    whole({ min: 10, max: aBillion }),
    'BASELINE=adaptive: half-life of the baseline, in readings.',
  ),
  ANOMALY_THRESHOLD: required(
    2.5,
    decimal({ min: 0.1, max: 1_000 }),
    'A reading counts as an anomaly when its |z| is above this.',
  ),
  ANOMALY_WARMUP: required(
    2,
    whole({ min: 2, max: aBillion }),
    'BASELINE=cumulative: readings of a sensor before any is judged.',
  ),
  ALARM_REST: required(
    'calm',
    oneOf(['calm', 'fixed']),
    'BASELINE=adaptive: after an alarm a sensor rests 144 readings, a calm one counting four; fixed: 72.',
  ),
  INPUT_KEYING: required(
    'auto',
    oneOf(['auto', 'rekey']),
    'auto forwards the readings whose key is not their sensor id; rekey forwards all.',
  ),
  SENSORS_MAX: required(
    1_000_000,
    whole({ min: 1, max: 16_000_000 }),
    'Sensors one shard (partition) takes; readings of further ids are dead letters.',
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
    'The features a row has; docs/features.md says what each is and costs.',
  ),
  WINDOWS: required(
    [],
    windowList(),
    'Larger windows beside the base ones of WINDOW_MS, each with a topic and a Feast view.',
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
/** The value of each setting; undefined where it is unset and has no default of its own. */
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
