// Two groups over one input whose readings have no key, through the built program on a real Kafka:
// they share its rekeyed topic, and each counts every reading once. A new group beside forwards of
// an earlier version, which named no group, is refused.
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import { forwardGroupOf } from '../../src/codecs/forward-group.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import type { OutputRecord } from '../../src/records/record.ts';
import { recordsOf } from '../contracts/event-log-harness.ts';
import { openTestLog } from './peers.ts';
import { planOf, Programs } from './pipeline.ts';
import { eventually, type Program } from './program.ts';
import { makeReadings } from './readings.ts';
import { createTestTopics, readTopic, type TestTopics } from './topics.ts';

const brokers = inject('kafkaBrokers');
const readings = 400;
/** Of several, one that speaks again after a silence may find its readings late. */
const partitions = 1;

describe.skipIf(brokers === '')('two groups over one input', () => {
  let log: EventLog;
  const programs = new Programs();

  beforeAll(async () => {
    log = await openTestLog(brokers);
  });
  afterAll(() => log.close());
  afterEach(() => programs.killAll());

  /** As the refusals’ cure says: the same input, another group and output. */
  async function cured(topics: TestTopics): Promise<TestTopics> {
    const other = await createTestTopics(log, brokers, partitions);
    const env = { ...other.env, INPUT_TOPIC: topics.input };
    return { ...other, input: topics.input, rekeyed: topics.rekeyed, env };
  }

  const start = (topics: TestTopics): Promise<Program> => programs.start(topics, { WORKERS: '1' });

  /** All of them, once, and none late. */
  async function counted(topics: TestTopics, expected: number): Promise<void> {
    await eventually(
      async () => {
        const rows = [...(await readTopic(log, topics.output)).values()].flat();
        const sum = rows
          .map(({ value }) => JSON.parse(value ?? '') as { features: { count: number } })
          .reduce((total, { features }) => total + features.count, 0);
        expect(sum).toBe(expected);
      },
      { timeoutMs: 60_000, onTimeout: () => programs.output() },
    );
    expect([...(await readTopic(log, topics.deadLetters)).values()].flat()).toEqual([]);
  }

  async function leftOut(program: Program, expected: number): Promise<void> {
    await eventually(
      async () => {
        const text = await (await fetch(`${program.url}/metrics`)).text();
        const counts = [...text.matchAll(/^sensorium_forwards_left_out_total(?:{.*})? (\d+)$/gm)];
        expect(counts.reduce((sum, [, count]) => sum + Number(count), 0)).toBe(expected);
      },
      { timeoutMs: 20_000, onTimeout: () => programs.output() },
    );
  }

  it('count each reading once, one after the other and side by side', async () => {
    const first = await createTestTopics(log, brokers, partitions);
    const [early = [], late = []] = partsOf(first);
    await log.append(early);
    const one = await start(first);
    await counted(first, readings);

    const second = await cured(first);
    const two = await start(second);
    await counted(second, readings);
    await log.append(late);
    await counted(second, 2 * readings);
    await counted(first, 2 * readings);
    // Each finds the other's forwards in the topic that they share, and says so.
    for (const program of [one, two]) await leftOut(program, 2 * readings);

    expect([await one.stop(), await two.stop()]).toEqual([0, 0]);
  });

  it('are refused where an earlier version forwarded for the other, which itself goes on', async () => {
    const first = await createTestTopics(log, brokers, partitions);
    const [early = [], late = []] = partsOf(first);
    await log.append(early);
    const one = await start(first);
    await counted(first, readings);
    expect(await one.stop()).toBe(0);
    const earlier = await asOfAnEarlierVersion(log, first);

    const refused = await start(await cured(earlier));
    expect(await refused.exited()).toBe(1);
    expect(refused.output()).toMatch(/holds forwards that an earlier version .*delete the records/);
    expect(refused.output()).not.toMatch(/joined the group/);

    await log.append(late);
    const again = await start(first);
    await counted(first, 2 * readings);
    expect(await again.stop()).toBe(0);
  });
});

/** Two parts of unkeyed readings in order, a minute of event time between them. */
function partsOf(topics: TestTopics): OutputRecord[][] {
  const plan = { ...planOf(topics, readings), partitions, late: 0, bad: 0, unkeyed: 1 };
  return [1_200_000, 600_000].map((ageMs, part) => {
    const fromMs = plan.toMs - ageMs;
    const length = { fromMs, toMs: fromMs + 540_000 };
    return makeReadings({ ...plan, ...length, firstIndex: part * readings, seed: part });
  });
}

/** The same topics with an input of their own, into whose rekeyed topic the forwards are copied without their group. */
async function asOfAnEarlierVersion(log: EventLog, topics: TestTopics): Promise<TestTopics> {
  const input = `${topics.input}-earlier`;
  const rekeyed = `${input}.rekeyed`;
  const count = (await log.describeTopic(topics.rekeyed))?.partitions ?? 0;
  await log.ensureTopics([
    { topic: input, partitions },
    { topic: rekeyed, partitions: count },
  ]);
  for (let partition = 0; partition < count; partition += 1) {
    for await (const batch of log.read({ topic: topics.rekeyed, partition, from: 0 })) {
      const copies = recordsOf(batch).map(({ key, value, headers }): OutputRecord => {
        const all = headers.map((each) => ({
          key: each.key,
          value: each.value === null ? null : Buffer.from(each.value),
        }));
        expect(forwardGroupOf(all)).toBe(topics.groupId);
        return {
          topic: rekeyed,
          partition,
          key: key === null ? null : Buffer.from(key),
          value: value === null ? null : Buffer.from(value),
          headers: all.filter(({ key: name }) => name !== 'rekey.group'),
        };
      });
      await log.append(copies);
    }
  }
  return { ...topics, input, rekeyed };
}
