// A process that starts right after another was killed inside a commit, on a Kafka of its own: the
// open transaction is its to end, and it waits for nothing.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import type { EventLog } from '../../src/log/event-log.ts';
import type { TopicPartition } from '../../src/records/record.ts';
import { partitionForKey, partitionsOf } from '../../src/records/partitioning.ts';
import { startOwnServices, type OwnServices } from './own-services.ts';
import { openTestLog } from './peers.ts';
import { partitions, planOf, Programs, semanticsEnv, settle } from './pipeline.ts';
import { runProgram } from './program.ts';
import { makeReadings, sensorName } from './readings.ts';
import { createTestTopics, type TestTopics } from './topics.ts';

const crashPoints = join(import.meta.dirname, '../chaos/crash-points.cjs');
/** Longer than anything here waits: no test passes because the broker ended the transaction. */
const env = { TRANSACTION_TIMEOUT_MS: '600000', WORKERS: '1' };

describe.skipIf(inject('kafkaBrokers') === '')('a process killed inside a commit', () => {
  let services: OwnServices;
  let log: EventLog;
  const programs = new Programs();

  // Its open transaction holds up every reader of its journal: the shared broker serves other
  // tests.
  beforeAll(async () => {
    services = await startOwnServices(mkdtempSync(join(tmpdir(), 'killed-in-commit-')));
    log = await openTestLog(services.brokers);
  });
  afterEach(() => programs.killAll());
  afterAll(async () => {
    await log.close();
    await services.stop();
  });

  it.each(['txnOffsetCommit.after', 'endTxn.before'])(
    'at %s leaves a transaction that the next one ends as it starts',
    async (point) => {
      const topics = await createTestTopics(log, services.brokers, partitions);
      await killedAt(point, topics);
      const shards = [topics.input, topics.rekeyed].flatMap((topic) =>
        partitionsOf(topic, partitions),
      );
      const observed = await log.observedPositions(topics.groupId, shards);
      expect(observed.map(({ pending }) => pending)).toContain(true);

      const inspected = await runProgram(['inspect', '--json'], topics.env);
      expect(inspected.exitCode, inspected.output).toBe(0);
      const held = shards.findIndex((_, at) => observed[at]?.pending);
      const place = shards[held] ?? { topic: '', partition: 0 };
      // It was the shard's first commit: the answer is that, and not that it is unknown as yet.
      const replayed = await runProgram(replayOf(place), { ...semanticsEnv, ...topics.env });
      expect(replayed.output).toContain('has committed nothing for');
      const next = await programs.start(topics, env);
      await next.ready();

      await settle(log, topics, programs);
      expect(await next.stop()).toBe(0);
    },
  );

  it('holds up no other group that shares its journal, though nobody takes its place', async () => {
    const mine = await createTestTopics(log, services.brokers, partitions);
    await log.append(makeReadings({ ...planOf(mine, 1_000), unkeyed: 0.1 }));
    const before = await programs.start(mine, env);
    await settle(log, mine, programs);
    expect(await before.stop()).toBe(0);
    await killedAt('endTxn.before', await createTestTopics(log, services.brokers, partitions));
    const journal = partitionsOf(
      mine.journal,
      (await log.describeTopic(mine.journal))?.partitions ?? 0,
    );
    const open = await Promise.all(journal.map((place) => isOpen(log, place)));
    expect(open).toContain(true);

    const fresh = await createTestTopics(log, services.brokers, partitions);
    for (const topics of [mine, fresh]) {
      await log.append(makeReadings({ ...planOf(topics, 1_000), unkeyed: 0.1, firstIndex: 1_000 }));
      const program = await programs.start(topics, env);
      await program.ready();
      await settle(log, topics, programs);
      expect(await program.stop()).toBe(0);
    }
  });

  /** Leaves a process of the topics' group dead inside its second commit. */
  async function killedAt(point: string, topics: TestTopics): Promise<void> {
    await log.append(makeReadings({ ...planOf(topics, 2_000), unkeyed: 0.1 }));
    const killed = await programs.start(topics, {
      ...env,
      NODE_OPTIONS: `--require ${crashPoints}`,
      SENSORIUM_CRASH_AT: `${point}:2`,
    });
    expect(await killed.exited(), killed.output()).toBe('SIGKILL');
  }
});

/** Asks for a sensor of the partition, at an offset that input and forwarded topic both hold. */
function replayOf({ topic, partition }: TopicPartition): string[] {
  const ids = Array.from({ length: 64 }, (_, number) => sensorName(number));
  const id = ids.find((each) => partitionForKey(Buffer.from(each), partitions) === partition) ?? '';
  return ['replay', '--sensor', id, '--partition', `${topic}/${partition}`, '--at', '20'];
}

async function isOpen(log: EventLog, place: TopicPartition): Promise<boolean> {
  for await (const { pastOpen } of log.read({ ...place, from: 0, settledOnly: true })) {
    if (pastOpen === true) return true;
  }
  return false;
}
