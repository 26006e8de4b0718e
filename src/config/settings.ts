// The table of all settings. Parsing, types, `--help` and docs/configuration.md derive from it, so
// one entry here adds a setting. Defaults that depend on other settings are in `defaults.ts`.
import { allFeatures, defaultFeatures } from '../sensors/features.ts';
import { connectionSettings } from './connection-settings.ts';
import { deliverySettings } from './delivery-settings.ts';
import { httpSettings } from './http-settings.ts';
import { mqttSettings } from './mqtt-settings.ts';
import {
  decimal,
  name,
  oneOf,
  optional,
  required,
  someOf,
  text,
  topicName,
  truth,
  whole,
  type Setting,
} from './setting.ts';
import { telemetrySettings } from './telemetry-settings.ts';
import { trainingSettings } from './training-settings.ts';
import { duration, durationOrAuto, windowList } from './window-list.ts';

const dayMs = 86_400_000;
const aBillion = 1_000_000_000;

/** Settings that may differ between processes and never change a result, in the order shown. */
export const processSettings = {
  ONLINE_CACHE_ROWS: required(
    100_000,
    whole({ min: 0, max: 10_000_000 }),
    'Feature rows per view that the API caches until Redis reports a change; 0 disables the cache.',
  ),
  ONLINE_CACHE_BYTES: required(
    268_435_456,
    whole({ min: 1_048_576, max: 68_719_476_736 }),
    'Memory for the rows that ONLINE_CACHE_ROWS caches, over all views, as estimated.',
  ),
  SERVING_DELAY_MS: required(
    0,
    whole({ min: 0, max: 2_000 }),
    'Serve each row this long after its window could close, and no sooner, so that reads equal training joins by available_at; 0 serves rows at once.',
  ),
  ...trainingSettings,
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
    'Encoding of feature rows and anomalies; with avro and SCHEMA_REGISTRY_URL, of registered schemas.',
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
  ...deliverySettings,
  ...httpSettings,
  ...mqttSettings,
  ...telemetrySettings,
  SIMULATED_SENSORS: optional(
    whole({ min: 0, max: 100_000 }),
    'Simulated sensors (1 reading/s each) that feed the embedded log; 0 for none. ' +
      'Required if features go to Redis and KAFKA_BROKERS is unset.',
    '10 without KAFKA_BROKERS, INPUT_SCHEMA, MQTT_URL and HTTP_WRITE_TOKEN, else 0',
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
    oneOf(['adaptive', 'cumulative', 'robust']),
    'Readings are compared with recent ones (adaptive; robust: a wild one counts little, and stuck ' +
      'sensors and days out of pattern alarm, too) or with all earlier ones (cumulative).',
  ),
  BASELINE_HALF_LIFE: required(
    4_000,
    whole({ min: 10, max: aBillion }),
    'Half-life of the baseline, in readings; not of BASELINE=cumulative.',
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
    'Rest after an alarm; calm: 144 readings, a calm one counting four; fixed: 72 readings.',
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
  SILENT_AFTER: {
    ...required<number | 'auto'>(
      Infinity,
      durationOrAuto(),
      'A sensor is offline after this much silence, in event time; auto: after five of its usual ' +
        'gaps, a window at least. Written to ANOMALY_TOPIC.',
    ),
    unsetText: '(never)',
  },
  STUCK_AFTER: {
    ...required(
      Infinity,
      whole({ min: 2, max: aBillion }),
      'A sensor that has moved before is stuck after this many equal readings in a row. Written ' +
        'to ANOMALY_TOPIC.',
    ),
    unsetText: '(never)',
  },
  ALARM_RESOLVE_AFTER: {
    ...required(
      Infinity,
      duration(),
      'Alarms open, and are resolved after this much quiet, in event time, such as 10m; docs/alarms.md. ' +
        'Written to ANOMALY_TOPIC.',
    ),
    unsetText: '(no alarms to resolve)',
  },
  FEATURES: {
    ...required(
      defaultFeatureNames,
      someOf(knownFeatures),
      'Features of a row; docs/features.md explains each.',
    ),
    unsetText: defaultFeatureNames.join(', '),
  },
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
