// Rules between settings, checked by `parseConfig` after each setting was parsed, and warnings
// about misspelt names.
import { anomalyTopicOf } from './defaults.ts';
import { isSettingName, settingNames, type SettingName, type SettingValues } from './settings.ts';
import { windowProblems } from './window-list.ts';
import { windowName } from '../sensors/larger-window.ts';

interface Relation {
  /** The settings involved; the rule is checked only if each of them is valid. */
  readonly names: readonly SettingName[];
  readonly holds: (values: SettingValues) => boolean;
  readonly problem: (values: SettingValues) => string;
}

const kafkaOnly = [
  'KAFKA_SSL',
  'KAFKA_SSL_CA',
  'KAFKA_SSL_CERT',
  'KAFKA_SSL_KEY',
  'KAFKA_SASL_MECHANISM',
  'KAFKA_SASL_USERNAME',
  'KAFKA_SASL_PASSWORD',
] as const;

const saslNames = ['KAFKA_SASL_MECHANISM', 'KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'] as const;
const sslFiles = ['KAFKA_SSL_CA', 'KAFKA_SSL_CERT', 'KAFKA_SSL_KEY'] as const;

const redisNames = ['REDIS_URL', 'REDIS_CLUSTER_NODES'] as const;

const relations: readonly Relation[] = [
  {
    names: ['HEARTBEAT_MS', 'SESSION_TIMEOUT_MS'],
    holds: (v) => v.HEARTBEAT_MS * 3 <= v.SESSION_TIMEOUT_MS,
    problem: (v) =>
      `HEARTBEAT_MS is ${v.HEARTBEAT_MS} with SESSION_TIMEOUT_MS ${v.SESSION_TIMEOUT_MS}; ` +
      `allowed: at most a third of it, ${Math.floor(v.SESSION_TIMEOUT_MS / 3)}`,
  },
  {
    names: ['KAFKA_BROKERS', ...kafkaOnly],
    // Otherwise a forgotten KAFKA_BROKERS would silently use the embedded log.
    holds: (v) => v.KAFKA_BROKERS !== undefined || setAmong(v, kafkaOnly).length === 0,
    problem: (v) =>
      `${setAmong(v, kafkaOnly).join(', ')} set without KAFKA_BROKERS; set that as well`,
  },
  {
    names: saslNames,
    holds: (v) => [0, saslNames.length].includes(setAmong(v, saslNames).length),
    problem: (v) =>
      `${setAmong(v, saslNames).join(' and ')} set without ` +
      `${saslNames.filter((name) => v[name] === undefined).join(' and ')}; SASL needs all three`,
  },
  {
    names: ['KAFKA_SSL_CERT', 'KAFKA_SSL_KEY'],
    holds: (v) => (v.KAFKA_SSL_CERT === undefined) === (v.KAFKA_SSL_KEY === undefined),
    problem: () => 'KAFKA_SSL_CERT and KAFKA_SSL_KEY need each other; set both or neither',
  },
  {
    names: ['KAFKA_SSL', ...sslFiles],
    holds: (v) => v.KAFKA_SSL !== false || setAmong(v, sslFiles).length === 0,
    problem: (v) => `KAFKA_SSL is false but ${setAmong(v, sslFiles).join(', ')} set; drop one`,
  },
  {
    names: ['REDIS_URL', 'REDIS_CLUSTER_NODES'],
    holds: (v) => v.REDIS_URL === undefined || v.REDIS_CLUSTER_NODES === undefined,
    problem: () => 'REDIS_URL and REDIS_CLUSTER_NODES are both set; set one of them',
  },
  {
    names: ['SNAPSHOT_STORE', 'KAFKA_BROKERS'],
    holds: (v) => v.SNAPSHOT_STORE !== 'kafka' || v.KAFKA_BROKERS !== undefined,
    problem: () => 'SNAPSHOT_STORE is kafka without KAFKA_BROKERS; set that too, or file',
  },
  {
    names: ['SIMULATED_SENSORS', 'KAFKA_BROKERS'],
    holds: (v) => (v.SIMULATED_SENSORS ?? 0) === 0 || v.KAFKA_BROKERS === undefined,
    problem: () =>
      'SIMULATED_SENSORS only feeds the embedded log; with KAFKA_BROKERS use the command `produce`',
  },
  {
    names: ['SIMULATED_SENSORS', 'KAFKA_BROKERS', ...redisNames],
    // An empty KAFKA_BROKERS, such as an unfilled template, would write features of simulated
    // sensors into a real Redis.
    holds: (v) =>
      v.SIMULATED_SENSORS !== undefined ||
      v.KAFKA_BROKERS !== undefined ||
      setAmong(v, redisNames).length === 0,
    problem: (v) =>
      `KAFKA_BROKERS is not set, so simulated features would be written to ` +
      `${setAmong(v, redisNames).join(' and ')}; set KAFKA_BROKERS, or SIMULATED_SENSORS to the ` +
      'number of simulated sensors you want (0 for none)',
  },
  {
    names: ['SIMULATED_SENSORS', 'INPUT_SCHEMA'],
    holds: (v) => (v.SIMULATED_SENSORS ?? 0) === 0 || v.INPUT_SCHEMA === undefined,
    problem: () =>
      'SIMULATED_SENSORS send sensor_id, timestamp and value, which INPUT_SCHEMA does not read; ' +
      'drop one of them',
  },
  {
    names: ['INPUT_TOPIC', 'OUTPUT_TOPIC'],
    holds: (v) => !takenBy(v.INPUT_TOPIC).includes(v.OUTPUT_TOPIC),
    problem: (v) =>
      `OUTPUT_TOPIC is "${v.OUTPUT_TOPIC}"; allowed: none of ${takenBy(v.INPUT_TOPIC).join(', ')}`,
  },
  {
    names: ['INPUT_TOPIC', 'OUTPUT_TOPIC', 'ANOMALY_TOPIC'],
    holds: (v) => ![...takenBy(v.INPUT_TOPIC), v.OUTPUT_TOPIC].includes(anomalyTopicOf(v)),
    problem: (v) =>
      `ANOMALY_TOPIC is "${anomalyTopicOf(v)}"; ` +
      `allowed: none of ${[...takenBy(v.INPUT_TOPIC), v.OUTPUT_TOPIC].join(', ')}`,
  },
  {
    names: ['ANOMALY_EVENTS', 'BASELINE'],
    holds: (v) => v.ANOMALY_EVENTS !== 'alarms' || v.BASELINE === 'adaptive',
    problem: () =>
      'ANOMALY_EVENTS is alarms with BASELINE cumulative, which raises none; set all or off',
  },
  {
    names: ['INPUT_TOPIC'],
    holds: (v) => !ownTopics.includes(v.INPUT_TOPIC),
    problem: (v) => `INPUT_TOPIC is "${v.INPUT_TOPIC}"; allowed: none of ${ownTopics.join(', ')}`,
  },
  {
    names: ['WINDOWS', 'WINDOW_MS'],
    holds: (v) => windowProblems(v.WINDOWS, v.WINDOW_MS).length === 0,
    problem: (v) =>
      `WINDOWS is "${v.WINDOWS.map(({ name }) => name).join(',')}", ` +
      `but ${windowProblems(v.WINDOWS, v.WINDOW_MS).join('; ')}`,
  },
  {
    names: ['SENSOR_TTL', 'WINDOW_MS', 'WATERMARK_DELAY_MS', 'WINDOWS'],
    holds: (v) => v.SENSOR_TTL >= sensorTtlMinMs(v),
    problem: (v) =>
      `SENSOR_TTL is ${v.SENSOR_TTL} ms, less than the longest window and WATERMARK_DELAY_MS; ` +
      `allowed: at least ${sensorTtlMinMs(v)}ms, or leave it unset to keep every sensor`,
  },
  {
    names: ['WINDOWS', 'INPUT_TOPIC', 'OUTPUT_TOPIC', 'ANOMALY_TOPIC'],
    holds: (v) => largerTopicProblem(v) === undefined,
    problem: (v) => largerTopicProblem(v) ?? '',
  },
];

/** A sensor that sends in every window must be remembered from one to the next. */
function sensorTtlMinMs(values: SettingValues): number {
  const longestMs = values.WINDOWS.reduce(
    (ms, { sizeMs }) => Math.max(ms, sizeMs),
    values.WINDOW_MS,
  );
  return longestMs + values.WATERMARK_DELAY_MS;
}

const topicCharactersMax = 249;

/**
 * Returns why the larger windows' topics cannot be named after OUTPUT_TOPIC; undefined if they can.
 */
function largerTopicProblem(values: SettingValues): string | undefined {
  const topics = values.WINDOWS.map((window) => windowName(values.OUTPUT_TOPIC, window));
  const used = [...takenBy(values.INPUT_TOPIC), anomalyTopicOf(values)];
  const taken = topics.find((topic) => used.includes(topic));
  if (taken !== undefined)
    return `WINDOWS needs the topic ${taken}, which is used for something else`;
  const long = topics.find((topic) => topic.length > topicCharactersMax);
  if (long === undefined) return undefined;
  return `WINDOWS needs the topic ${long}, longer than ${topicCharactersMax} characters`;
}

const ownTopics: readonly string[] = ['sensor_journal', 'sensor_snapshots'];

// Names that other programs use for the same setting.
const otherNames: Readonly<Record<string, SettingName>> = {
  KAFKA_BOOTSTRAP_SERVERS: 'KAFKA_BROKERS',
  BOOTSTRAP_SERVERS: 'KAFKA_BROKERS',
  KAFKA_GROUP_ID: 'GROUP_ID',
  KAFKA_INPUT_TOPIC: 'INPUT_TOPIC',
  KAFKA_OUTPUT_TOPIC: 'OUTPUT_TOPIC',
  REDIS_CONNECTION_STRING: 'REDIS_URL',
  Z_SCORE_THRESHOLD: 'ANOMALY_THRESHOLD',
  WINDOW_SIZE_MS: 'WINDOW_MS',
};

/** Returns one line for each broken rule; skips rules about `wrong` settings, already reported. */
export function relationProblems(
  values: SettingValues,
  wrong: ReadonlySet<SettingName>,
): readonly string[] {
  return relations
    .filter(({ names }) => !names.some((name) => wrong.has(name)))
    .filter(({ holds }) => !holds(values))
    .map(({ problem }) => problem(values));
}

/** Returns a warning for each variable whose name is close to a setting's; never shows values. */
export function misspeltSettings(names: readonly string[]): readonly string[] {
  return names.flatMap((name) => {
    const meant = isSettingName(name) ? undefined : meantBy(name);
    return meant === undefined || names.includes(meant)
      ? []
      : [`${name} is not a setting; did you mean ${meant}?`];
  });
}

function meantBy(name: string): SettingName | undefined {
  const other = Object.hasOwn(otherNames, name) ? otherNames[name] : undefined;
  if (other !== undefined) return other;
  // Short names resemble many words; in a long one, two letters may be wrong.
  const distanceMax = name.length < 6 ? 0 : name.length < 9 ? 1 : 2;
  return settingNames.find((setting) => isWithin(name.toUpperCase(), setting, distanceMax));
}

/** Returns whether the edit distance of `a` and `b` is at most `distanceMax`. */
function isWithin(a: string, b: string, distanceMax: number): boolean {
  if (Math.abs(a.length - b.length) > distanceMax) return false;
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return (row[b.length] ?? 0) <= distanceMax;
}

function setAmong(values: SettingValues, names: readonly SettingName[]): readonly SettingName[] {
  return names.filter((name) => values[name] !== undefined);
}

function takenBy(inputTopic: string): readonly string[] {
  return [inputTopic, `${inputTopic}.rekeyed`, `${inputTopic}.dlq`, ...ownTopics];
}
