// Faults under a steady feed, on a Kafka and a Redis of the test's own: threads that die, a broker and a Redis that are
// killed or frozen and come back. Nothing lost, nothing doubled, nothing stuck.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import type { EventLog } from '../../src/log/event-log.ts';
import { startOwnServices, type OwnServices } from './own-services.ts';
import { openTestFeatureStore, openTestLog } from './peers.ts';
import { expectLastRows, feedSteadily, partitions, planOf, Programs, settle } from './pipeline.ts';
import { makeReadings } from './readings.ts';
import { createTestTopics } from './topics.ts';

const available = inject('kafkaBrokers') !== '' && inject('redisUrl') !== '';

describe.skipIf(!available)('the main job under faults', () => {
  let services: OwnServices;
  let log: EventLog;
  const programs = new Programs();

  beforeAll(async () => {
    services = await startOwnServices(mkdtempSync(join(tmpdir(), 'sensorium-services-')));
    log = await openTestLog(services.brokers);
  });
  afterAll(async () => {
    await log.close();
    await services.stop();
  });
  afterEach(() => programs.killAll());

  it('loses and doubles nothing when threads die of a bug', async () => {
    const topics = await createTestTopics(log, services.brokers, partitions);
    const records = makeReadings({ ...planOf(topics, 18_000), unkeyed: 0.05 });
    const feeding = feedSteadily(log, records, 15_000);
    const deaths = mkdtempSync(join(tmpdir(), 'sensorium-deaths-'));
    const preload = join(import.meta.dirname, 'threads/die-once.cjs');
    const program = await programs.start(topics, {
      REDIS_URL: services.redisUrl,
      NODE_OPTIONS: `--require ${preload}`,
      DIE_FOLDER: deaths,
    });
    await feeding;

    const outcome = await settle(log, topics, programs);

    expect(program.output()).toContain('a thread of the test dies');
    const store = await openTestFeatureStore(services.redisUrl);
    await expectLastRows(store, outcome);
    await store.close();
    await program.ready();
  });

  it('goes on after the broker was killed and came back', async () => {
    const topics = await createTestTopics(log, services.brokers, partitions);
    const records = makeReadings({ ...planOf(topics, 18_000), unkeyed: 0.05 });
    const program = await programs.start(topics, { REDIS_URL: services.redisUrl });
    await program.ready();
    await feedSteadily(log, records.slice(0, 9_000), 5_000);
    services.signal('kafka', 'SIGKILL');
    await sleep(5_000);
    await services.start('kafka');
    await feedSteadily(log, records.slice(9_000), 5_000);

    await settle(log, topics, programs, { timeoutMs: 110_000 });

    await program.ready();
  }, 240_000);

  it('goes on after the broker was frozen for longer than requests and sessions wait', async () => {
    const topics = await createTestTopics(log, services.brokers, partitions);
    const records = makeReadings({ ...planOf(topics, 18_000), unkeyed: 0.05 });
    const program = await programs.start(topics, { REDIS_URL: services.redisUrl });
    await program.ready();
    const feeding = feedSteadily(log, records, 10_000);
    await sleep(3_000);
    services.signal('kafka', 'SIGSTOP');
    // Requests are given up after 15 s.
    await sleep(18_000);
    services.signal('kafka', 'SIGCONT');
    await feeding;

    await settle(log, topics, programs, { timeoutMs: 110_000 });

    await program.ready();
  }, 240_000);

  it('folds on while Redis is away, says it is not ready, and catches up', async () => {
    const topics = await createTestTopics(log, services.brokers, partitions);
    const records = makeReadings(planOf(topics, 18_000));
    const program = await programs.start(topics, { REDIS_URL: services.redisUrl });
    await program.ready();
    services.signal('redis', 'SIGKILL');
    await feedSteadily(log, records, 8_000);
    const outcome = await settle(log, topics, programs);
    const ready = await fetch(`${program.url}/health/ready`);
    await services.start('redis');

    expect(ready.status).toBe(503);
    const store = await openTestFeatureStore(services.redisUrl);
    await expectLastRows(store, outcome);
    await store.close();
    await program.ready();
  });
});
