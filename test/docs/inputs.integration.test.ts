// The gallery of docs/inputs.md through the built program on a real Kafka, and `inspect --topic` on
// its records.
import { spawnSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import type { EventLog } from '../../src/log/event-log.ts';
import { openTestLog } from '../integration/peers.ts';
import { Programs } from '../integration/pipeline.ts';
import { eventually } from '../integration/program.ts';
import { createTestTopics, readTopic, type TestTopics } from '../integration/topics.ts';
import {
  startRegistry,
  startSerializers,
  type Registry,
  type Serializers,
} from '../registry/registry-services.ts';
import { readGallery, type GalleryEntry } from './gallery.ts';

const brokers = inject('kafkaBrokers');
const redisUrl = inject('redisUrl');
const folder = inject('registryFolder');
const python = inject('serializersPython');
const gallery = readGallery();

describe.skipIf(brokers === '' || redisUrl === '')('on a real Kafka', () => {
  let log: EventLog;
  const programs = new Programs();

  beforeAll(async () => {
    log = await openTestLog(brokers);
  });
  afterAll(() => log.close());
  afterEach(() => programs.killAll());

  it.each(gallery.filter(({ schema }) => schema === undefined))(
    '$title becomes the features that the page says',
    async (entry) => {
      const topics = await createTestTopics(log, brokers, 1);
      const key = entry.key === undefined ? null : Buffer.from(entry.key);
      await log.append([{ topic: topics.input, key, value: Buffer.from(entry.value) }]);

      expect(inspected(topics)).toMatch(/^# reads 1 of them whole \(100 %\)$/m);

      await programs.start(topics, {
        REDIS_URL: `${redisUrl}/5`,
        INPUT_SCHEMA: entry.declaration,
      });
      await expectReadings(topics, entry);
    },
  );

  describe.skipIf(folder === '' || python === '')('with a schema registry', () => {
    let registry: Registry;
    let serializers: Serializers;
    beforeAll(async () => {
      registry = await startRegistry(folder);
      serializers = startSerializers(python, registry.url);
    });
    afterAll(async () => {
      await serializers.stop();
      await registry.stop();
    });

    it.each(gallery.filter(({ schema }) => schema !== undefined))(
      '$title becomes the features that the page says',
      async (entry) => {
        const topics = await createTestTopics(log, brokers, 1);
        const { kind = 'avro', text: schema = '' } = entry.schema ?? {};
        const record = {
          kind,
          topic: topics.input,
          schema,
          message: 'Reading',
          value: JSON.parse(entry.value) as unknown,
        };
        const value = await serializers.serialize(record);
        await log.append([{ topic: topics.input, key: null, value }]);

        const proposed = inspected(topics, { SCHEMA_REGISTRY_URL: registry.url });
        expect(proposed).toMatch(/^# reads 1 of them whole \(100 %\)$/m);
        expect(proposed).toMatch(/^format: registry$/m);

        await programs.start(topics, {
          REDIS_URL: `${redisUrl}/5`,
          INPUT_SCHEMA: entry.declaration,
          SCHEMA_REGISTRY_URL: registry.url,
        });
        await expectReadings(topics, entry);
      },
    );
  });

  /** Returns the declaration that `inspect` proposes for the input. */
  function inspected(topics: TestTopics, env: Readonly<Record<string, string>> = {}): string {
    const { stderr, stdout } = spawnSync(
      'node',
      ['dist/main.js', 'inspect', '--topic', topics.input],
      { env: { ...process.env, ...topics.env, ...env }, encoding: 'utf8' },
    );
    return stdout === '' ? stderr : stdout;
  }

  async function expectReadings(topics: TestTopics, entry: GalleryEntry): Promise<void> {
    await eventually(
      async () => {
        const rows = [...(await readTopic(log, topics.output)).values()].flat();
        const letters = [...(await readTopic(log, topics.deadLetters)).values()].flat();
        expect(letters).toEqual([]);
        const found = rows.map(({ value }) => {
          const row = JSON.parse(value ?? '') as {
            sensor_id: string;
            window_start: number;
            features: { count: number; avg_value: number };
          };
          return [row.sensor_id, row.window_start, row.features.count, row.features.avg_value];
        });
        const expected = entry.readings.map(({ sensor, time, value }) => {
          return [sensor, Math.floor(Date.parse(time) / 10_000) * 10_000, 1, value];
        });
        expect(found.sort()).toEqual(expected.sort());
      },
      { timeoutMs: 60_000, onTimeout: () => programs.output() },
    );
  }
});
