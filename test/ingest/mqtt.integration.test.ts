// MQTT against Debian's mosquitto: the broker and the program are killed under load, and nothing
// that was acknowledged to the publisher is missing in the log.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';

import {
  createMqttReadings,
  type MqttParts,
  type MqttReadings,
} from '../../src/cli/mqtt-readings.ts';
import { mqttChecks } from '../../src/cli/doctor-mqtt.ts';
import { systemClock } from '../../src/clock.ts';
import { parseConfig, type Config } from '../../src/config/config.ts';
import { deferred } from '../../src/deferred.ts';
import { openMqttSession, type MqttMessage } from '../../src/ingest/mqtt-session.ts';
import { openEmbeddedLog } from '../../src/log/embedded/embedded-log.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { createLogger } from '../../src/logger.ts';
import { eventually, startProgram } from '../integration/program.ts';
import { readTopic } from '../integration/topics.ts';
import { keepingLogger, type LoggedLine } from '../supervisor/keeping-logger.ts';
import { clientTls, makeCertificates } from './certificates.ts';
import { createMosquitto, hasMosquitto, type Mosquitto } from './mosquitto.ts';
import { startPublisher, type Publisher } from './publisher.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function broker(settings: readonly string[] = []): Promise<Mosquitto> {
  const mosquitto = await createMosquitto(settings);
  await mosquitto.start();
  closers.push(() => mosquitto.kill());
  return mosquitto;
}

async function publisherAt(url: string): Promise<Publisher> {
  const publisher = await startPublisher(url);
  closers.push(() => publisher.close());
  return publisher;
}

async function inputLog(): Promise<{ log: EventLog; dataDir: string }> {
  const dataDir = mkdtempSync(join(tmpdir(), 'sensorium-mqtt-'));
  const logger = createLogger('fatal');
  const log = openEmbeddedLog({ dataDir, clock: systemClock, logger });
  await log.ensureTopics([{ topic: 'raw_readings', partitions: 4 }]);
  closers.push(() => log.close());
  return { log, dataDir };
}

const parsedConfig = (url: string, settings: Readonly<Record<string, string>>): Config =>
  parseConfig({
    ...{ MQTT_URL: url, MQTT_TOPIC: 'factory/+/sensor/+', MQTT_SENSOR_ID: '{1}/{2}', ...settings },
  });

async function startedReadings(
  url: string,
  log: MqttParts['log'],
  options: { settings: Readonly<Record<string, string>>; lines?: LoggedLine[] },
): Promise<MqttReadings> {
  const { settings, lines } = options;
  const config = parsedConfig(url, settings);
  const mqtt = createMqttReadings({
    clock: systemClock,
    config,
    log,
    logger: keepingLogger(lines),
  });
  if (mqtt === undefined) throw new Error('MQTT_URL is set');
  await mqtt.start();
  closers.push(() => mqtt.close());
  return mqtt;
}

async function readings(
  url: string,
  log: MqttParts['log'],
  settings: Readonly<Record<string, string>> = {},
): Promise<MqttReadings> {
  const mqtt = await startedReadings(url, log, { settings });
  await eventually(
    async () => expect((await mqtt.metrics.connected.get()).values[0]?.value).toBe(1),
    { timeoutMs: 10_000 },
  );
  return mqtt;
}

interface Logged {
  readonly key: string | null;
  readonly value: number;
}

const logged = async (log: EventLog): Promise<readonly Logged[]> =>
  [...(await readTopic(log, 'raw_readings')).values()].flat().map(({ key, value }) => ({
    key,
    value: (JSON.parse(value ?? '') as { value: number }).value,
  }));

describe.skipIf(!hasMosquitto)('messages of mosquitto', () => {
  it.each(['5', '3.1.1'])(
    'are acknowledged once the log has them, many at a time (MQTT %s)',
    async (version) => {
      const { url } = await broker(['max_inflight_messages 50']);
      const { log } = await inputLog();
      const gate = deferred<void>();
      closers.push(async () => gate.resolve());
      const appends: number[] = [];
      const held: MqttParts['log'] = {
        offsets: (partition) => log.offsets(partition),
        read: (partition) => log.read(partition),
        append: async (records) => {
          appends.push(records.length);
          await gate.promise;
          return log.append(records);
        },
      };
      // MQTT 5 tells the broker this bound; before, the broker's own holds.
      const settings = { MQTT_VERSION: version, MQTT_IN_FLIGHT_MAX: '50' };
      const first = await readings(url, held, settings);
      const publisher = await publisherAt(url);
      await Promise.all(Array.from({ length: 120 }, () => publisher.publish()));
      const received = async (mqtt: MqttReadings): Promise<number> =>
        (await mqtt.metrics.messages.get()).values[0]?.value ?? 0;
      await eventually(async () => expect(await received(first)).toBe(50), { timeoutMs: 5_000 });

      // Nothing was acknowledged: the session has all of them still.
      const gone = first.close();
      gate.resolve();
      await gone;
      const before = (await logged(log)).length;
      const second = await readings(url, log, settings);

      await eventually(
        async () => {
          const values = new Set((await logged(log)).map(({ value }) => value));
          expect(values.size).toBe(120);
        },
        { timeoutMs: 10_000 },
      );
      expect(await received(second)).toBeGreaterThanOrEqual(120 - before);
      expect(appends.length).toBeLessThan(10);
      expect((await logged(log)).map(({ key }) => key)).toContain('n0/0');
    },
  );

  it('are not acknowledged on another connection than they came on', async () => {
    const mosquitto = await broker();
    const publisher = await publisherAt(mosquitto.url);
    const taken: MqttMessage[] = [];
    let connections = 0;
    const session = openMqttSession(
      {
        ...{ url: mosquitto.url, username: undefined, password: undefined, tls: undefined },
        ...{ clientId: 'stale', version: '5', filter: 'factory/#', inFlightMax: 10 },
        logger: keepingLogger(),
      },
      {
        onMessage: (message) => taken.push(message),
        whenRoom: () => undefined,
        onConnected: (isConnected) => (connections += isConnected ? 1 : 0),
      },
    );
    closers.push(() => session.close());
    await expect.poll(() => connections, { timeout: 5_000 }).toBe(1);
    await publisher.publish();
    await expect.poll(() => taken.length, { timeout: 5_000 }).toBe(1);

    await mosquitto.save();
    await mosquitto.kill();
    await mosquitto.start();
    await expect.poll(() => taken.length, { timeout: 10_000 }).toBe(2);
    taken[0]?.acknowledge();
    await publisher.publish();
    await expect.poll(() => taken.length, { timeout: 10_000 }).toBe(3);
    await mosquitto.save();
    await mosquitto.kill();
    await mosquitto.start();

    await expect.poll(() => taken.length, { timeout: 10_000 }).toBe(5);
    const payloads = taken.map(({ payload }) => Buffer.from(payload).toString());
    expect(payloads).toEqual(['0', '0', '1', '0', '1']);
  });

  it('come over TLS with a client certificate and a password, and with neither of them wrong', async () => {
    const certificates = makeCertificates();
    const { ca, client, server } = certificates;
    const folder = mkdtempSync(join(tmpdir(), 'sensorium-mqtt-users-'));
    const users = join(folder, 'users');
    execFileSync('mosquitto_passwd', ['-b', '-c', users, 'sensorium', 'secret']);
    const { url: plain } = await broker([
      ...[`cafile ${ca}`, `certfile ${server.cert}`, `keyfile ${server.key}`],
      ...['require_certificate true', 'allow_anonymous false', `password_file ${users}`],
    ]);
    const url = plain.replace('mqtt:', 'mqtts:');
    const password = join(folder, 'password');
    writeFileSync(password, 'secret\n');
    const right = {
      ...{ MQTT_CA: ca, MQTT_CERT: client.cert, MQTT_KEY: readFileSync(client.key, 'utf8') },
      ...{ MQTT_USERNAME: 'sensorium', MQTT_PASSWORD_FILE: password },
    };
    const { log } = await inputLog();
    await readings(url, log, right);
    const login = { username: 'sensorium', password: 'secret' };
    const publisher = await startPublisher(url, { ...clientTls(certificates), ...login });
    closers.push(() => publisher.close());
    await publisher.publish();
    await eventually(async () => expect(await logged(log)).toHaveLength(1), { timeoutMs: 5_000 });

    const doctor = async (settings: Readonly<Record<string, string>>): Promise<string> => {
      const checks = await mqttChecks(parsedConfig(url, settings), systemClock).catch(String);
      return typeof checks === 'string' ? checks : checks.map(({ found }) => found).join();
    };
    expect(await doctor(right)).toMatch(/, factory\/\+\/sensor\/\+, subscribed in \d+ ms$/);

    for (const wrong of [
      { MQTT_PASSWORD_FILE: '', MQTT_PASSWORD: 'other' },
      { MQTT_CERT: '', MQTT_KEY: '' },
      { MQTT_CA: '' },
    ]) {
      expect(await doctor({ ...right, ...wrong })).toMatch(/refuses the connection: /);
      const lines: LoggedLine[] = [];
      const settings = { ...right, ...wrong, MQTT_CLIENT_ID: 'wrong' };
      const mqtt = await startedReadings(url, log, { settings, lines });
      await expect.poll(() => lines.length, { timeout: 5_000 }).toBeGreaterThan(0);
      expect((await mqtt.metrics.connected.get()).values[0]?.value).toBe(0);
      expect(JSON.stringify(lines)).not.toContain('other');
    }
  });

  it('come with the certificate that the files hold at each connection', async () => {
    const certificates = makeCertificates();
    const { ca, client, server } = certificates;
    const mosquitto = await broker([
      ...[`cafile ${ca}`, `certfile ${server.cert}`, `keyfile ${server.key}`],
      ...['require_certificate true', 'use_identity_as_username true'],
    ]);
    const url = mosquitto.url.replace('mqtt:', 'mqtts:');
    const { log } = await inputLog();
    const used = mkdtempSync(join(tmpdir(), 'sensorium-mqtt-rotated-'));
    const put = (pair: { readonly cert: string; readonly key: string }): void => {
      copyFileSync(pair.cert, join(used, 'crt'));
      copyFileSync(pair.key, join(used, 'key'));
    };
    put(client);
    const lines: LoggedLine[] = [];
    const mqtt = await startedReadings(url, log, {
      settings: { MQTT_CA: ca, MQTT_CERT: join(used, 'crt'), MQTT_KEY: join(used, 'key') },
      lines,
    });
    const isConnected = async (): Promise<number | undefined> =>
      (await mqtt.metrics.connected.get()).values[0]?.value;
    await expect.poll(isConnected, { timeout: 5_000 }).toBe(1);

    put(server);
    await mosquitto.kill();
    await expect.poll(isConnected, { timeout: 5_000 }).toBe(0);
    await mosquitto.start();

    await expect.poll(isConnected, { timeout: 10_000 }).toBe(1);
    const messages = lines.map(({ message }) => message);
    expect(messages).toContain('the certificates of MQTT were read again');
  });

  it('survive kill -9 of the program and of the broker under load, as far as the broker had saved', async () => {
    const mosquitto = await broker();
    const publisher = await publisherAt(mosquitto.url);
    const dataDir = mkdtempSync(join(tmpdir(), 'sensorium-mqtt-killed-'));
    const env = {
      ...{ DATA_DIR: dataDir, MQTT_URL: mosquitto.url, WORKERS: '1' },
      ...{ MQTT_TOPIC: 'factory/+/sensor/+', MQTT_SENSOR_ID: '{1}/{2}' },
    };
    const first = await startProgram(env);
    await first.ready();
    const stopLoad = publisher.load();

    await publisher.acknowledgedMore(500);
    await first.kill();
    await publisher.acknowledgedMore(200);
    const second = await startProgram(env);
    closers.push(() => second.kill());
    await second.ready();
    for (let kill = 0; kill < 2; kill += 1) {
      await publisher.acknowledgedMore(300);
      const saved = publisher.acknowledged().length;
      await mosquitto.save();
      await mosquitto.kill();
      // Acknowledgements that it had not saved are lost with it, whoever listens.
      publisher.forgetFrom(saved);
      await mosquitto.start();
    }
    await publisher.acknowledgedMore(100);
    await stopLoad();

    const logger = createLogger('fatal');
    const log = openEmbeddedLog({ dataDir, clock: systemClock, logger, access: 'read' });
    closers.push(() => log.close());
    const acknowledged = publisher.acknowledged();
    await eventually(
      async () => {
        const values = new Set((await logged(log)).map(({ value }) => value));
        expect(acknowledged.filter((value) => !values.has(value))).toEqual([]);
      },
      { timeoutMs: 20_000, onTimeout: () => second.output() },
    );
    expect(acknowledged.length).toBeGreaterThan(1_300);
    expect(await second.stop()).toBe(0);
  });
});
