// Rules between settings, checked by `parseConfig` after each setting was parsed, and warnings
// about misspelt names.
import { anomalyTopicOf } from './defaults.ts';
import { deliveryRelations } from './delivery-relations.ts';
import { isWithinEdits } from './edit-distance.ts';
import { kafkaRelations } from './kafka-relations.ts';
import { redisRelations } from './redis-relations.ts';
import { setAmong, type Relation } from './relation.ts';
import { isSettingName, settingNames, type SettingName, type SettingValues } from './settings.ts';
import { windowProblems } from './window-list.ts';
import { windowName } from '../sensors/larger-window.ts';

const registryNames = [
  'SCHEMA_REGISTRY_USERNAME',
  'SCHEMA_REGISTRY_PASSWORD',
  'SCHEMA_REGISTRY_TOKEN',
  'SCHEMA_REGISTRY_CA',
] as const;

const mqttOnly = [
  'MQTT_TOPIC',
  'MQTT_SENSOR_ID',
  'MQTT_USERNAME',
  'MQTT_PASSWORD',
  'MQTT_CA',
  'MQTT_CERT',
  'MQTT_KEY',
  'MQTT_CLIENT_ID',
] as const;

/** `feastView` of codecs/feast.ts, which settings may not import; a test holds them equal. */
const baseView = 'sensor_features';

const redisNames = ['REDIS_URL', 'REDIS_CLUSTER_NODES'] as const;

const relations: readonly Relation[] = [
  ...kafkaRelations,
  ...redisRelations,
  ...deliveryRelations,
  {
    names: ['MAX_AGE', 'WINDOWS'],
    holds: (v) => unknownViews(v).length === 0,
    problem: (v) =>
      `MAX_AGE names ${unknownViews(v).join(', ')}; allowed: ${servedViews(v).join(', ')}`,
  },
  {
    names: ['HEARTBEAT_MS', 'SESSION_TIMEOUT_MS'],
    holds: (v) => v.HEARTBEAT_MS * 3 <= v.SESSION_TIMEOUT_MS,
    problem: (v) =>
      `HEARTBEAT_MS is ${v.HEARTBEAT_MS} with SESSION_TIMEOUT_MS ${v.SESSION_TIMEOUT_MS}; ` +
      `allowed: at most a third of it, ${Math.floor(v.SESSION_TIMEOUT_MS / 3)}`,
  },
  {
    names: ['HTTP_TLS_CERT_FILE', 'HTTP_TLS_KEY_FILE'],
    holds: (v) => (v.HTTP_TLS_CERT_FILE === undefined) === (v.HTTP_TLS_KEY_FILE === undefined),
    problem: () => 'HTTP_TLS_CERT_FILE and HTTP_TLS_KEY_FILE need each other; set both or neither',
  },
  {
    names: ['SCHEMA_REGISTRY_URL', ...registryNames],
    holds: (v) => v.SCHEMA_REGISTRY_URL !== undefined || setAmong(v, registryNames).length === 0,
    problem: (v) =>
      `${setAmong(v, registryNames).join(', ')} set without SCHEMA_REGISTRY_URL; set that as well`,
  },
  {
    names: ['SCHEMA_REGISTRY_URL'],
    holds: (v) => new URL(v.SCHEMA_REGISTRY_URL ?? 'http://none').username === '',
    problem: () =>
      'SCHEMA_REGISTRY_URL holds a user; set SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD',
  },
  {
    names: registryNames,
    holds: (v) =>
      (v.SCHEMA_REGISTRY_USERNAME === undefined) === (v.SCHEMA_REGISTRY_PASSWORD === undefined) &&
      (v.SCHEMA_REGISTRY_USERNAME === undefined || v.SCHEMA_REGISTRY_TOKEN === undefined),
    problem: () =>
      'SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD need each other, and no ' +
      'SCHEMA_REGISTRY_TOKEN beside them',
  },
  {
    names: ['MQTT_URL', ...mqttOnly],
    holds: (v) => v.MQTT_URL !== undefined || setAmong(v, mqttOnly).length === 0,
    problem: (v) => `${setAmong(v, mqttOnly).join(', ')} set without MQTT_URL; set that as well`,
  },
  {
    names: ['MQTT_URL', 'MQTT_TOPIC'],
    holds: (v) => v.MQTT_URL === undefined || v.MQTT_TOPIC !== undefined,
    problem: () => 'MQTT_URL needs MQTT_TOPIC, the messages to subscribe to',
  },
  {
    names: ['MQTT_URL'],
    // It is shown in the log.
    holds: (v) => v.MQTT_URL === undefined || !v.MQTT_URL.includes('@'),
    problem: () => 'MQTT_URL holds credentials; set MQTT_USERNAME and MQTT_PASSWORD instead',
  },
  {
    names: ['MQTT_CERT', 'MQTT_KEY'],
    holds: (v) => (v.MQTT_CERT === undefined) === (v.MQTT_KEY === undefined),
    problem: () => 'MQTT_CERT and MQTT_KEY need each other; set both or neither',
  },
  {
    names: ['MQTT_PAYLOAD', 'INPUT_SCHEMA'],
    holds: (v) => v.MQTT_PAYLOAD !== 'sparkplug' || v.INPUT_SCHEMA !== undefined,
    problem: () =>
      'MQTT_PAYLOAD is sparkplug without INPUT_SCHEMA; set it to ' +
      '"{id: id, time: timestamp, values: values.*}"',
  },
  {
    names: ['MQTT_PAYLOAD', 'MQTT_SENSOR_ID'],
    holds: (v) => v.MQTT_PAYLOAD !== 'sparkplug' || v.MQTT_SENSOR_ID === undefined,
    problem: () => 'MQTT_SENSOR_ID is set, and Sparkplug topics name their devices; drop it',
  },
  {
    names: ['MQTT_PAYLOAD', 'MQTT_TOPIC'],
    // Processes that share a subscription would each see some of the births only.
    holds: (v) => v.MQTT_PAYLOAD !== 'sparkplug' || v.MQTT_TOPIC?.startsWith('spBv1.0/') !== false,
    problem: (v) =>
      `MQTT_TOPIC is "${v.MQTT_TOPIC ?? ''}" with MQTT_PAYLOAD sparkplug; ` +
      'allowed: a filter that begins with spBv1.0/, such as spBv1.0/#',
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
      v.MQTT_URL !== undefined ||
      setAmong(v, redisNames).length === 0,
    problem: (v) =>
      `KAFKA_BROKERS is not set, so simulated features would be written to ` +
      `${setAmong(v, redisNames).join(' and ')}; set KAFKA_BROKERS, or SIMULATED_SENSORS to the ` +
      'number of simulated sensors you want (0 for none)',
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
    holds: (v) => v.ANOMALY_EVENTS !== 'alarms' || v.BASELINE !== 'cumulative',
    problem: () =>
      'ANOMALY_EVENTS is alarms with BASELINE cumulative, which raises none; set all or off',
  },
  {
    names: ['ANOMALY_EVENTS', 'SILENT_AFTER', 'STUCK_AFTER', 'ALARM_RESOLVE_AFTER'],
    holds: (v) =>
      v.ANOMALY_EVENTS !== 'off' ||
      [v.SILENT_AFTER, v.STUCK_AFTER, v.ALARM_RESOLVE_AFTER].every((after) => after === Infinity),
    problem: () =>
      'ANOMALY_EVENTS is off with SILENT_AFTER, STUCK_AFTER or ALARM_RESOLVE_AFTER, which write to the same topic; ' +
      'set alarms or all, or drop the other',
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
  return settingNames.find((setting) => isWithinEdits(name.toUpperCase(), setting, distanceMax));
}

function takenBy(inputTopic: string): readonly string[] {
  return [
    inputTopic,
    ...['rekeyed', 'dlq', 'births'].map((end) => `${inputTopic}.${end}`),
    ...ownTopics,
  ];
}

/** The views as Feast names them: its view of the base windows, and one of each larger window. */
function servedViews(values: SettingValues): readonly string[] {
  return [baseView, ...values.WINDOWS.map((window) => windowName(baseView, window))];
}

function unknownViews(values: SettingValues): readonly string[] {
  const served = servedViews(values);
  return Object.keys(values.MAX_AGE?.byView ?? {}).filter((view) => !served.includes(view));
}
