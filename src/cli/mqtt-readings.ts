// The taker of MQTT messages into the input topic, as `run` builds it.
import { sensorEventRecord } from '../codecs/anomaly.ts';
import { rebirthCommand } from '../codecs/sparkplug-payload.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { currentTls, mqttTlsNames, type CurrentTls } from '../log/tls-files.ts';
import { anomalyTarget } from '../actors/output-records.ts';
import { ConfigError } from '../errors.ts';
import { MqttIntake, type MqttIntakeOptions } from '../ingest/mqtt-intake.ts';
import { createRecordsOfMessage } from '../ingest/mqtt-record.ts';
import type { MqttSession, MqttSessionOptions } from '../ingest/mqtt-session.ts';
import { createIdOfTopic, topicProblem } from '../ingest/mqtt-topics.ts';
import { SparkplugDoor, type SparkplugDoorOptions } from '../ingest/sparkplug-door.ts';
import { commandTopic } from '../ingest/sparkplug-topics.ts';
import type { EventLog } from '../log/event-log.ts';
import { topicNames } from '../log/topics.ts';
import type { Logger } from '../logger.ts';
import { createSparkplugMetrics, type MqttMetrics } from '../metrics/mqtt-metrics.ts';
import { recordOfArrival } from './intake.ts';

export interface MqttReadings {
  readonly metrics: MqttMetrics;
  /** Those of `metrics`, and of the payloads. */
  readonly registries: readonly MqttMetrics['registry'][];
  /** Connects, and takes messages into the log until closed. */
  start(): Promise<void>;
  /** Waits for the append under way and disconnects; the broker keeps the session. Idempotent. */
  close(): Promise<void>;
}

export interface MqttParts {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Pick<EventLog, 'append' | 'offsets' | 'read'>;
  readonly logger: Logger;
}

/**
 * Returns what takes the messages of MQTT_URL; undefined without it.
 * @throws ConfigError where the settings of MQTT do not fit each other or INPUT_SCHEMA.
 */
export function createMqttReadings(parts: MqttParts): MqttReadings | undefined {
  const { clock, config, log, logger } = parts;
  const { process: settings } = config;
  const { mqttUrl: url, mqttTopic: filter } = settings;
  if (url === undefined || filter === undefined) return undefined;
  let session: MqttSession | undefined;
  const sparkplugMetrics = createSparkplugMetrics();
  const requestBirths = (edgeNode: string): void =>
    session?.publish(commandTopic(edgeNode), rebirthCommand(clock.nowMs()));
  const sparkplug =
    settings.mqttPayload === 'sparkplug'
      ? createSparkplug(config, { requestBirths, metrics: sparkplugMetrics })
      : undefined;
  const intake = new MqttIntake({
    ...{ clock, log, logger, inFlightMax: settings.mqttInFlightMax },
    recordsOf: sparkplug?.recordsOf ?? recordsOfMessage(config, filter),
  });
  const tls = mqttTls(config, logger);
  return {
    metrics: intake.metrics,
    registries: [intake.metrics.registry, sparkplugMetrics.registry],
    async start() {
      if (sparkplug !== undefined) await restoreBirths(sparkplug, config, log);
      // Loaded on demand: most programs have no broker of MQTT.
      const { openMqttSession } = await import('../ingest/mqtt-session.ts');
      const own = { ...mqttSessionSettings(config), url, filter, tls, logger };
      session = openMqttSession(own, {
        onMessage: (message) => intake.take(message),
        whenRoom: () => intake.whenRoom(),
        onConnected: (isConnected) => intake.metrics.connected.set(isConnected ? 1 : 0),
        onSessionLost: () => intake.append(sparkplug?.sessionLost() ?? []),
      });
    },
    async close() {
      await intake.close();
      await session?.close();
    },
  };
}

function recordsOfMessage(config: Config, filter: string): MqttIntakeOptions['recordsOf'] {
  const { mqttSensorId: template, inputTopic: topic } = config.process;
  const problem = topicProblem(filter, template) ?? idProblem(config);
  if (problem !== undefined) throw new ConfigError(problem);
  return createRecordsOfMessage({
    ...{ topic, input: config.semantics.input, recordOf: recordOfArrival(config) },
    idOf: template === undefined ? undefined : createIdOfTopic(filter, template),
  });
}

function createSparkplug(
  config: Config,
  parts: Pick<SparkplugDoorOptions, 'requestBirths' | 'metrics'>,
): SparkplugDoor {
  const { process: settings, semantics } = config;
  if (semantics.input?.format === 'registry') throw new ConfigError(notOfRegistry);
  const topics = topicNames(settings);
  const target = anomalyTarget({ topics, settings, semantics });
  return new SparkplugDoor({
    ...{ inputTopic: topics.input, birthsTopic: topics.births },
    ...{ ...parts, recordOf: recordOfArrival(config) },
    eventRecord: (event) =>
      settings.anomalyEvents === 'off' ? undefined : sensorEventRecord(event, target),
  });
}

async function restoreBirths(
  sparkplug: SparkplugDoor,
  { process: settings }: Config,
  log: MqttParts['log'],
): Promise<void> {
  const births = { topic: topicNames(settings).births, partition: 0 };
  const { earliest: from } = await log.offsets(births);
  for await (const batch of log.read({ ...births, from })) {
    const record = batch.records();
    while (record.next()) {
      const { bytes, keyStart, keyEnd, valueStart, valueEnd } = record;
      const value = valueStart < 0 ? null : bytes.subarray(valueStart, valueEnd);
      sparkplug.restore(bytes.subarray(keyStart, keyEnd), value);
    }
  }
}

/** Returns what a session needs besides its address, its filter and its certificates. */
export function mqttSessionSettings({
  process: settings,
}: Config): Omit<MqttSessionOptions, 'url' | 'filter' | 'tls' | 'logger'> {
  return {
    username: settings.mqttUsername,
    password: settings.mqttPassword,
    clientId: settings.mqttClientId ?? `sensorium-${settings.groupId}`,
    version: settings.mqttVersion,
    inFlightMax: settings.mqttInFlightMax,
  };
}

const notOfRegistry =
  'INPUT_SCHEMA declares records of a schema registry; messages of MQTT are JSON';

function idProblem({
  process: { mqttSensorId },
  semantics: { input },
}: Config): string | undefined {
  if (input?.format === 'registry') return notOfRegistry;
  if (input === undefined || (input.id === 'key') === (mqttSensorId !== undefined)) {
    return undefined;
  }
  return mqttSensorId === undefined
    ? 'INPUT_SCHEMA takes the id from the key ($key), which a message of MQTT has not; set MQTT_SENSOR_ID'
    : 'MQTT_SENSOR_ID is set, and INPUT_SCHEMA takes the id from the payload; declare id: $key, or drop one';
}

/**
 * Returns the certificates of the broker, read again for each connection; undefined without TLS.
 * @throws ConfigError naming the setting that cannot be used.
 */
export function mqttTls({ process: settings }: Config, logger: Logger): CurrentTls | undefined {
  const { mqttCa: ca, mqttCert: cert, mqttKey: key, mqttUrl } = settings;
  if (mqttUrl?.startsWith('mqtts:') !== true) return undefined;
  const files = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
  return currentTls(files, mqttTlsNames, logger);
}
