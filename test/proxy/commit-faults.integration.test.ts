// Commits through a proxy that loses, refuses, holds and swallows single requests (faults 19 and 22
// to 25): whatever happens to one, an owner that drops its writer and recovers, as a shard does,
// has each commit visible exactly once.
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { ConfigError, isSensoriumError } from '../../src/errors.ts';
import type { EventLog, PartitionWriter } from '../../src/log/event-log.ts';
import type { TopicPartition } from '../../src/records/record.ts';
import { eventually, freshTopic, recordsOf, valuesOf } from '../contracts/event-log-harness.ts';
import { kafkaBrokers, openTestLog } from '../log/kafka/kafka-harness.ts';
import { startFaultProxy, type Fault, type FaultProxy } from './fault-proxy.ts';
import type { ApiName } from './frames.ts';

const requests: readonly ApiName[] = [
  'findCoordinator',
  'initProducerId',
  'offsetFetch',
  'addOffsetsToTxn',
  'addPartitionsToTxn',
  'txnOffsetCommit',
  'produce',
  'endTxn',
];

/** Codes a coordinator may refuse a step of a transaction with. */
const ofTransactions = {
  COORDINATOR_NOT_AVAILABLE: 15,
  NOT_COORDINATOR: 16,
  INVALID_PRODUCER_EPOCH: 47,
  INVALID_TXN_STATE: 48,
  CONCURRENT_TRANSACTIONS: 51,
  UNKNOWN_PRODUCER_ID: 59,
  PRODUCER_FENCED: 90,
};
const loading = { COORDINATOR_LOAD_IN_PROGRESS: 14 };
const ofTopics = { UNKNOWN_TOPIC_OR_PARTITION: 3 };
const refusals: Partial<Record<ApiName, Readonly<Record<string, number>>>> = {
  findCoordinator: { COORDINATOR_NOT_AVAILABLE: 15 },
  addOffsetsToTxn: { ...ofTransactions, ...loading },
  endTxn: { ...ofTransactions, ...loading },
  initProducerId: { ...ofTransactions, ...loading },
  addPartitionsToTxn: { ...ofTransactions, ...loading, ...ofTopics },
  txnOffsetCommit: {
    ...loading,
    ...ofTopics,
    COORDINATOR_NOT_AVAILABLE: 15,
    NOT_COORDINATOR: 16,
    ILLEGAL_GENERATION: 22,
    UNKNOWN_MEMBER_ID: 25,
    INVALID_PRODUCER_EPOCH: 47,
    UNSTABLE_OFFSET_COMMIT: 88,
  },
  produce: {
    ...ofTopics,
    NOT_LEADER_OR_FOLLOWER: 6,
    REQUEST_TIMED_OUT: 7,
    NOT_ENOUGH_REPLICAS: 19,
    OUT_OF_ORDER_SEQUENCE_NUMBER: 45,
    INVALID_PRODUCER_EPOCH: 47,
    INVALID_TXN_STATE: 48,
    KAFKA_STORAGE_ERROR: 56,
    UNKNOWN_PRODUCER_ID: 59,
    PRODUCER_FENCED: 90,
  },
};

describe.skipIf(kafkaBrokers.length === 0)('commits through a faulty network', () => {
  let direct: EventLog;

  beforeAll(() => {
    direct = openTestLog();
  });
  afterAll(() => direct.close());

  const lost = requests.flatMap((api) =>
    (['dropBefore', 'dropAfter'] as const).map((kind) => ({ api, kind })),
  );

  it.each(lost)('$kind of $api (fault 22): three commits are visible once', async (fault) => {
    const { hits } = await commitThree(direct, fault.api, { kind: fault.kind });

    expect(hits).toBe(1);
  });

  const refused = Object.entries(refusals).flatMap(([api, codes]) =>
    Object.entries(codes).map(([name, code]) => ({ api: api as ApiName, name, code })),
  );

  it.each(refused)('$name to $api (fault 25): three commits are visible once', async (fault) => {
    const { hits } = await commitThree(direct, fault.api, { kind: 'refuse', code: fault.code });

    expect(hits).toBe(1);
  });

  const ahead = ['addOffsetsToTxn', 'addPartitionsToTxn'] as const;
  const lostAhead = lost.filter(({ api }) => ahead.some((name) => name === api));
  const refusedAhead = refused.filter(({ api }) => ahead.some((name) => name === api));

  it.each(lostAhead)('$kind of $api of a transaction that was begun ahead', async (fault) => {
    const { hits } = await commitThreeBegun(direct, fault.api, { kind: fault.kind });

    expect(hits).toBe(1);
  });

  it.each(refusedAhead)('$name to $api of a transaction that was begun ahead', async (fault) => {
    const { hits } = await commitThreeBegun(direct, fault.api, {
      kind: 'refuse',
      code: fault.code,
    });

    expect(hits).toBe(1);
  });

  const denied = [
    { api: 'addPartitionsToTxn', code: 29, begun: false },
    { api: 'addPartitionsToTxn', code: 29, begun: true },
    { api: 'produce', code: 29, begun: false },
    { api: 'txnOffsetCommit', code: 30, begun: true },
  ] as const;

  it.each(denied)(
    'a refusal for good of $api, begun ahead: $begun, leaves no transaction open',
    async (fault) => {
      const proxy = await startFaultProxy(Number(kafkaBrokers[0]?.split(':')[1]));
      const log = openTestLog({ brokers: [proxy.address] });
      onTestFinished(async () => {
        await log.close();
        await proxy.close();
      });
      const input = { topic: await freshTopic(direct, 1), partition: 0 };
      const output = { topic: await freshTopic(direct, 1), partition: 0 };
      const group = `group-${input.topic}`;
      const writer = await log.openWriter(group, input);
      const commit = (nextOffset: number): Promise<unknown> => {
        const records = [{ ...output, key: null, value: Buffer.from(String(nextOffset)) }];
        return writer.commit({ nextOffset, metadata: '', records });
      };
      await commit(1);
      proxy.plant(fault.api, { kind: 'refuse', code: fault.code });
      if (fault.begun) writer.begin();

      await expect(commit(2)).rejects.toBeInstanceOf(ConfigError);

      // Nobody opens the partition again, and the transaction timeout is a minute.
      await direct.append([{ ...output, key: null, value: Buffer.from('later') }]);
      await eventually(async () => {
        const { values, pending } = await settledNow(direct, { group, input, output });
        expect([values, pending]).toEqual([['1', 'later'], false]);
      }, 20_000);
    },
  );

  it('a partition refused by a broker that does not lead it goes again by itself, in the same transaction', async () => {
    const { hits } = await withProxy(direct, async (proxy, log, { groupId, input, output }) => {
      const other = await freshTopic(direct, 1);
      const writer = await log.openWriter(groupId, input);
      proxy.plant('produce', { kind: 'refuse', code: 6 });
      for (const position of [1, 2, 3]) {
        const value = Buffer.from(String(position));
        const records = [output, other].map((topic) => ({ topic, partition: 0, key: null, value }));
        const ends = await writer.commit({
          nextOffset: position,
          metadata: `at ${position}`,
          records,
        });
        expect(ends).toHaveLength(2);
      }
      expect(await valuesOf(direct, { topic: other, partition: 0 })).toEqual(['1', '2', '3']);
    });

    expect(hits).toBe(1);
  });

  it('an EndTxn that arrives inside the next owner’s transaction (fault 23) commits nothing of it', async () => {
    const { hits, lateCodes } = await commitThree(direct, 'endTxn', {
      kind: 'late',
      until: 'txnOffsetCommit',
    });

    expect(hits).toBe(1);
    expect(lateCodes).toHaveLength(1);
    // INVALID_PRODUCER_EPOCH or PRODUCER_FENCED: the opening in between raised the epoch.
    expect([47, 90]).toContain(lateCodes[0]);
  });

  it('a slow response (fault 28) delays a commit and changes nothing', async () => {
    const { hits } = await commitThree(direct, 'endTxn', { kind: 'delay', ms: 1_500 });

    expect(hits).toBe(1);
  });

  it('black holes (fault 24) of every request end in a timeout, and the commits are visible once', async () => {
    // Side by side: each takes the 15 s that a request is waited for.
    const proxies = await Promise.all(
      requests.map((api) => commitThree(direct, api, { kind: 'blackHole' })),
    );

    expect(proxies.map(({ hits }) => hits)).toEqual(requests.map(() => 1));
  });
});

/** Records seen by readers that wait for no transaction. */
async function settledNow(
  log: EventLog,
  { group, input, output }: { group: string; input: TopicPartition; output: TopicPartition },
): Promise<{ readonly values: readonly (string | null)[]; readonly pending: boolean | undefined }> {
  const values: (string | null)[] = [];
  for await (const batch of log.read({ ...output, from: 0, settledOnly: true })) {
    values.push(...recordsOf(batch).map(({ value }) => value));
  }
  const [observed] = await log.observedPositions(group, [input]);
  return { values, pending: observed?.pending };
}

/** Commits three records, the fault hitting the second, as an owner does; checks what a reader sees. */
function commitThree(direct: EventLog, api: ApiName, fault: Fault): Promise<FaultProxy> {
  return withProxy(direct, async (proxy, log, work) => {
    // Coordinators are asked for once and then remembered.
    if (api === 'findCoordinator') proxy.plant(api, fault);
    await commitUpTo(log, { ...work, until: 1 });
    if (api !== 'findCoordinator') proxy.plant(api, fault);
    await commitUpTo(log, { ...work, until: 3 });
  });
}

/** The same by one owner, whose second and third transaction are begun ahead. */
function commitThreeBegun(direct: EventLog, api: ApiName, fault: Fault): Promise<FaultProxy> {
  return withProxy(direct, async (proxy, log, work) => {
    let planted = false;
    const onCommitted = (writer: PartitionWriter): void => {
      if (!planted) proxy.plant(api, fault);
      planted = true;
      writer.begin();
    };
    await commitUpTo(log, { ...work, until: 3, onCommitted });
  });
}

async function withProxy(
  direct: EventLog,
  commitThrough: (proxy: FaultProxy, log: EventLog, work: Work) => Promise<void>,
): Promise<FaultProxy> {
  const port = Number(kafkaBrokers[0]?.split(':')[1]);
  const proxy = await startFaultProxy(port);
  const log = openTestLog({ brokers: [proxy.address] });
  try {
    const input = { topic: await freshTopic(direct, 1), partition: 0 };
    const output = await freshTopic(direct, 1);
    const groupId = `group-${input.topic}`;
    await commitThrough(proxy, log, { groupId, input, output });

    expect(await valuesOf(direct, { topic: output, partition: 0 })).toEqual(['1', '2', '3']);
    expect(await direct.committed(groupId, input)).toEqual({ nextOffset: 3, metadata: 'at 3' });
    return proxy;
  } finally {
    await log.close();
    await proxy.close();
  }
}

interface Work {
  readonly groupId: string;
  readonly input: TopicPartition;
  readonly output: string;
}

/** Acts as a shard: opens, reads the position, commits on; at any failure drops the writer and begins again. */
async function commitUpTo(
  log: EventLog,
  work: Work & {
    readonly until: number;
    readonly onCommitted?: (writer: PartitionWriter) => void;
  },
): Promise<void> {
  const { groupId, input, output, until, onCommitted } = work;
  for (let attempt = 1; ; attempt += 1) {
    let position = 0;
    try {
      const writer = await log.openWriter(groupId, input);
      position = (await log.committed(groupId, input))?.nextOffset ?? 0;
      while (position < until) {
        position += 1;
        const value = Buffer.from(String(position));
        const records = [{ topic: output, partition: 0, key: null, value }];
        await writer.commit({ nextOffset: position, metadata: `at ${position}`, records });
        if (position < until) onCommitted?.(writer);
      }
      return await writer.close();
    } catch (error) {
      const again = isSensoriumError(error) && ['retry', 'release'].includes(error.directive);
      if (!again || attempt >= 5) throw error;
    }
  }
}
