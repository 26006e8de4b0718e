// The services that every integration test stands on are what they say they are.
import { connect } from 'node:net';
import { Kafka, logLevel } from 'kafkajs';
import { describe, expect, inject, it } from 'vitest';

const brokers = inject('kafkaBrokers');
const redisUrl = inject('redisUrl');

describe.skipIf(brokers === '')('Kafka for tests', () => {
  it('is one broker that creates no topic unasked', async () => {
    const admin = new Kafka({
      brokers: brokers.split(','),
      logLevel: logLevel.NOTHING,
      retry: { retries: 2 },
    }).admin();
    await admin.connect();

    const cluster = await admin.describeCluster();
    const unknown = admin.fetchTopicMetadata({ topics: [`never-created-${String(Date.now())}`] });

    expect(cluster.brokers).toHaveLength(1);
    await expect(unknown).rejects.toThrow('does not host this topic-partition');
    await admin.disconnect();
  });
});

describe.skipIf(redisUrl === '')('Redis for tests', () => {
  it('answers a ping', async () => {
    const url = new URL(redisUrl);

    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(url.port), url.hostname, () => socket.write('PING\r\n'));
      socket.once('data', (bytes) => {
        socket.destroy();
        resolve(bytes.toString());
      });
      socket.once('error', reject);
    });

    expect(answer).toBe('+PONG\r\n');
  });
});
