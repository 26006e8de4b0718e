// The built program starts, folds and stops on every Node that users have, without a warning of Node's about what we
// or kafkajs do (Node 24 warns of negative timeouts; kafkajs's request queue is known for them).
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { buildProgram, counted, startProgram, type RunningProgram } from './running-program.ts';

const brokers = inject('kafkaBrokers');
const redisUrl = inject('redisUrl');
const started: RunningProgram[] = [];

beforeAll(() => {
  buildProgram();
});

afterEach(async () => {
  await Promise.all(started.splice(0).map((program) => program.close()));
});

describe.each(inject('nodeBinaries'))('Node $version', ({ path }) => {
  const start = async (settings: Record<string, string>): Promise<RunningProgram> => {
    const program = await startProgram(path, settings);
    started.push(program);
    return program;
  };

  it('runs the embedded default, folds simulated readings and stops cleanly', async () => {
    const program = await start({});

    await program.until('/health/live', (_, status) => status === 200);
    await program.until('/health/ready', (_, status) => status === 200);
    await program.until(
      '/metrics',
      (text, status) => status === 200 && counted(text, 'sensorium_readings_total') >= 30,
    );
    const ended = await program.terminate();

    expect(program.output().stderr).not.toMatch(/Warning|Deprecat/);
    expect(ended).toMatchObject({ code: 0, signal: null });
    expect(ended.durationMs).toBeLessThan(10_000);
  });

  it.skipIf(brokers === '' || redisUrl === '')(
    'runs on Kafka and Redis, folds what is produced and stops cleanly',
    async () => {
      const name = `smoke-${Date.now()}-${Math.floor(Math.random() * 1e9)}`;
      const readings = 2_000;
      await produce(name, readings);
      const program = await start({
        KAFKA_BROKERS: brokers,
        REDIS_URL: redisUrl,
        // Runs before it leave their mark in the same Redis.
        ONLINE_OTHER_WRITER: 'share',
        INPUT_TOPIC: name,
        OUTPUT_TOPIC: `${name}-features`,
        GROUP_ID: name,
      });

      await program.until('/health/ready', (_, status) => status === 200);
      await program.until(
        '/metrics',
        (text) => counted(text, 'sensorium_readings_total') === readings,
      );
      const ended = await program.terminate();

      expect(program.output().stderr).not.toMatch(/Warning|Deprecat/);
      expect(ended).toMatchObject({ code: 0, signal: null });
      expect(ended.durationMs).toBeLessThan(10_000);
    },
  );
});

async function produce(topic: string, readings: number): Promise<void> {
  const kafka = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 4 }], waitForLeaders: true });
  await admin.disconnect();
  const producer = kafka.producer();
  await producer.connect();
  const nowMs = Date.now();
  await producer.send({
    topic,
    messages: Array.from({ length: readings }, (_, i) => {
      const sensor = `${topic}-${i % 20}`;
      const reading = {
        sensor_id: sensor,
        timestamp: nowMs - 60_000 + i * 30,
        value: 20 + (i % 7),
      };
      return { key: sensor, value: JSON.stringify(reading) };
    }),
  });
  await producer.disconnect();
}
