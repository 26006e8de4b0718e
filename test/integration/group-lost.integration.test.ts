// A consumer group whose offsets vanish, as after offsets.retention.minutes without a member, on real Kafka: the program
// refuses to start and says the cure, whatever the shard had done before, and no row comes a second time.
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import type { EventLog } from '../../src/log/event-log.ts';
import { openTestLog } from './peers.ts';
import { semanticsEnv } from './pipeline.ts';
import { eventually, startProgram, type Program } from './program.ts';
import { administer, createTestTopics, readTopic, type TestTopics } from './topics.ts';

const brokers = inject('kafkaBrokers');
const readings = 20;

describe.skipIf(brokers === '')('a group whose offsets vanished', () => {
  let log: EventLog;
  const running: Program[] = [];

  beforeAll(async () => {
    log = await openTestLog(brokers);
  });
  afterAll(() => log.close());
  afterEach(async () => {
    for (const program of running.splice(0)) await program.kill();
  });

  /** Never idle within a test: the journal holds nothing but what its first entry is for. */
  async function start(topics: TestTopics): Promise<Program> {
    const env = { ...semanticsEnv, ...topics.env, WORKERS: '1', IDLE_TIMEOUT_MS: '600000' };
    const program = await startProgram(env);
    running.push(program);
    return program;
  }

  async function expectRefusal(topics: TestTopics): Promise<void> {
    await administer(brokers, (admin) => admin.deleteGroups([topics.groupId]));
    const refused = await start(topics);
    expect(await refused.exited()).toBe(1);
    expect(refused.output()).toMatch(
      /has entries of .* no committed offset .*new GROUP_ID and OUTPUT_TOPIC/,
    );
    expect(await windowsOf(log, topics)).toEqual(expectedWindows);
  }

  it('stops the start of a shard that was never idle, and no row is doubled', async () => {
    const topics = await createTestTopics(log, brokers, 1);
    await feed(log, topics);
    const program = await start(topics);
    await rowsCommitted(log, topics, program);
    expect(await program.stop()).toBe(0);

    await expectRefusal(topics);
  });

  it('stops it also where an earlier version had committed the shard without a journal', async () => {
    const topics = await createTestTopics(log, brokers, 1);
    await commitAsBefore(log, topics);
    await feed(log, topics);
    const program = await start(topics);
    await rowsCommitted(log, topics, program);
    expect(await program.stop()).toBe(0);

    await expectRefusal(topics);
  });

  /** The first commit of 7a19d02: the same metadata without topic ids, no entry in the journal. */
  async function commitAsBefore(into: EventLog, topics: TestTopics): Promise<void> {
    const group = await createTestTopics(into, brokers, 1);
    const program = await start(group);
    await program.ready();
    const input = { topic: group.input, partition: 0 };
    const metadata = await eventually(
      async () => {
        const committed = await into.committed(group.groupId, input);
        if (committed === undefined) throw new Error('nothing committed yet');
        return JSON.parse(committed.metadata) as { journal: object };
      },
      { timeoutMs: 30_000, onTimeout: () => program.output() },
    );
    await program.kill();
    const journal = { ...metadata.journal, sequence: 0, originOffset: 0, topicId: undefined };
    const text = JSON.stringify({ ...metadata, journal, snapshots: [], topicId: undefined });
    const position = { topic: topics.input, partition: 0, nextOffset: 0, metadata: text };
    await into.commitOffsets(topics.groupId, [position]);
  }
});

/** Keyed readings of one sensor, one a window; the last window stays open. */
async function feed(log: EventLog, topics: TestTopics): Promise<void> {
  const key = Buffer.from('sensor_001');
  for (let reading = 0; reading < readings; reading += 1) {
    const value = JSON.stringify({
      sensor_id: 'sensor_001',
      timestamp: timeMs(reading) + 5_000,
      value: 1,
    });
    await log.append([{ topic: topics.input, partition: 0, key, value: Buffer.from(value) }]);
  }
}

const firstMs = Math.floor((Date.now() - 600_000) / 10_000) * 10_000;
const timeMs = (reading: number): number => firstMs + reading * 10_000;
const expectedWindows = Array.from({ length: readings - 1 }, (_, window) => timeMs(window));

async function windowsOf(log: EventLog, topics: TestTopics): Promise<number[]> {
  const rows = [...(await readTopic(log, topics.output)).values()].flat();
  return rows.map(
    ({ value }) => (JSON.parse(value ?? '') as { window_start: number }).window_start,
  );
}

async function rowsCommitted(log: EventLog, topics: TestTopics, program: Program): Promise<void> {
  await eventually(async () => expect(await windowsOf(log, topics)).toEqual(expectedWindows), {
    timeoutMs: 60_000,
    onTimeout: () => program.output(),
  });
}
