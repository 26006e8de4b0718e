// Records of registered schemas through the built program: written by Confluent's own serializers,
// described by a real registry, which is stopped and lacks schemas on the way.
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import { decodeAnomaly } from '../../src/codecs/anomaly.ts';
import { decodeFeatureRow } from '../../src/codecs/feature-row.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { openTestLog } from '../integration/peers.ts';
import { Programs, semanticsEnv } from '../integration/pipeline.ts';
import { eventually, runProgram } from '../integration/program.ts';
import { createTestTopics, readTopic, type TestTopics } from '../integration/topics.ts';
import {
  startRegistry,
  startSerializers,
  type Registry,
  type Serializers,
} from './registry-services.ts';

const brokers = inject('kafkaBrokers');
const redisUrl = inject('redisUrl');
const folder = inject('registryFolder');
const python = inject('serializersPython');

const declaration = `
format: registry
id: device.serial
time: device.seen
time_unit: s
values: [temperature, pressure, state, energy]
value_types: [number, boolean]
`;

/** A schema as a producer may have it; `extra` makes another one that means the same. */
const schemaOf = (extra: string): string =>
  JSON.stringify({
    ...{ type: 'record', name: `Reading${extra}`, namespace: 'plant' },
    fields: [
      { name: 'note', type: ['null', { type: 'array', items: 'string' }], default: null },
      {
        name: 'device',
        type: {
          ...{ type: 'record', name: 'Device' },
          fields: [
            { name: 'mac', type: { type: 'fixed', name: 'Mac', size: 6 } },
            { name: 'serial', type: ['long', 'string'] },
            { name: 'seen', type: { type: 'long', logicalType: 'timestamp-micros' } },
          ],
        },
      },
      { name: 'temperature', type: ['null', 'int', 'double', 'string'] },
      { name: 'pressure', type: ['null', 'float'] },
      { name: 'state', type: { type: 'enum', name: 'State', symbols: ['off', 'on'] } },
      {
        name: 'energy',
        type: { type: 'bytes', logicalType: 'decimal', precision: 12, scale: 3 },
      },
      { name: 'tags', type: { type: 'map', values: 'string' } },
    ],
  });

const draft7 = 'http://json-schema.org/draft-07/schema#';
const startMs = Math.floor(Date.now() / 10_000) * 10_000 - 600_000;

const readingOf = (serial: string, temperature: number | null): object => ({
  note: ['checked'],
  // The serializer takes whole microseconds.
  device: { mac: { $hex: '0a1b2c3d4e5f' }, serial, seen: (startMs + 123) * 1_000 },
  temperature,
  pressure: 1.5,
  state: 'on',
  energy: { $decimal: '-12.345' },
  tags: { line: 'a' },
});

const available = [brokers, redisUrl, folder, python].every((value) => value !== '');

describe.skipIf(!available)('records of registered schemas', () => {
  let log: EventLog;
  let registry: Registry;
  let serializers: Serializers;
  const programs = new Programs();

  beforeAll(async () => {
    log = await openTestLog(brokers);
    registry = await startRegistry(folder);
    serializers = startSerializers(python, registry.url);
  });
  afterEach(() => programs.killAll());
  afterAll(async () => {
    await log.close();
    registry.thaw();
    await serializers.stop();
    await registry.stop();
  });

  const env = (topics: TestTopics): Record<string, string> => ({
    ...semanticsEnv,
    ...topics.env,
    REDIS_URL: `${redisUrl}/6`,
    INPUT_SCHEMA: declaration,
    SCHEMA_REGISTRY_URL: registry.url,
    SNAPSHOT_INTERVAL_MS: '1000',
  });
  const avro = (topics: TestTopics, extra: string, value: object): Promise<Buffer> => {
    const [topic, schema] = [`${topics.input}${extra}`, schemaOf(extra)];
    return serializers.serialize({ kind: 'avro', topic, schema, value });
  };
  const append = (topics: TestTopics, key: string | null, value: Buffer): Promise<unknown> =>
    log.append([{ topic: topics.input, key: key === null ? null : Buffer.from(key), value }]);
  const averages = async (topics: TestTopics): Promise<Record<string, number>> => {
    const rows = [...(await readTopic(log, topics.output)).values()].flat();
    return Object.fromEntries(
      rows.map(({ value }) => {
        const row = JSON.parse(value ?? '') as {
          sensor_id: string;
          window_start: number;
          features: { avg_value: number };
        };
        expect(row.window_start).toBe(startMs);
        return [row.sensor_id, row.features.avg_value];
      }),
    );
  };
  const reasons = async (topics: TestTopics): Promise<readonly string[]> => {
    const letters = [...(await readTopic(log, topics.deadLetters)).values()].flat();
    return letters.map(({ headers }) => String(headers.get('dlq.reason'))).sort();
  };
  const soon = (attempt: () => Promise<void>): Promise<void> =>
    eventually(attempt, { timeoutMs: 40_000, onTimeout: () => programs.output() });

  it('Avro of any schema is read through the declaration, keyed by its device or not', async () => {
    const topics = await createTestTopics(log, brokers, 2);
    await append(topics, '17', await avro(topics, '', readingOf('17', 21.5)));
    await append(topics, 'gateway', await avro(topics, '', readingOf('18', null)));

    await programs.start(topics, env(topics));

    await soon(async () => {
      expect(await averages(topics)).toEqual({
        ...{ '17/temperature': 21.5, '17/pressure': 1.5, '17/state': 1, '17/energy': -12.345 },
        ...{ '18/pressure': 1.5, '18/state': 1, '18/energy': -12.345 },
      });
    });
    expect(await reasons(topics)).toEqual([]);
  });

  it('Protobuf of any message of a file with imports is read, and JSON beside it', async () => {
    const topics = await createTestTopics(log, brokers, 1);
    const seen = new Date(startMs + 123).toISOString();
    const proto = await serializers.serialize({
      ...{ kind: 'protobuf', topic: `${topics.input}-proto`, message: 'plant.v1.Batch.Reading' },
      schema: `
        syntax = "proto3";
        package plant.v1;
        import "device.proto";
        import "google/protobuf/wrappers.proto";
        message First { int32 a = 1; }
        message Batch {
          message Reading {
            plant.common.Device device = 1;
            double temperature = 2;
            google.protobuf.DoubleValue pressure = 3;
            bool state = 4;
            optional double energy = 5;
          }
        }`,
      imports: {
        'device.proto': `
          syntax = "proto3";
          package plant.common;
          import "google/protobuf/timestamp.proto";
          message Device { int64 serial = 1; google.protobuf.Timestamp seen = 2; }`,
      },
      value: { device: { serial: '31', seen }, pressure: 1.5, state: true },
    });
    const json = await serializers.serialize({
      ...{ kind: 'json', topic: `${topics.input}-json` },
      schema: JSON.stringify({ $schema: draft7, title: 'Reading', type: 'object' }),
      value: { device: { serial: 32, seen: (startMs + 123) / 1_000 }, temperature: 4.5 },
    });
    expect([json[0], json[5]]).toEqual([0, 0x7b]);
    await append(topics, '31', proto);
    await append(topics, '32', json);

    await programs.start(topics, env(topics));

    await soon(async () => {
      expect(await averages(topics)).toEqual({
        ...{ '31/temperature': 0, '31/pressure': 1.5, '31/state': 1, '32/temperature': 4.5 },
      });
    });
    expect(await reasons(topics)).toEqual([]);
  });

  it('a schema that the registry lacks is a dead letter until it is registered, and replay agrees', async () => {
    const topics = await createTestTopics(log, brokers, 1);
    const known = await avro(topics, 'Known', readingOf('1', 1));
    const next = Buffer.from(known);
    next.writeUInt32BE(known.readUInt32BE(1) + 1, 1);
    await append(topics, '1', next);
    await append(topics, '1', known.subarray(0, 20));

    const program = await programs.start(topics, env(topics));
    await soon(async () => {
      expect(await reasons(topics)).toEqual(['schema_mismatch', 'schema_unknown']);
    });
    const later = await avro(topics, 'Later', readingOf('2', 2));
    expect(later.readUInt32BE(1)).toBe(next.readUInt32BE(1));
    await soon(async () => {
      const scraped = await (await fetch(`${program.url}/metrics`)).text();
      expect(scraped).toMatch(/sensorium_decisions_total\{kind="schema"\} 2/);
    });
    await append(topics, '2', later);
    await soon(async () => expect((await averages(topics))['2/temperature']).toBe(2));

    const audit = await runProgram(['audit'], env(topics));
    expect(audit.exitCode, audit.output).toBe(0);
  });

  it('a registry that is away stops nobody whose schemas are loaded, and is waited for by others', async () => {
    const topics = await createTestTopics(log, brokers, 2);
    const topic = topics.input;
    const at = (partition: number, key: string, value: Buffer): Promise<unknown> =>
      log.append([{ topic, partition, key: Buffer.from(key), value }]);
    const known = await avro(topics, 'Loaded', readingOf('1', 1));
    const other = await avro(topics, 'Other', readingOf('3', 3));
    await at(0, '1', known);
    await at(1, '2', await avro(topics, 'Loaded', readingOf('2', 2)));
    const program = await programs.start(topics, { ...env(topics), WORKERS: '1' });
    await soon(async () => {
      expect(await averages(topics)).toMatchObject({ '1/temperature': 1, '2/temperature': 2 });
    });

    registry.freeze();
    await at(1, '3', other);
    await at(0, '1', known);

    await soon(async () => {
      // Late by now: it was read without asking anyone.
      expect(await reasons(topics)).toContain('late');
      const scraped = await (await fetch(`${program.url}/metrics`)).text();
      expect(scraped).toMatch(/sensorium_schema_wait_seconds\{[^}]*partition="1"[^}]*\} [1-9]/);
    });
    expect(Object.keys(await averages(topics))).not.toContain('3/temperature');
    registry.thaw();
    await soon(async () => {
      expect((await reasons(topics)).filter((reason) => reason !== 'late')).toEqual([]);
      const scraped = await (await fetch(`${program.url}/metrics`)).text();
      expect(scraped).not.toMatch(/sensorium_schema_wait_seconds\{/);
    });
  });

  const outputs = (topics: TestTopics): Record<string, string> => ({
    ...env(topics),
    INPUT_SCHEMA: '',
    REDIS_URL: '',
    OUTPUT_FORMAT: 'avro',
    ANOMALY_EVENTS: 'all',
  });
  const values = async (topic: string): Promise<readonly Buffer[]> => {
    const found: Buffer[] = [];
    for await (const batch of log.read({ topic, partition: 0, from: 0, settledOnly: true })) {
      const record = batch.records();
      while (record.next()) {
        found.push(Buffer.from(record.bytes.subarray(record.valueStart, record.valueEnd)));
      }
    }
    return found;
  };

  it('outputs in Avro have registered schemas, which other clients and our own read', async () => {
    const topics = await createTestTopics(log, brokers, 1);
    const normal = Array.from({ length: 60 }, (_, index) => 20 + (index % 2));
    for (const [index, value] of [...normal, 900].entries()) {
      const timestamp = startMs + 100 * index;
      const reading = JSON.stringify({ sensor_id: 's', timestamp, value });
      await append(topics, 's', Buffer.from(reading));
    }

    await programs.start(topics, outputs(topics));

    await soon(async () => {
      const [[row], [anomaly]] = [await values(topics.output), await values(topics.anomalies)];
      if (row === undefined || anomaly === undefined) throw new Error('nothing is written yet');
      expect(await serializers.deserialize(topics.output, row)).toEqual(decodeFeatureRow(row));
      expect(await serializers.deserialize(topics.anomalies, anomaly)).toEqual(
        decodeAnomaly(anomaly),
      );
    });
    const consumed = await runProgram(
      ['consume', '--from-beginning', '--json', '--limit', '1'],
      outputs(topics),
    );
    expect(consumed.output).toContain('"sensor_id":"s"');
  });

  it('a start is refused whose schema does not fit its subject, or without the registry', async () => {
    const topics = await createTestTopics(log, brokers, 1);
    const url = `${registry.url}/subjects/${topics.output}-value/versions`;
    const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' };
    await fetch(url, { method: 'POST', headers, body: JSON.stringify({ schema: '"long"' }) });
    await fetch(`${registry.url}/config/${topics.output}-value`, {
      ...{ method: 'PUT', headers, body: '{"compatibility":"BACKWARD"}' },
    });

    const refused = await runProgram(['run'], outputs(topics));
    const away = { ...outputs(topics), SCHEMA_REGISTRY_URL: 'http://127.0.0.1:9' };
    const alone = await runProgram(['run'], away);

    expect(refused.output).toContain(`refuses the schema of subject ${topics.output}-value`);
    expect(alone.output).toContain('needs the registry at the start');
    expect([refused.exitCode, alone.exitCode]).toEqual([1, 1]);
  });
});
