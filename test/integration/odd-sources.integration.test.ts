// One odd partition beside others whose readings are forwarded, on real Kafka: while it speaks, the
// rows of the others come as if it were not there.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';

import type { EventLog } from '../../src/log/event-log.ts';
import type { OutputRecord } from '../../src/records/record.ts';
import { openTestLog } from './peers.ts';
import { planOf, Programs, semantics, settle } from './pipeline.ts';
import { eventually } from './program.ts';
import { makeReadings } from './readings.ts';
import { createTestTopics, nextTo, readTopic, type TestTopics } from './topics.ts';

const brokers = inject('kafkaBrokers');
const yearMs = 365 * 86_400_000;
const everyMs = 500;
const oddPartition = 2;

describe.skipIf(brokers === '')('beside forwarded readings,', () => {
  let log: EventLog;
  const programs = new Programs();

  beforeAll(async () => {
    log = await openTestLog(brokers);
  });
  afterAll(() => log.close());
  afterEach(() => programs.killAll());

  it.each([
    {
      what: 'a sensor whose clock is in 2000',
      odd: (partition: number) => reading(partition, Date.now() - 26 * yearMs),
    },
    {
      what: 'a partition of nothing but unreadable records',
      odd: (partition: number) => ({ partition, key: null, value: Buffer.from('{') }),
    },
  ])('$what holds nobody up', async ({ odd }) => {
    const topics = await createTestTopics(log, brokers, 3);
    await programs.start(topics, { INPUT_KEYING: 'rekey' });

    const delaysMs = await delaysBeside(topics, () => [
      { topic: topics.input, ...odd(oddPartition) },
    ]);

    expect(delaysMs).toBeLessThan(30_000);
    await settle(log, topics, programs, { settings: { inputKeying: 'rekey' } });
  });

  it('one reading a year ahead, as its record says too, neither holds nor hurries the others', async () => {
    const given = await createTestTopics(log, brokers, 3);
    const topics = nextTo(given, `${given.input}-created`);
    const config = {
      'message.timestamp.type': 'CreateTime',
      'message.timestamp.after.max.ms': String(2 * yearMs),
    };
    await log.ensureTopics([{ topic: topics.input, partitions: 3, config }]);
    await programs.start(topics, { INPUT_KEYING: 'rekey', ANOMALY_TOPIC: topics.anomalies });
    const timestampMs = Date.now() + yearMs;
    const ahead = { topic: topics.input, ...reading(oddPartition, timestampMs), timestampMs };

    // Its own partition goes on with readings of the present.
    const delayMs = await delaysBeside(topics, (round) => [
      ...(round === 0 ? [ahead] : []),
      { topic: topics.input, ...reading(oddPartition, Date.now()) },
    ]);

    expect(delayMs).toBeLessThan(30_000);
    const outcome = await settle(log, topics, programs, { settings: { inputKeying: 'rekey' } });
    expect(outcome.deadLetters.filter((letter) => letter.endsWith('late'))).toEqual([]);
  });

  /**
   * Feeds live readings into two partitions and what `odd` gives into a third, until a window that
   * began meanwhile has its rows; returns how long that took from the window's end, ms.
   */
  async function delaysBeside(
    topics: TestTopics,
    odd: (round: number) => readonly OutputRecord[],
  ): Promise<number> {
    const { windowMs } = semantics;
    const endMs = (Math.floor(Date.now() / windowMs) + 3) * windowMs;
    const plan = { ...planOf(topics, 20), sensors: 6, late: 0, bad: 0, unkeyed: 1, partitions: 2 };
    let round = 0;
    const seenMs = await eventually(
      async () => {
        const nowMs = Date.now();
        const times = { fromMs: nowMs - everyMs, toMs: nowMs, disorderMs: 500 };
        const live = makeReadings({ ...plan, ...times, firstIndex: 20 * round });
        await log.append([...odd(round), ...live]);
        round += 1;
        await sleep(everyMs);
        const rows = [...(await readTopic(log, topics.output)).values()].flat();
        const come = rows.some(({ key, value }) => {
          const row = JSON.parse(value ?? '') as { window_end: number };
          return key?.startsWith('sensor_') === true && row.window_end === endMs;
        });
        expect(come).toBe(true);
        return Date.now();
      },
      { timeoutMs: 120_000, onTimeout: () => programs.output() },
    );
    return seenMs - endMs;
  }
});

function reading(
  partition: number,
  timestamp: number,
): Pick<OutputRecord, 'key' | 'value'> & { readonly partition: number } {
  const value = JSON.stringify({ sensor_id: 'odd', timestamp, value: timestamp / 1e12 });
  return { partition, key: null, value: Buffer.from(value) };
}
