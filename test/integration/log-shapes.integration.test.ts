// Changes to an input topic behind the program's back, on real Kafka: the broker compacts it, an
// operator deletes and makes it again, or adds partitions.
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import type { EventLog } from '../../src/log/event-log.ts';
import { openTestLog } from './peers.ts';
import { planOf, Programs, semantics, settle } from './pipeline.ts';
import { eventually } from './program.ts';
import { makeReadings } from './readings.ts';
import {
  administer,
  createTestTopics,
  makeAgain,
  nextTo,
  readOutcome,
  readRecords,
  type TestTopics,
} from './topics.ts';

const brokers = inject('kafkaBrokers');

describe.skipIf(brokers === '')('an input topic', () => {
  let log: EventLog;
  const programs = new Programs();

  beforeAll(async () => {
    log = await openTestLog(brokers);
  });
  afterAll(() => log.close());
  afterEach(() => programs.killAll());

  it('that the broker compacts is folded over its gaps: each record that is left, once', async () => {
    const given = await createTestTopics(log, brokers, 1);
    const topics = nextTo(given, `${given.input}-compacted`);
    const config = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.01' };
    const rolled = { 'segment.ms': '1000', 'delete.retention.ms': '0' };
    await log.ensureTopics([
      { topic: topics.input, partitions: 1, config: { ...config, ...rolled } },
    ]);
    await log.append(readingsOf(topics, 2_000));
    const gaps = await compacted(log, topics);

    await programs.start(topics, {});
    const outcome = await settle(log, topics, programs);

    expect(gaps).toBeGreaterThan(1_000);
    expect(outcome.rows.length).toBeGreaterThan(10);
  });

  it('that was deleted and made again stops the start, whatever the broker forgot with it', async () => {
    const topics = await createTestTopics(log, brokers, 1);
    await log.append(readingsOf(topics, 400));
    const before = await programs.start(topics, {});
    const outcome = await settle(log, topics, programs);
    expect(await before.stop()).toBe(0);
    await makeAgain(log, brokers, { topic: topics.input, partitions: 1 });
    await log.append(readingsOf(topics, 40));

    const refused = await programs.start(topics, {});

    expect(await refused.exited()).toBe(1);
    // A broker deletes a topic's committed offsets with it, sooner or later: one of the two is what
    // the program meets.
    expect(refused.output()).toMatch(
      /was deleted and made again \(its topic id was|has entries of .* no committed offset/,
    );
    const rows = await readRecords(log, { topic: topics.output, partition: 0 });
    expect(rows).toHaveLength(outcome.rows.length);
  });

  it.each([
    ['fewer', 40],
    ['as many', 400],
    ['more', 900],
  ])(
    'that is made again while the program runs, with %s records, fails its shard with the cure',
    async (_, records) => {
      const topics = await createTestTopics(log, brokers, 1);
      await log.append(readingsOf(topics, 400));
      const program = await programs.start(topics, {});
      await settle(log, topics, programs);

      await makeAgain(log, brokers, { topic: topics.input, partitions: 1 });
      const fresh = await openTestLog(brokers);
      await fresh.append(readingsOf(topics, records));
      await fresh.close();

      await eventually(
        async () => {
          const response = await fetch(`${program.url}/health/ready`);
          expect(response.status).toBe(503);
          const { reasons } = (await response.json()) as { readonly reasons: readonly string[] };
          // The broker may have forgotten the offsets with the topic.
          expect(reasons.join()).toMatch(
            /failed since .*(deleted and made again|no committed offset).*new GROUP_ID and OUTPUT_TOPIC/,
          );
        },
        { timeoutMs: 60_000, onTimeout: () => programs.output() },
      );
    },
  );

  it('that has more partitions than before stops the start under keyed input, with the cure', async () => {
    const topics = await createTestTopics(log, brokers, 1);
    await log.append(readingsOf(topics, 400));
    const before = await programs.start(topics, {});
    await settle(log, topics, programs);
    expect(await before.stop()).toBe(0);
    await grow(topics.input, 2);

    const refused = await programs.start(topics, {});

    expect(await refused.exited()).toBe(1);
    expect(refused.output()).toMatch(/has 2 partitions but had 1 .*INPUT_KEYING=rekey/);
  });

  it('that has more partitions than before is folded whole under INPUT_KEYING=rekey', async () => {
    const topics = await createTestTopics(log, brokers, 1);
    const rekey = { inputKeying: 'rekey' as const };
    const plan = { ...planOf(topics, 400), sensors: 4, partitions: 2, late: 0, bad: 0 };
    const { fromMs: middleMs } = plan;
    await log.append(makeReadings({ ...plan, fromMs: middleMs - 600_000, toMs: middleMs }));
    // A source that had gone idle holds nobody back until it speaks: what it was behind with could
    // be late.
    const before = await programs.start(topics, {
      INPUT_KEYING: 'rekey',
      IDLE_TIMEOUT_MS: '60000',
    });
    await eventually(
      async () => {
        const { forwards } = await readOutcome(log, topics, { ...semantics, ...rekey });
        expect(forwards).toHaveLength(400);
      },
      { timeoutMs: 30_000, onTimeout: () => programs.output() },
    );
    expect(await before.stop()).toBe(0);
    await grow(topics.input, 2);
    // A client of before knows of one partition for some minutes.
    const other = await openTestLog(brokers);
    await other.append(
      makeReadings({ ...plan, fromMs: middleMs + 120_000, firstIndex: 400, unkeyed: 1 }),
    );

    await programs.start(topics, { INPUT_KEYING: 'rekey' });
    const outcome = await settle(other, topics, programs, { settings: rekey });
    await other.close();

    expect(outcome.forwards.some((forward) => forward.startsWith('1/'))).toBe(true);
    expect(outcome.deadLetters).toEqual([]);
  });

  it('that gets more partitions while the program runs is folded whole, and no sensor gets two owners', async () => {
    const topics = await createTestTopics(log, brokers, 1);
    const rekey = { inputKeying: 'rekey' as const };
    const plan = { ...planOf(topics, 200), sensors: 12, late: 0, bad: 0, unkeyed: 1 };
    const spoken = (firstIndex: number, partitions: number): ReturnType<typeof makeReadings> => {
      const nowMs = Date.now();
      const times = { fromMs: nowMs - 2_000, toMs: nowMs, disorderMs: 1_000 };
      return makeReadings({ ...plan, ...times, firstIndex, partitions });
    };
    // Shards of before are found again by the next process, and sensors where they were.
    const first = await programs.start(topics, { INPUT_KEYING: 'rekey' });
    await first.ready();
    await log.append(spoken(0, 1));
    await settle(log, topics, programs, { settings: rekey });
    for (const topic of [topics.input, topics.rekeyed]) await grow(topic, 3);
    const other = await openTestLog(brokers);
    // A client notices within a minute.
    const isRead = async (partition: number): Promise<boolean> => {
      const place = { topic: topics.input, partition };
      return (await other.committed(topics.groupId, place)) !== undefined;
    };
    await eventually(async () => expect([await isRead(1), await isRead(2)]).toEqual([true, true]), {
      timeoutMs: 90_000,
      onTimeout: () => programs.output(),
    });

    for (let round = 1; round <= 5; round += 1) await other.append(spoken(200 * round, 3));
    await settle(other, topics, programs, { settings: rekey });
    expect(await first.stop()).toBe(0);
    await programs.start(topics, { INPUT_KEYING: 'rekey' });
    await other.append(spoken(1_200, 3));
    const outcome = await settle(other, topics, programs, { settings: rekey });
    await other.close();

    expect(outcome.forwards.filter((forward) => !forward.startsWith('0/')).length).toBeGreaterThan(
      500,
    );
    expect(outcome.deadLetters.filter((letter) => !letter.endsWith(' late'))).toEqual([]);
    expect(new Set(outcome.rows.map(({ lineage }) => lineage.partition))).toEqual(new Set([0]));
  });

  async function grow(topic: string, count: number): Promise<void> {
    await administer(brokers, (admin) =>
      admin.createPartitions({ topicPartitions: [{ topic, count }] }),
    );
    await eventually(async () => expect((await log.describeTopic(topic))?.partitions).toBe(count), {
      timeoutMs: 30_000,
    });
  }
});

const readingsOf = (topics: TestTopics, readings: number): ReturnType<typeof makeReadings> =>
  makeReadings({ ...planOf(topics, readings), sensors: 4, partitions: 1, late: 0, bad: 0 });

/** Resolves with how many records are gone, once the broker has compacted what lies before its open segment. */
async function compacted(log: EventLog, topics: TestTopics): Promise<number> {
  const partition = { topic: topics.input, partition: 0 };
  let ticks = 0;
  return eventually(
    async () => {
      const { end } = await log.offsets(partition);
      const gone = end - (await readRecords(log, partition)).length;
      if (gone > 1_000) return gone;
      // An append begins a new segment once the open one is old enough; each of a sensor of its
      // own, never compacted.
      ticks += 1;
      const plan = { ...planOf(topics, 1), sensors: 1, prefix: `tick-${ticks}-`, late: 0, bad: 0 };
      await log.append(
        makeReadings({ ...plan, fromMs: plan.toMs, toMs: plan.toMs, disorderMs: 0 }),
      );
      throw new Error(`${gone} of ${end} records are compacted`);
    },
    { timeoutMs: 90_000 },
  );
}
