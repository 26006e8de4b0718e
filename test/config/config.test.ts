import { format } from 'prettier';
import { describe, expect, it } from 'vitest';

import { misspeltSettings } from '../../src/config/relations.ts';
import { settingNames, settings } from '../../src/config/settings.ts';
import { settingsHelp, settingsMarkdown } from '../../src/config/settings-text.ts';
import { parseConfig, type Environment } from '../../src/config/config.ts';
import { ConfigError } from '../../src/errors.ts';

function problemsOf(env: Environment): string {
  try {
    parseConfig(env, { cores: 4 });
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return '';
}

const kafka = { KAFKA_BROKERS: 'one:9092, two:9093' };

describe('parseConfig', () => {
  it('fills every setting when nothing is set', () => {
    const config = parseConfig({}, { cores: 2 });

    expect(config).toEqual({
      semantics: {
        windowMs: 60_000,
        watermarkDelayMs: 5_000,
        maxAheadMs: 300_000,
        fastClocks: 'hold',
        baseline: 'adaptive',
        baselineHalfLife: 4_000,
        alarmRest: 'calm',
        anomalyThreshold: 2.5,
        anomalyWarmup: 2,
        sensorsMax: 1_000_000,
        sensorTtlMs: Infinity,
        silentAfterMs: Infinity,
        stuckAfter: Infinity,
        alarmResolveAfterMs: Infinity,
        inputKeying: 'auto',
        features: [
          'count',
          'avg_value',
          'min_value',
          'max_value',
          'std_dev',
          'anomaly_count',
          'anomaly_rate',
        ],
        windows: [],
      },
      process: {
        kafka: undefined,
        redis: undefined,
        inputTopic: 'raw_readings',
        outputTopic: 'sensor_features',
        queryMemoryMb: 1_024,
        queryTimeoutMs: 60_000,
        outputRetentionMs: 2_592_000_000,
        anomalyTopic: 'sensor_anomalies',
        anomalyEvents: 'alarms',
        groupId: 'sensor-feature-processor',
        workers: 1,
        idleTimeoutMs: 10_000,
        commitIntervalMs: 100,
        snapshotIntervalMs: 30_000,
        snapshotStore: 'file',
        snapshotDir: 'state/snapshots',
        onlineCacheRows: 100_000,
        onlineCacheBytes: 268_435_456,
        alertmanagerUrl: undefined,
        alarmWebhookUrl: undefined,
        alarmWebhookSecret: undefined,
        alarmSiteLevels: 0,
        alarmGroupWaitMs: 1_000,
        servingDelayMs: 0,
        historyDir: undefined,
        historyIntervalMs: 10_000,
        openWindowsMax: 60,
        outputFormat: 'json',
        dataDir: './state',
        feastJoinKey: 'sensor_id',
        onlineOtherWriter: 'refuse',
        maxAge: undefined,
        feastProject: 'sensor_features',
        httpHost: '127.0.0.1',
        httpPort: 8_080,
        httpQuery: false,
        httpToken: undefined,
        httpReadToken: undefined,
        httpWriteToken: undefined,
        postedBytesMax: 4_194_304,
        postedPerSecondMax: 100_000,
        postedBehindMax: 1_000_000,
        httpReads: 'local',
        httpHosts: undefined,
        httpTlsCertFile: undefined,
        httpTlsKeyFile: undefined,
        httpConnectionsMax: 1_024,
        pageSensorsMax: 50_000,
        advertisedUrl: undefined,
        mqttUrl: undefined,
        mqttTopic: undefined,
        mqttSensorId: undefined,
        mqttUsername: undefined,
        mqttPassword: undefined,
        mqttPayload: 'json',
        mqttCa: undefined,
        mqttCert: undefined,
        mqttKey: undefined,
        mqttClientId: undefined,
        mqttVersion: '5',
        mqttInFlightMax: 1_000,
        logLevel: 'info',
        logFormat: 'json',
        otelServiceName: 'sensorium',
        otelExporterOtlpEndpoint: undefined,
        otelSdkDisabled: false,
        startingOffsets: 'earliest',
        acceptGap: false,
        simulatedSensors: 10,
      },
    });
  });

  it('tells alarms, with a baseline that raises none all anomalies, on a topic beside the rows’', () => {
    const told = (env: Record<string, string>): string => {
      const { anomalyTopic, anomalyEvents } = parseConfig(env).process;
      return `${anomalyEvents} on ${anomalyTopic}`;
    };

    expect(told({})).toBe('alarms on sensor_anomalies');
    expect(told({ BASELINE: 'cumulative' })).toBe('all on sensor_anomalies');
    expect(told({ OUTPUT_TOPIC: 'rows-2' })).toBe('alarms on rows-2.anomalies');
    expect(told({ OUTPUT_TOPIC: 'rows-2', ANOMALY_TOPIC: 'a' })).toBe('alarms on a');
    expect(told({ BASELINE: 'cumulative', ANOMALY_EVENTS: 'off' })).toBe('off on sensor_anomalies');
  });

  it('takes four workers by default, and leaves one core to the rest of the program', () => {
    expect(parseConfig({}, { cores: 64 }).process.workers).toBe(4);
    expect(parseConfig({}, { cores: 2 }).process.workers).toBe(1);
    expect(parseConfig({}, { cores: 1 }).process.workers).toBe(1);
    expect(parseConfig({ WORKERS: '9' }, { cores: 1 }).process.workers).toBe(9);
  });

  it('counts an empty variable as unset', () => {
    const empty = Object.fromEntries(settingNames.map((name) => [name, '']));

    expect(parseConfig(empty, { cores: 4 })).toEqual(parseConfig({}, { cores: 4 }));
  });

  it('is frozen all the way down', () => {
    const config = parseConfig(kafka);

    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.process.kafka?.brokers)).toBe(true);
    expect(Object.isFrozen(config.semantics.features)).toBe(true);
  });

  it('reads Kafka with TLS and SASL, and keeps snapshots there unless told otherwise', () => {
    const { process } = parseConfig({
      ...kafka,
      KAFKA_SSL_CA: '/ca.pem',
      KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
      KAFKA_SASL_USERNAME: 'user',
      KAFKA_SASL_PASSWORD: ' spaces are kept ',
      TOPIC_REPLICATION_FACTOR: '3',
    });

    expect(process.kafka).toEqual({
      brokers: ['one:9092', 'two:9093'],
      ssl: { ca: '/ca.pem' },
      sasl: { mechanism: 'scram-sha-512', username: 'user', password: ' spaces are kept ' },
      sessionTimeoutMs: 6_000,
      transactionTimeoutMs: 60_000,
      heartbeatMs: 1_000,
      replicationFactor: 3,
    });
    expect(process.snapshotStore).toBe('kafka');
    expect(process.simulatedSensors).toBe(0);
    expect(parseConfig({ ...kafka, SNAPSHOT_STORE: 'file' }).process.snapshotStore).toBe('file');
  });

  it('reports every problem at once, with name, value and what is allowed', () => {
    const wrong = {
      WINDOW_MS: '60 000',
      WORKERS: '0',
      HTTP_PORT: '80800',
      BASELINE: 'ewma',
      ANOMALY_THRESHOLD: '1e3',
      KAFKA_BROKERS: 'localhost',
      HEARTBEAT_MS: '5000',
      FEATURES: 'count,mode',
      WINDOWS: '5 m',
      GROUP_ID: 'a/b',
    };

    const lines = problemsOf(wrong).split('\n');

    expect(lines[0]).toBe('10 settings are wrong:');
    for (const [name, value] of Object.entries(wrong)) {
      expect(lines.filter((line) => line.includes(`  ${name} is `))).toEqual([
        expect.stringContaining(value),
      ]);
    }
    for (const line of lines.slice(1)) expect(line).toContain('allowed: ');
  });

  it('reads larger windows by size and hop, in order of size, whatever the order named', () => {
    const { semantics } = parseConfig({ WINDOWS: '1h, 5m/1m,5m,1d' });

    expect(semantics.windows).toEqual([
      { name: '5m/1m', sizeMs: 300_000, hopMs: 60_000 },
      { name: '5m', sizeMs: 300_000, hopMs: 300_000 },
      { name: '1h', sizeMs: 3_600_000, hopMs: 3_600_000 },
      { name: '1d', sizeMs: 86_400_000, hopMs: 86_400_000 },
    ]);
  });

  it.each([
    ['1m', 'not longer than WINDOW_MS, 60000 ms'],
    ['90s', 'the size of 90s is no multiple of WINDOW_MS'],
    ['5m/30s', 'the hop of 5m/30s is no multiple of WINDOW_MS'],
    ['5m/2m', 'the hop of 5m/2m does not divide its size'],
    ['5m/10m', 'the hop of 5m/10m does not divide its size'],
    ['2d/1m', 'less than 1/1440 of its size'],
    ['1h,60m', '60m is 1h again'],
    ['5m,5m/5m', '5m/5m is 5m again'],
  ])('refuses the larger windows %s: %s', (text, problem) => {
    expect(problemsOf({ WINDOWS: text })).toContain(problem);
  });

  it('reports every problem of larger windows at once', () => {
    const problems = problemsOf({ WINDOWS: '90s,5m/2m,1h,60m' });

    for (const name of ['90s', '5m/2m', '60m']) expect(problems).toContain(`${name} `);
  });

  it.each(['5', '5 m', '0m', '05m', '1.5h', '5m/', '/5m', '5m/1m/1m', '367d', '5m,', '5w', '5M'])(
    'refuses %j as a larger window rather than guess',
    (text) => {
      expect(problemsOf({ WINDOWS: text })).toContain('WINDOWS is');
    },
  );

  it('refuses larger windows whose topic has another use, or no name Kafka takes', () => {
    const taken = { INPUT_TOPIC: 'a_5m', OUTPUT_TOPIC: 'a', WINDOWS: '5m' };

    expect(problemsOf(taken)).toContain(
      'WINDOWS needs the topic a_5m, which is used for something else',
    );
    expect(problemsOf({ OUTPUT_TOPIC: 'a'.repeat(239), WINDOWS: '14400m/3600m' })).toContain('249');
  });

  it('reads SILENT_AFTER as a length of time or auto, and STUCK_AFTER as a number', () => {
    const { semantics } = parseConfig({ SILENT_AFTER: '90s', STUCK_AFTER: '30' });
    expect([semantics.silentAfterMs, semantics.stuckAfter]).toEqual([90_000, 30]);
    expect(parseConfig({ SILENT_AFTER: 'auto' }).semantics.silentAfterMs).toBe('auto');
    expect(problemsOf({ SILENT_AFTER: 'soon' })).toContain('allowed: auto, or a length of time');
    expect(problemsOf({ STUCK_AFTER: '1' })).toContain('STUCK_AFTER');
    expect(problemsOf({ SILENT_AFTER: '90s', ANOMALY_EVENTS: 'off' })).toContain(
      'ANOMALY_EVENTS is off with SILENT_AFTER, STUCK_AFTER or ALARM_RESOLVE_AFTER',
    );
  });

  it('reads how long a silent sensor is remembered, and keeps every one where nothing is said', () => {
    expect(parseConfig({ SENSOR_TTL: '7d' }).semantics.sensorTtlMs).toBe(604_800_000);
    expect(parseConfig({ SENSOR_TTL: '' }).semantics.sensorTtlMs).toBe(Infinity);
  });

  it.each(['7', '0d', '1.5h', '-1d', 'never', '367d'])(
    'refuses %j as the life of a sensor rather than guess',
    (text) => {
      expect(problemsOf({ SENSOR_TTL: text })).toContain('SENSOR_TTL is');
    },
  );

  it('refuses to forget a sensor within its longest window and the delay, and says what it takes', () => {
    const windows = { WINDOWS: '1h,1d', WATERMARK_DELAY_MS: '5000' };

    expect(problemsOf({ ...windows, SENSOR_TTL: '24h' })).toContain('at least 86405000ms');
    expect(parseConfig({ ...windows, SENSOR_TTL: '86405s' }).semantics.sensorTtlMs).toBe(
      86_405_000,
    );
    expect(problemsOf({ SENSOR_TTL: '1m' })).toContain('at least 65000ms');
  });

  it.each(['1e3', '60 000', '60_000', '0x10', '+5', '-1', '1.5', '１', 'NaN', '5s', '007'])(
    'refuses %j as a whole number rather than guess',
    (text) => {
      expect(problemsOf({ WINDOW_MS: text })).toContain('WINDOW_MS is');
    },
  );

  it('returns features in the order of a row, whatever the order they were named in', () => {
    const config = parseConfig({ FEATURES: 'anomaly_rate, count' });

    expect(config.semantics.features).toEqual(['count', 'anomaly_rate']);
    expect(problemsOf({ FEATURES: 'count,count' })).toContain('FEATURES is');
  });
});

describe('relations between settings', () => {
  it.each<[string, Environment, string]>([
    ['a heartbeat fits three times into a session', { HEARTBEAT_MS: '2001' }, 'HEARTBEAT_MS'],
    [
      'SASL needs a user and a password',
      { ...kafka, KAFKA_SASL_MECHANISM: 'plain' },
      'KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD',
    ],
    [
      'a login with tokens needs their source',
      { ...kafka, KAFKA_SASL_MECHANISM: 'oauthbearer' },
      'set one of KAFKA_OAUTH_TOKEN_URL, KAFKA_OAUTH_TOKEN_FILE, KAFKA_OAUTH_MODULE',
    ],
    [
      'a login with tokens has one source',
      {
        ...{ ...kafka, KAFKA_SASL_MECHANISM: 'oauthbearer' },
        ...{ KAFKA_OAUTH_TOKEN_FILE: '/token', KAFKA_OAUTH_MODULE: '/token.mjs' },
      },
      'KAFKA_OAUTH_TOKEN_FILE and KAFKA_OAUTH_MODULE are all set',
    ],
    [
      'a login with tokens takes no password',
      {
        ...{ ...kafka, KAFKA_SASL_MECHANISM: 'oauthbearer' },
        ...{ KAFKA_OAUTH_TOKEN_FILE: '/token', KAFKA_SASL_PASSWORD: 'hunter2' },
      },
      'KAFKA_SASL_PASSWORD set with KAFKA_SASL_MECHANISM oauthbearer',
    ],
    [
      'a token endpoint needs client credentials',
      {
        ...{ ...kafka, KAFKA_SASL_MECHANISM: 'oauthbearer' },
        ...{ KAFKA_OAUTH_TOKEN_URL: 'https://idp/token', KAFKA_OAUTH_CLIENT_ID: 'service' },
      },
      'KAFKA_OAUTH_TOKEN_URL is set without KAFKA_OAUTH_CLIENT_SECRET',
    ],
    [
      'client credentials need a token endpoint',
      {
        ...{ ...kafka, KAFKA_SASL_MECHANISM: 'oauthbearer' },
        ...{ KAFKA_OAUTH_TOKEN_FILE: '/token', KAFKA_OAUTH_CLIENT_ID: 'service' },
      },
      'KAFKA_OAUTH_CLIENT_ID set without KAFKA_OAUTH_TOKEN_URL',
    ],
    [
      'settings of tokens need the mechanism',
      { ...kafka, KAFKA_OAUTH_TOKEN_FILE: '/token' },
      'KAFKA_OAUTH_TOKEN_FILE set without KAFKA_SASL_MECHANISM oauthbearer',
    ],
    [
      'SASL extensions are names with values',
      { ...kafka, KAFKA_OAUTH_EXTENSIONS: 'logicalCluster' },
      'allowed: name=value',
    ],
    [
      'Sentinels need the name of a master',
      { ...kafka, REDIS_SENTINELS: 'sentinel:26379' },
      'REDIS_SENTINELS needs REDIS_URL',
    ],
    [
      'certificates for Redis need TLS',
      { ...kafka, REDIS_URL: 'redis://redis', REDIS_TLS_CA: '/ca.pem' },
      'REDIS_TLS_CA set without an address with rediss://',
    ],
    [
      'a client certificate for Redis needs its key',
      { ...kafka, REDIS_URL: 'rediss://redis', REDIS_TLS_CERT: '/cert.pem' },
      'REDIS_TLS_CERT and REDIS_TLS_KEY need each other',
    ],
    ['TLS settings need brokers', { KAFKA_SSL: 'true' }, 'without KAFKA_BROKERS'],
    ['a certificate needs its key', { ...kafka, KAFKA_SSL_CERT: 'c' }, 'KAFKA_SSL_KEY'],
    [
      'a webhook needs its secret',
      { ALARM_WEBHOOK_URL: 'http://a', ALARM_RESOLVE_AFTER: '10m' },
      'ALARM_WEBHOOK_URL and ALARM_WEBHOOK_SECRET need each other',
    ],
    [
      'delivery needs alarms',
      { ALERTMANAGER_URL: 'http://a' },
      'ALERTMANAGER_URL set without ALARM_RESOLVE_AFTER',
    ],
    [
      'the address of a target holds no user',
      { ALERTMANAGER_URL: 'http://u:p@a', ALARM_RESOLVE_AFTER: '10m' },
      'ALERTMANAGER_URL holds a user',
    ],
    ['settings of MQTT need a broker', { MQTT_TOPIC: 'a' }, 'MQTT_TOPIC set without MQTT_URL'],
    [
      'Sparkplug needs a declaration',
      { MQTT_PAYLOAD: 'sparkplug', MQTT_URL: 'mqtt://b', MQTT_TOPIC: 'spBv1.0/#' },
      'set it to "{id: id, time: timestamp, values: values.*}"',
    ],
    [
      'Sparkplug has its own topics and ids, and no shared subscription',
      {
        ...{ MQTT_PAYLOAD: 'sparkplug', MQTT_URL: 'mqtt://b', MQTT_SENSOR_ID: '{1}' },
        ...{ MQTT_TOPIC: '$share/a/spBv1.0/#', INPUT_SCHEMA: '{id: a, time: b, value: c}' },
      },
      'begins with spBv1.0/, such as',
    ],
    ['a broker of MQTT needs a topic', { MQTT_URL: 'mqtt://b' }, 'MQTT_URL needs MQTT_TOPIC'],
    [
      'the URL of MQTT, which is logged, holds no password',
      { MQTT_URL: 'mqtt://u:p@b', MQTT_TOPIC: 'a' },
      'set MQTT_USERNAME and MQTT_PASSWORD',
    ],
    [
      'a certificate of MQTT needs its key',
      { MQTT_URL: 'mqtts://b', MQTT_TOPIC: 'a', MQTT_CERT: 'c' },
      'MQTT_CERT and MQTT_KEY',
    ],
    [
      'a CA contradicts TLS turned off',
      { ...kafka, KAFKA_SSL: 'false', KAFKA_SSL_CA: 'c' },
      'KAFKA_SSL is false',
    ],
    [
      'one Redis excludes a cluster',
      { REDIS_URL: 'redis://a', REDIS_CLUSTER_NODES: 'a:1' },
      'REDIS_CLUSTER_NODES',
    ],
    ['snapshots in Kafka need brokers', { SNAPSHOT_STORE: 'kafka' }, 'KAFKA_BROKERS'],
    [
      'an empty KAFKA_BROKERS simulates nothing into a real Redis',
      { KAFKA_BROKERS: '', REDIS_URL: 'redis://a' },
      'simulated features would be written to REDIS_URL',
    ],
    [
      'nothing is simulated into a real Redis Cluster',
      { REDIS_CLUSTER_NODES: 'a:1,b:1' },
      'simulated features would be written to REDIS_CLUSTER_NODES',
    ],
    [
      'simulated sensors never feed a real topic',
      { ...kafka, SIMULATED_SENSORS: '1' },
      'SIMULATED_SENSORS',
    ],
    ['output is not input', { OUTPUT_TOPIC: 'raw_readings' }, 'OUTPUT_TOPIC'],
    ['output is not the dead letters', { OUTPUT_TOPIC: 'raw_readings.dlq' }, 'OUTPUT_TOPIC'],
    ['anomalies are not rows', { ANOMALY_TOPIC: 'sensor_features' }, 'ANOMALY_TOPIC'],
    ['input is not the anomalies', { INPUT_TOPIC: 'sensor_anomalies' }, 'ANOMALY_TOPIC'],
    [
      'no alarms are promised where none are raised',
      { BASELINE: 'cumulative', ANOMALY_EVENTS: 'alarms' },
      'ANOMALY_EVENTS',
    ],
    ['input is not the journal', { INPUT_TOPIC: 'sensor_journal' }, 'INPUT_TOPIC'],
    ['the warm-up leaves a variance', { BASELINE: 'cumulative', ANOMALY_WARMUP: '1' }, 'WARMUP'],
  ])('%s', (_law, env, expected) => {
    expect(problemsOf(env)).toContain(expected);
  });

  it('simulates beside a real Redis once that is said', () => {
    const redis = { REDIS_URL: 'redis://a' };

    expect(parseConfig({ ...redis, SIMULATED_SENSORS: '3' }).process.simulatedSensors).toBe(3);
    expect(parseConfig({ ...redis, SIMULATED_SENSORS: '0' }).process.simulatedSensors).toBe(0);
  });

  it('simulates no sensors where something else feeds the embedded log', () => {
    const mqtt = { MQTT_URL: 'mqtt://b', MQTT_TOPIC: 'a' };

    expect(parseConfig(mqtt).process.simulatedSensors).toBe(0);
    expect(parseConfig({ ...mqtt, REDIS_URL: 'redis://r' }).process.simulatedSensors).toBe(0);
    expect(parseConfig({ HTTP_WRITE_TOKEN: 'w' }).process.simulatedSensors).toBe(0);
    expect(parseConfig({ ...mqtt, SIMULATED_SENSORS: '3' }).process.simulatedSensors).toBe(3);
  });

  it('judges no relation between settings that are wrong by themselves', () => {
    expect(problemsOf({ HEARTBEAT_MS: '9000', SESSION_TIMEOUT_MS: 'long' })).toMatch(
      /^SESSION_TIMEOUT_MS is "long"; allowed: .*$/,
    );
  });
});

describe('the address of Redis', () => {
  it.each(['redis://a', 'redis://a/', 'redis://a:1/15', 'rediss://u:p%40@a:1/0'])(
    'may be %s',
    (REDIS_URL) => {
      expect(problemsOf({ ...kafka, REDIS_URL })).toBe('');
    },
  );

  it.each(['redis://a/x', 'redis://a/1/2', 'redis://a/-1', 'redis://a?db=3', 'redis://a/1#2'])(
    'may not be %s',
    (REDIS_URL) => {
      expect(problemsOf({ ...kafka, REDIS_URL })).toContain('host[:port][/number]');
    },
  );

  it('names no database of a Cluster, which has only one', () => {
    const cluster = (REDIS_CLUSTER_NODES: string): string =>
      problemsOf({ ...kafka, REDIS_CLUSTER_NODES });

    expect(cluster('redis://a:1/0,b:2')).toBe('');
    expect(cluster('redis://a:1/1')).toContain('REDIS_CLUSTER_NODES');
  });
});

describe('secrets', () => {
  it('show in no error', () => {
    const message = problemsOf({
      KAFKA_SASL_PASSWORD: 'hunter2\0',
      REDIS_URL: 'http://:hunter2@host',
      REDIS_CLUSTER_NODES: 'redis://:hunter2@',
      HTTP_TOKEN: 'hunter2\0',
      KAFKA_SSL_KEY: 'hunter2\0',
      KAFKA_BROKERS: 'redis://user:hunter2@host',
      ADVERTISED_URL: 'user:hunter2@host',
    });

    expect(message.split('\n')).toHaveLength(8);
    expect(message).not.toContain('hunter2');
  });
});

describe('names that are nearly a setting', () => {
  it.each([
    ['WORKER', 'WORKERS'],
    ['KAFKA_BROKER', 'KAFKA_BROKERS'],
    ['KAFKA_BOOTSTRAP_SERVERS', 'KAFKA_BROKERS'],
    ['windows_ms', 'WINDOW_MS'],
    ['REDIS_URI', 'REDIS_URL'],
  ])('%s is taken for %s', (name, meant) => {
    expect(misspeltSettings([name])).toEqual([`${name} is not a setting; did you mean ${meant}?`]);
  });

  it('are not seen in settings themselves or in what other programs set', () => {
    const others = [
      'PATH',
      'HOME',
      'HTTP_PROXY',
      'REDIS_PORT',
      'KAFKA_HEAP_OPTS',
      'LANG',
      'WINDOWID',
    ];

    expect(misspeltSettings([...settingNames, ...others])).toEqual([]);
  });
});

describe('the table of settings', () => {
  it('is what docs/configuration.md holds (vitest -u writes it)', async () => {
    // Formatted as the format check wants it, or the two checks would contradict each other.
    const page = await format(settingsMarkdown(), {
      parser: 'markdown',
      proseWrap: 'always',
      printWidth: 120,
    });

    await expect(page).toMatchFileSnapshot('../../docs/configuration.md');
  });

  it('names every setting in --help, within 100 columns', () => {
    const help = settingsHelp();

    for (const name of settingNames) expect(help).toContain(`\n  ${name} `);
    expect(Math.max(...help.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  it('says for each what it means and what is allowed', () => {
    for (const name of settingNames) {
      expect(settings[name].meaning, name).toMatch(/\.$/);
      expect(settings[name].expected, name).not.toBe('');
      expect(settings[name].unsetText, name).not.toBe('');
    }
  });
});
