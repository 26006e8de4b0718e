// Measures how fast messages of MQTT reach the log: mosquitto holds a backlog for a persistent
// session, which the program's own intake then takes into an embedded log. Throughput is from the
// connection to the last acknowledgement; CPU is that of this process alone.
//   node bench/mqtt.mjs [--messages 20000] [--runs 3] [--name mqtt]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { connectAsync } from 'mqtt';
import protobuf from 'protobufjs';
import { createMqttReadings } from '../dist/cli/mqtt-readings.js';
import { systemClock } from '../dist/clock.js';
import { parseConfig } from '../dist/config/config.js';
import { openEmbeddedLog } from '../dist/log/embedded/embedded-log.js';
import { createLogger } from '../dist/logger.js';
import { report, spread } from './result.mjs';

const { values: flags } = parseArgs({
  options: {
    messages: { type: 'string', default: '20000' },
    runs: { type: 'string', default: '3' },
    // Of the result; '' writes none.
    name: { type: 'string', default: 'mqtt' },
  },
});
const messages = Number(flags.messages);
const port = 21_883;
const url = `mqtt://127.0.0.1:${port}`;
const metricsPerMessage = 8;

const { root } = protobuf.parse(`
  syntax = "proto2";
  message Payload { optional uint64 timestamp = 1; repeated Metric metrics = 2; optional uint64 seq = 3; }
  message Metric { optional string name = 1; optional uint64 alias = 2; optional uint32 datatype = 4;
    optional double double_value = 13; }`);
const payloadType = root.lookupType('Payload');
const sparkplug = (seq, metrics) =>
  Buffer.from(payloadType.encode({ timestamp: Date.now(), seq, metrics }).finish());
const named = Array.from({ length: metricsPerMessage }, (_, alias) => ({
  ...{ name: `metric_${alias}`, alias, datatype: 10, doubleValue: 20 + alias },
}));

const number = {
  settings: { MQTT_TOPIC: 'factory/+/sensor/+', MQTT_SENSOR_ID: '{1}/{2}' },
  inFlight: 1_000,
  first: [],
  message: (i) => [`factory/n${i % 10}/sensor/${i % 1_000}`, String(20 + (i % 50) / 10)],
};
const kinds = {
  'a bare number': number,
  // The default of mosquitto: it waits for an append after each 20.
  'a bare number, 20 in flight': { ...number, inFlight: 20 },
  'Sparkplug, 8 metrics by alias': {
    inFlight: 1_000,
    settings: {
      ...{ MQTT_TOPIC: 'spBv1.0/plant/#', MQTT_PAYLOAD: 'sparkplug' },
      INPUT_SCHEMA: '{id: id, time: timestamp, values: values.*}',
    },
    first: [
      ['spBv1.0/plant/NBIRTH/press', sparkplug(0, [])],
      ['spBv1.0/plant/DBIRTH/press/oil', sparkplug(1, named)],
    ],
    message: (i) => [
      'spBv1.0/plant/DDATA/press/oil',
      sparkplug(
        (i + 2) % 256,
        named.map(({ alias }) => ({ alias, doubleValue: 20 + ((i + alias) % 50) / 10 })),
      ),
    ],
  },
};

const measured = [];
for (const [kind, made] of Object.entries(kinds)) {
  const runs = [];
  for (let run = 0; run < Number(flags.runs); run += 1) runs.push(await measure(made));
  measured.push({
    kind,
    messagesPerSecond: spread(
      runs.map((one) => one.messagesPerSecond),
      0,
    ),
    microsPerMessage: spread(
      runs.map((one) => one.micros),
      1,
    ),
  });
}
const workload = { messages, runs: Number(flags.runs), metricsPerMessage };
if (flags.name === '') process.stdout.write(`${JSON.stringify(measured, null, 2)}\n`);
else report(flags.name, { workload, measured });

/** Takes a backlog of messages once, with a broker and a log of its own. */
async function measure({ first, inFlight, message, settings }) {
  const folder = mkdtempSync(join(tmpdir(), 'sensorium-bench-mqtt-'));
  const file = join(folder, 'mosquitto.conf');
  const lines = [`listener ${port} 127.0.0.1`, 'allow_anonymous true', 'max_queued_messages 0'];
  lines.push(`max_inflight_messages ${inFlight}`);
  writeFileSync(file, `${lines.join('\n')}\n`);
  const broker = spawn('/usr/sbin/mosquitto', ['-c', file], { stdio: 'ignore' });
  await sleep(1_000);
  const logger = createLogger('fatal');
  const log = openEmbeddedLog({ dataDir: join(folder, 'data'), clock: systemClock, logger });
  const topics = ['raw_readings', 'raw_readings.births', 'sensor_anomalies'];
  await log.ensureTopics(
    topics.map((topic) => ({ topic, partitions: topic.endsWith('births') ? 1 : 4 })),
  );
  const config = parseConfig({ MQTT_URL: url, ...settings });
  const opened = () => createMqttReadings({ clock: systemClock, config, log, logger });
  const value = async (counter) => (await counter.get()).values[0].value;
  try {
    // The session is there from now on: what comes next waits for it.
    const before = opened();
    await before.start();
    while ((await value(before.metrics.connected)) !== 1) await sleep(10);
    await sleep(200);
    await before.close();
    const publisher = await connectAsync(url);
    const sent = Array.from({ length: messages }, (_, i) => message(i));
    await Promise.all(
      [...first, ...sent].map(([to, payload]) => publisher.publishAsync(to, payload, { qos: 1 })),
    );
    await publisher.endAsync();
    const total = messages + first.length;
    const intake = opened();
    const beganMs = performance.now();
    const began = process.cpuUsage();
    await intake.start();
    while ((await value(intake.metrics.acknowledged)) < total) await sleep(20);
    const { system, user } = process.cpuUsage(began);
    const seconds = (performance.now() - beganMs) / 1_000;
    await intake.close();
    return { messagesPerSecond: total / seconds, micros: (user + system) / total };
  } finally {
    await log.close();
    broker.kill('SIGKILL');
    await once(broker, 'exit');
    rmSync(folder, { recursive: true });
  }
}
