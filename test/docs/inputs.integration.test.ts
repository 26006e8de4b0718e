// The gallery of docs/inputs.md through the built program on a real Kafka, and `inspect --topic` on
// its records.
import { spawnSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import type { EventLog } from '../../src/log/event-log.ts';
import { openTestLog } from '../integration/peers.ts';
import { Programs } from '../integration/pipeline.ts';
import { eventually } from '../integration/program.ts';
import { createTestTopics, readTopic } from '../integration/topics.ts';
import { readGallery } from './gallery.ts';

const brokers = inject('kafkaBrokers');
const redisUrl = inject('redisUrl');

describe.skipIf(brokers === '' || redisUrl === '')('on a real Kafka', () => {
  let log: EventLog;
  const programs = new Programs();

  beforeAll(async () => {
    log = await openTestLog(brokers);
  });
  afterAll(() => log.close());
  afterEach(() => programs.killAll());

  it.each(readGallery())('$title becomes the features that the page says', async (entry) => {
    const topics = await createTestTopics(log, brokers, 1);
    const key = entry.key === undefined ? null : Buffer.from(entry.key);
    await log.append([{ topic: topics.input, key, value: Buffer.from(entry.value) }]);

    const inspected = spawnSync('node', ['dist/main.js', 'inspect', '--topic', topics.input], {
      env: { ...process.env, ...topics.env },
      encoding: 'utf8',
    });
    expect(inspected.stdout).toMatch(/^# reads 1 of them whole \(100 %\)$/m);

    await programs.start(topics, {
      REDIS_URL: `${redisUrl}/5`,
      INPUT_SCHEMA: entry.declaration,
    });
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
  });
});
