// Configuration: one frozen, fully filled, read-only value. `parseConfig` reads the environment and
// reports every problem at once. Two groups: semantics (changes results, fingerprinted) and process
// (may differ between processes).
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

import { relationProblems } from './relations.ts';
import {
  anomalyTopicOf,
  settingNames,
  settings,
  type SettingName,
  type SettingValues,
} from './settings.ts';
import { ConfigError } from '../errors.ts';
import type { Semantics } from '../sensors/semantics.ts';

export interface KafkaConfig {
  readonly brokers: readonly string[];
  /** Paths of PEM files, or PEM text; the adapter reads them. */
  readonly ssl: false | { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly sasl:
    | undefined
    | {
        readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
        readonly username: string;
        readonly password: string;
      };
  readonly fetchDecoder: 'fast' | 'kafkajs';
  readonly sessionTimeoutMs: number;
  readonly transactionTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly replicationFactor: number | undefined;
}

export interface RedisConfig {
  /** redis:// or rediss:// with AUTH in it; undefined with cluster nodes. */
  readonly url: string | undefined;
  /** Each host:port, or a redis[s]:// URL with AUTH in it. */
  readonly clusterNodes: readonly string[];
  /** Feast's key TTL, counted from the write; undefined = no expiry. */
  readonly onlineTtlS: number | undefined;
}

export interface ProcessConfig {
  /** undefined = embedded log in dataDir. */
  readonly kafka: KafkaConfig | undefined;
  /** undefined = embedded feature store in dataDir. */
  readonly redis: RedisConfig | undefined;
  /** Feature rows of each view that serving keeps in memory; with one Redis only. */
  readonly onlineCacheRows: number;
  readonly inputTopic: string;
  readonly outputTopic: string;
  readonly anomalyTopic: string;
  readonly anomalyEvents: 'alarms' | 'all' | 'off';
  readonly groupId: string;
  readonly workers: number;
  readonly idleTimeoutMs: number;
  readonly commitIntervalMs: number;
  readonly snapshotIntervalMs: number;
  readonly snapshotStore: 'file' | 'kafka';
  readonly snapshotDir: string;
  readonly openWindowsMax: number;
  readonly outputFormat: 'json' | 'avro';
  readonly dataDir: string;
  readonly httpHost: string;
  readonly httpPort: number;
  readonly httpToken: string | undefined;
  readonly advertisedUrl: string | undefined;
  readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';
  readonly startingOffsets: 'earliest' | 'latest';
  /** Go on where records were deleted before they were read. */
  readonly acceptGap: boolean;
  /** Simulated sensors that `run` feeds into the embedded log; 0 with Kafka. */
  readonly simulatedSensors: number;
}

export interface Config {
  readonly semantics: Semantics;
  readonly process: ProcessConfig;
}

export type Environment = Readonly<Record<string, string | undefined>>;

const workersDefaultMax = 4;
const simulatedSensorsDefault = 10;

/**
 * Returns the configuration that `env` describes, frozen; an empty variable counts as unset.
 * @param machine its cores bound the default of WORKERS.
 * @throws ConfigError that lists every problem: name, value (never a secret's) and what is allowed.
 */
export function parseConfig(
  env: Environment,
  machine: { readonly cores: number } = { cores: availableParallelism() },
): Config {
  const problems: string[] = [];
  const wrong = new Set<SettingName>();
  const value = <K extends SettingName>(name: K): SettingValues[K] => {
    const text = settingText(env, name);
    if (text === undefined) return settings[name].unset;
    const parsed = settings[name].schema.safeParse(text);
    if (parsed.success) return parsed.data;
    problems.push(problem(name, text));
    wrong.add(name);
    return settings[name].unset;
  };
  const values = readValues(value);
  // A relation is only judged between values that are themselves right: one mistake, one line.
  problems.push(...relationProblems(values, wrong));
  if (problems.length > 0) throw configError(problems);
  return deepFreeze({
    semantics: semanticsOf(values),
    process: processOf(values, machine.cores),
  });
}

/** Returns the text of a setting, trimmed but for secrets; undefined where it is unset or empty. */
export function settingText(env: Environment, name: SettingName): string | undefined {
  const raw = env[name];
  const text = settings[name].secret ? raw : raw?.trim();
  return text === '' ? undefined : text;
}

function readValues(value: <K extends SettingName>(name: K) => SettingValues[K]): SettingValues {
  const values: Partial<Writable<SettingValues>> = {};
  const fill = <K extends SettingName>(name: K): void => {
    values[name] = value(name);
  };
  settingNames.forEach(fill);
  // The one cast of this file: every name was filled.
  return values as SettingValues;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

function problem(name: SettingName, text: string): string {
  const { secret, expected } = settings[name];
  return `${name} is ${secret ? 'set to something else (not shown)' : quote(text)}; allowed: ${expected}`;
}

// JSON shows what cannot be seen (tabs, line ends); a pasted file must not fill the screen.
// Credentials in a URL that went into the wrong variable stay hidden.
function quote(text: string): string {
  const shown = text.replace(/^(.*?:\/\/)?.*@/s, '$1***@');
  return JSON.stringify(shown.length > 80 ? `${shown.slice(0, 80)}…` : shown);
}

function configError(problems: readonly string[]): ConfigError {
  const [first = ''] = problems;
  const message =
    problems.length === 1
      ? first
      : `${problems.length} settings are wrong:${problems.map((line) => `\n  ${line}`).join('')}`;
  return new ConfigError(message, { problems: problems.length });
}

function semanticsOf(values: SettingValues): Semantics {
  return {
    windowMs: values.WINDOW_MS,
    watermarkDelayMs: values.WATERMARK_DELAY_MS,
    maxAheadMs: values.MAX_AHEAD_MS,
    fastClocks: values.FAST_CLOCKS,
    baseline: values.BASELINE,
    baselineHalfLife: values.BASELINE_HALF_LIFE,
    alarmRest: values.ALARM_REST,
    anomalyThreshold: values.ANOMALY_THRESHOLD,
    anomalyWarmup: values.ANOMALY_WARMUP,
    sensorsMax: values.SENSORS_MAX,
    inputKeying: values.INPUT_KEYING,
    features: [...values.FEATURES],
    windows: values.WINDOWS.map((window) => ({ ...window })),
  };
}

function processOf(values: SettingValues, cores: number): ProcessConfig {
  const kafka = kafkaOf(values);
  return {
    kafka,
    redis: redisOf(values),
    onlineCacheRows: values.ONLINE_CACHE_ROWS,
    inputTopic: values.INPUT_TOPIC,
    outputTopic: values.OUTPUT_TOPIC,
    anomalyTopic: anomalyTopicOf(values),
    anomalyEvents: values.ANOMALY_EVENTS ?? (values.BASELINE === 'adaptive' ? 'alarms' : 'all'),
    groupId: values.GROUP_ID,
    workers: values.WORKERS ?? Math.max(1, Math.min(workersDefaultMax, cores - 1)),
    idleTimeoutMs: values.IDLE_TIMEOUT_MS,
    commitIntervalMs: values.COMMIT_INTERVAL_MS,
    snapshotIntervalMs: values.SNAPSHOT_INTERVAL_MS,
    snapshotStore: values.SNAPSHOT_STORE ?? (kafka === undefined ? 'file' : 'kafka'),
    snapshotDir: values.SNAPSHOT_DIR ?? join(values.DATA_DIR, 'snapshots'),
    openWindowsMax: values.OPEN_WINDOWS_MAX,
    outputFormat: values.OUTPUT_FORMAT,
    dataDir: values.DATA_DIR,
    httpHost: values.HTTP_HOST,
    httpPort: values.HTTP_PORT,
    httpToken: values.HTTP_TOKEN,
    advertisedUrl: values.ADVERTISED_URL,
    logLevel: values.LOG_LEVEL,
    startingOffsets: values.STARTING_OFFSETS,
    acceptGap: values.ACCEPT_GAP,
    simulatedSensors:
      values.SIMULATED_SENSORS ?? (kafka === undefined ? simulatedSensorsDefault : 0),
  };
}

function kafkaOf(values: SettingValues): KafkaConfig | undefined {
  if (values.KAFKA_BROKERS === undefined) return undefined;
  const { KAFKA_SSL_CA: ca, KAFKA_SSL_CERT: cert, KAFKA_SSL_KEY: key } = values;
  const files = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
  const { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: username } = values;
  const password = values.KAFKA_SASL_PASSWORD;
  return {
    brokers: [...values.KAFKA_BROKERS],
    ssl: (values.KAFKA_SSL ?? Object.keys(files).length > 0) ? files : false,
    sasl:
      mechanism === undefined || username === undefined || password === undefined
        ? undefined
        : { mechanism, username, password },
    fetchDecoder: values.FETCH_DECODER,
    sessionTimeoutMs: values.SESSION_TIMEOUT_MS,
    transactionTimeoutMs: values.TRANSACTION_TIMEOUT_MS,
    heartbeatMs: values.HEARTBEAT_MS,
    replicationFactor: values.TOPIC_REPLICATION_FACTOR,
  };
}

function redisOf(values: SettingValues): RedisConfig | undefined {
  const clusterNodes = [...(values.REDIS_CLUSTER_NODES ?? [])];
  if (values.REDIS_URL === undefined && clusterNodes.length === 0) return undefined;
  return { url: values.REDIS_URL, clusterNodes, onlineTtlS: values.ONLINE_TTL_S };
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner);
  }
  return Object.freeze(value);
}
