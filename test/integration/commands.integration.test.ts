// Commands as a user combines them, on a real Kafka and a real Redis: Avro in and out, and a Redis that was emptied and
// is filled again from the topic.
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import { decodeFeatureRow, type FeatureRow } from '../../src/codecs/feature-row.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import { openTestFeatureStore, openTestLog } from './peers.ts';
import { expectLastRows, partitions, planOf, Programs, settle } from './pipeline.ts';
import { eventually, runProgram } from './program.ts';
import { makeReadings } from './readings.ts';
import { createTestTopics } from './topics.ts';

const brokers = inject('kafkaBrokers');
const redisUrl = inject('redisUrl');

describe.skipIf(brokers === '' || redisUrl === '')('commands on real Kafka and Redis', () => {
  let log: EventLog;
  const programs = new Programs();

  beforeAll(async () => {
    log = await openTestLog(brokers);
  });
  afterAll(() => log.close());
  afterEach(() => programs.killAll());

  it('reads Avro readings, keyed or not, and writes Avro feature rows by setting', async () => {
    const topics = await createTestTopics(log, brokers, partitions);
    const env = { REDIS_URL: `${redisUrl}/7`, OUTPUT_FORMAT: 'avro' };
    await programs.start(topics, env);
    const args = ['produce', '--format', 'avro', '--sensors', '20', '--rate', '10'];
    const keyed = await runProgram([...args, '--duration', '2'], topics.env);
    const unkeyed = await runProgram([...args, '--duration', '2', '--unkeyed'], topics.env);

    // Both runs name the same sensors: each then has two owners, and every reading is counted by one of them.
    const rows = await eventually(
      async () => {
        const found = await avroRows(log, topics.output);
        expect(found.reduce((sum, row) => sum + (row.features['count'] ?? 0), 0)).toBe(800);
        return found;
      },
      { timeoutMs: 60_000, onTimeout: () => programs.output() },
    );

    expect([keyed.exitCode, unkeyed.exitCode]).toEqual([0, 0]);
    expect(new Set(rows.map((row) => row.sensor_id)).size).toBe(20);
    const sources = new Set(rows.map((row) => row.lineage.topic));
    expect(sources).toEqual(new Set([topics.input, topics.rekeyed]));
  });

  it('fills an emptied Redis again from the topic', async () => {
    const topics = await createTestTopics(log, brokers, partitions);
    const env = { REDIS_URL: `${redisUrl}/8` };
    await log.append(makeReadings(planOf(topics, 6_000)));
    const program = await programs.start(topics, env);
    const outcome = await settle(log, topics, programs);
    const store = await openTestFeatureStore(env.REDIS_URL);
    await expectLastRows(store, outcome);
    await program.stop();
    const redis = new Redis(env.REDIS_URL);
    await redis.flushdb();
    await redis.quit();

    const rebuilt = await runProgram(['project', '--rebuild'], { ...topics.env, ...env });

    expect(rebuilt.exitCode, rebuilt.output).toBe(0);
    await expectLastRows(store, outcome);
    await store.close();
  });
});

async function avroRows(log: EventLog, topic: string): Promise<readonly FeatureRow[]> {
  const rows: FeatureRow[] = [];
  for (let partition = 0; partition < partitions; partition += 1) {
    for await (const batch of log.read({ topic, partition, from: 0 })) {
      const records = batch.records();
      while (records.next()) {
        const value = records.bytes.subarray(records.valueStart, records.valueEnd);
        expect(value[0]).not.toBe('{'.charCodeAt(0));
        rows.push(decodeFeatureRow(value));
      }
    }
  }
  return rows;
}
