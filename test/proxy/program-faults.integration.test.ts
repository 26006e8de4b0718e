// The whole program behind the proxy, under feed, while single requests of all kinds are lost, refused, slowed and held:
// what is committed equals the model at the end.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';

import { feedSteadily, partitions, planOf, Programs, settle } from '../integration/pipeline.ts';
import { makeReadings } from '../integration/readings.ts';
import { createTestTopics } from '../integration/topics.ts';
import { kafkaBrokers, openTestLog } from '../log/kafka/kafka-harness.ts';
import { startFaultProxy, type Fault } from './fault-proxy.ts';
import type { ApiName } from './frames.ts';

const faults: readonly (readonly [ApiName, Fault])[] = [
  ['endTxn', { kind: 'dropAfter' }],
  ['fetch', { kind: 'dropAfter' }],
  ['produce', { kind: 'dropAfter' }],
  ['heartbeat', { kind: 'dropBefore' }],
  ['txnOffsetCommit', { kind: 'dropAfter' }],
  ['endTxn', { kind: 'late', until: 'txnOffsetCommit' }],
  ['addPartitionsToTxn', { kind: 'dropBefore' }],
  ['endTxn', { kind: 'refuse', code: 90 }],
  ['addOffsetsToTxn', { kind: 'refuse', code: 51 }],
  ['produce', { kind: 'dropBefore' }],
  ['endTxn', { kind: 'dropBefore' }],
  ['fetch', { kind: 'delay', ms: 1_000 }],
];

describe.skipIf(kafkaBrokers.length === 0)('the program behind a faulty network', () => {
  const programs = new Programs();
  afterEach(() => programs.killAll());

  it('loses and doubles nothing (faults 19, 22, 23, 25) while twelve requests go wrong', async () => {
    const log = openTestLog();
    const proxy = await startFaultProxy(Number(kafkaBrokers[0]?.split(':')[1]));
    const topics = await createTestTopics(log, kafkaBrokers.join(','), partitions);
    const records = makeReadings({ ...planOf(topics, 12_000), unkeyed: 0.05 });
    const program = await programs.start(topics, { KAFKA_BROKERS: proxy.address });
    await program.ready();

    const feeding = feedSteadily(log, records, 15_000);
    for (const [api, fault] of faults) {
      proxy.plant(api, fault);
      await sleep(1_200);
    }
    await feeding;
    await settle(log, topics, programs, { timeoutMs: 60_000 });

    expect(proxy.hits).toBe(faults.length);
    await programs.killAll();
    await proxy.close();
    await log.close();
  });
});
