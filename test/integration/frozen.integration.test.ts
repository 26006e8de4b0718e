// Processes frozen inside a commit, with their outputs written and the transaction open (faults 16 and 17): whoever takes
// over, or nobody, none of what the zombie had written appears, and when it wakes it writes nothing of that commit.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import type { EventLog } from '../../src/log/event-log.ts';
import { openTestLog } from './peers.ts';
import { feedSteadily, partitions, planOf, Programs, settle } from './pipeline.ts';
import { eventually, type Program } from './program.ts';
import { makeReadings } from './readings.ts';
import { createTestTopics, readTopic, type TestTopics } from './topics.ts';

const brokers = inject('kafkaBrokers');
const redisUrl = inject('redisUrl');
const crashPoints = join(import.meta.dirname, '../chaos/crash-points.cjs');

describe.skipIf(brokers === '' || redisUrl === '')('a process frozen inside a commit', () => {
  let log: EventLog;
  const programs = new Programs();

  beforeAll(async () => {
    log = await openTestLog(brokers);
  });
  afterAll(() => log.close());
  afterEach(() => programs.killAll());

  const startFreezing = (topics: TestTopics): Promise<Program> => {
    const dataDir = mkdtempSync(join(tmpdir(), 'sensorium-frozen-'));
    return programs.start(topics, {
      REDIS_URL: redisUrl,
      DATA_DIR: dataDir,
      NODE_OPTIONS: `--require ${crashPoints}`,
      TRANSACTION_TIMEOUT_MS: '15000',
      // Its outputs lie there, in a transaction that is not the first: by then snapshots are about.
      SENSORIUM_FREEZE_AT: 'produce.after:6',
    });
  };
  const frozen = (program: Program): Promise<void> =>
    eventually(
      async () => {
        if (!program.output().includes('"signal":"SIGSTOP"')) throw new Error('it runs on');
      },
      { timeoutMs: 60_000, onTimeout: () => program.output() },
    );

  it('past its session: another owns its partitions, and the zombie’s commit never appears', async () => {
    const topics = await createTestTopics(log, brokers, partitions);
    const records = makeReadings({ ...planOf(topics, 18_000), unkeyed: 0.05 });
    const zombie = await startFreezing(topics);
    const feeding = feedSteadily(log, records, 15_000);
    await frozen(zombie);
    const successor = await programs.start(topics, { REDIS_URL: redisUrl });
    await feeding;
    await eventually(() => ownsAll(successor), { timeoutMs: 60_000 });

    zombie.signal('SIGCONT');
    await settle(log, topics, programs);

    await zombie.ready();
    expect(await metricOf(zombie, 'sensorium_fences_total')).toBeGreaterThan(0);
    expect(await zombie.stop()).toBe(0);
  });

  it('past the transaction’s time, alone: the broker aborts it, and the process recovers when it wakes', async () => {
    const topics = await createTestTopics(log, brokers, partitions);
    const records = makeReadings({ ...planOf(topics, 18_000), unkeyed: 0.05 });
    const zombie = await startFreezing(topics);
    await feedSteadily(log, records, 5_000);
    await frozen(zombie);

    // A read-committed consumer waits at an open transaction: it gets to the end once the broker has aborted it.
    const { output, rekeyed, deadLetters, anomalies, journal } = topics;
    const written = [output, rekeyed, deadLetters, anomalies, journal];
    const reading = Promise.all(
      written.map((topic) => readTopic(log, topic, { settledOnly: false })),
    );
    const first = await Promise.race([reading.then(() => 'read'), sleep(1_000, 'waits')]);
    expect(first).toBe('waits');
    await reading;
    zombie.signal('SIGCONT');
    await settle(log, topics, programs);

    await zombie.ready();
    expect(await zombie.stop()).toBe(0);
  });
});

async function metricOf({ url }: Program, name: string): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(metrics)?.[1] ?? NaN);
}

async function ownsAll({ url }: Program): Promise<void> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const owned = [...metrics.matchAll(/^sensorium_lag_records\{.*topic="readings-[^"]*".*\} 0$/gm)];
  if (owned.length < 2 * partitions) throw new Error(`it holds ${owned.length} shards`);
}
