// The settings of what training reads, a part of the table in settings.ts: Feast's names, the
// history and the queries over it.
import { identifierText, oneOf, optional, required, text, whole, type Setting } from './setting.ts';
import { maxAges, type MaxAges } from './window-list.ts';

export const trainingSettings: {
  readonly FEAST_PROJECT: Setting<string>;
  readonly FEAST_JOIN_KEY: Setting<string>;
  readonly ONLINE_OTHER_WRITER: Setting<'refuse' | 'take-over' | 'share'>;
  readonly MAX_AGE: Setting<MaxAges | undefined>;
  readonly HISTORY_DIR: Setting<string | undefined>;
  readonly HISTORY_INTERVAL_MS: Setting<number>;
  readonly QUERY_MEMORY_MB: Setting<number>;
  readonly QUERY_TIMEOUT_MS: Setting<number>;
} = {
  FEAST_PROJECT: required(
    'sensor_features',
    identifierText(),
    'Feast project, as in feature_store.yaml; part of every key in Redis.',
  ),
  FEAST_JOIN_KEY: required(
    'sensor_id',
    identifierText(),
    'Join key of the Feast entity; part of every key in Redis and a name in requests.',
  ),
  ONLINE_OTHER_WRITER: required(
    'refuse',
    oneOf(['refuse', 'take-over', 'share']),
    'Where another GROUP_ID or OUTPUT_TOPIC writes to the same Redis and FEAST_PROJECT: refuse; ' +
      'take-over, for one start; or share, where the sensors of the two differ.',
  ),
  MAX_AGE: optional(
    maxAges(),
    'Age of a served row beyond which POST /get-online-features gives it the status OUTSIDE_MAX_AGE.',
    'none: every row is PRESENT',
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
  QUERY_MEMORY_MB: required(
    1_024,
    whole({ min: 64, max: 1_048_576 }),
    'Memory of one SQL query; sorts and joins that need more go to a temporary file.',
  ),
  QUERY_TIMEOUT_MS: required(
    60_000,
    whole({ min: 100, max: 3_600_000 }),
    'Longest time of one SQL query.',
  ),
};
