// A group's member behind a faulty network (faults 21, 22, 24 and 25): whatever happens to one of
// its requests, it folds every record of its partitions once and in order, and its positions are
// committed.
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { ConfigError, isSensoriumError, UnavailableError } from '../../src/errors.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import {
  eventually,
  freshTopic,
  GroupLedger,
  numbered,
  RecordingMember,
  uniqueName,
} from '../contracts/event-log-harness.ts';
import { kafkaBrokers, openTestLog } from '../log/kafka/kafka-harness.ts';
import { startFaultProxy, type Fault, type FaultProxy } from './fault-proxy.ts';
import type { ApiName } from './frames.ts';

const brokerPort = Number(kafkaBrokers[0]?.split(':')[1]);

const requests: readonly ApiName[] = [
  'metadata',
  'findCoordinator',
  'joinGroup',
  'syncGroup',
  'heartbeat',
  'fetch',
  'listOffsets',
  'offsetCommit',
];
const losses: readonly Fault[] = [
  { kind: 'dropBefore' },
  { kind: 'dropAfter' },
  { kind: 'delay', ms: 1_500 },
];

const coordinator = {
  COORDINATOR_LOAD_IN_PROGRESS: 14,
  COORDINATOR_NOT_AVAILABLE: 15,
  NOT_COORDINATOR: 16,
};
const membership = { ILLEGAL_GENERATION: 22, UNKNOWN_MEMBER_ID: 25, REBALANCE_IN_PROGRESS: 27 };
/** By request, the codes a broker can refuse it with and be asked again. */
const refusals: Partial<Record<ApiName, Readonly<Record<string, number>>>> = {
  findCoordinator: { COORDINATOR_NOT_AVAILABLE: 15 },
  joinGroup: { ...coordinator, UNKNOWN_MEMBER_ID: 25 },
  syncGroup: { ...coordinator, ...membership },
  heartbeat: { ...coordinator, ...membership },
  offsetCommit: { ...coordinator, ...membership },
  fetch: {
    UNKNOWN_TOPIC_OR_PARTITION: 3,
    LEADER_NOT_AVAILABLE: 5,
    NOT_LEADER_OR_FOLLOWER: 6,
    REPLICA_NOT_AVAILABLE: 9,
    KAFKA_STORAGE_ERROR: 56,
  },
};

describe.skipIf(kafkaBrokers.length === 0)('a member through a faulty network', () => {
  let direct: EventLog;

  beforeAll(() => {
    direct = openTestLog();
  });
  afterAll(() => direct.close());

  const lost = requests.flatMap((api) => losses.map((fault) => ({ api, fault, kind: fault.kind })));

  it.each(lost)('$kind of $api (fault 22): every record is folded once', async ({ api, fault }) => {
    await foldThrough(direct, api, fault);
  });

  const refused = Object.entries(refusals).flatMap(([api, codes]) =>
    Object.entries(codes).map(([name, code]) => ({ api: api as ApiName, name, code })),
  );

  it.each(refused)(
    '$name to $api (fault 25): every record is folded once',
    async ({ api, code }) => {
      await foldThrough(direct, api, { kind: 'refuse', code });
    },
  );

  it('black holes (fault 24) of every request end in a timeout, and every record is folded once', async () => {
    await Promise.all(requests.map((api) => foldThrough(direct, api, { kind: 'blackHole' })));
  });

  it('OFFSET_OUT_OF_RANGE to fetch (fault 25) ends one delivery with what the log holds, and moves no position', async () => {
    const { proxy, log, topic, groupId } = await benchOf(direct);
    await direct.append(numbered(topic, 0, 3));
    const listener = new RecordingMember('a', new GroupLedger(), 'waits');
    proxy.plant('fetch', { kind: 'refuse', code: 1 });
    const member = await listener.join(log, groupId, topic);

    member.start({ topic, partition: 0 }, 1);

    await eventually(() => expect(listener.partitionFailures).toHaveLength(1));
    expect(listener.partitionFailures[0]?.error).toBeInstanceOf(UnavailableError);
    expect(String(listener.partitionFailures[0]?.error)).toMatch(/Offset 1 of .*holds 0 to 3/);
    expect(listener.failures).toEqual([]);
    expect(await direct.committed(groupId, { topic, partition: 0 })).toBeUndefined();
  });

  it.each([
    ['a right to read that was taken away', 29, ConfigError],
    ['an error that the broker has with one partition', -1, UnavailableError],
  ])('%s (fault 25) ends one delivery, and the next start goes on', async (_, code, kind) => {
    const { proxy, log, topic, groupId } = await benchOf(direct);
    await direct.append(numbered(topic, 0, 3));
    const ledger = new GroupLedger();
    const listener = new RecordingMember('a', ledger, 'waits');
    proxy.plant('fetch', { kind: 'refuse', code });
    const member = await listener.join(log, groupId, topic);

    member.start({ topic, partition: 0 }, 0);
    await eventually(() => expect(listener.partitionFailures).toHaveLength(1));
    member.start({ topic, partition: 0 }, 0);

    await eventually(() => expect(ledger.allDelivered()).toHaveLength(3));
    expect(listener.partitionFailures[0]?.error).toBeInstanceOf(kind);
    expect([listener.failures, listener.assignments]).toEqual([[], 1]);
  });

  it('takes starts, pauses and resumes while it is cut off and joins again, and obeys them then', async () => {
    const { proxy, log, topic, groupId } = await benchOf(direct);
    const place = { topic, partition: 0 };
    await direct.append(numbered(topic, 0, 1));
    const ledger = new GroupLedger();
    const listener = new RecordingMember('a', ledger);
    const member = await listener.join(log, groupId, topic);
    await eventually(() => expect(ledger.allDelivered()).toHaveLength(1));

    proxy.cut();
    await direct.append(numbered(topic, 1, 3));
    const confirmed = member.heartbeatAfterNow().then(() => true);
    // Through its attempts to join again, whatever it is in the middle of.
    for (let order = 0; order < 200; order += 1) {
      member.pause(place);
      member.resume(place);
      member.start(place, ledger.positions.get(0) ?? 0);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    proxy.mend();

    await eventually(() => expect(ledger.allDelivered()).toHaveLength(3));
    expect(await confirmed).toBe(true);
    expect(listener.failures).toEqual([]);
  });
});

interface Bench {
  readonly proxy: FaultProxy;
  /** Through the proxy. */
  readonly log: EventLog;
  readonly topic: string;
  readonly groupId: string;
}

async function benchOf(direct: EventLog): Promise<Bench> {
  const proxy = await startFaultProxy(brokerPort);
  const log = openTestLog({ brokers: [proxy.address] });
  onTestFinished(async () => {
    proxy.mend();
    await log.close();
    await proxy.close();
  });
  return { proxy, log, topic: await freshTopic(direct, 2), groupId: uniqueName('group') };
}

/** Hits one request of a member that folds, rejoins and commits. */
async function foldThrough(direct: EventLog, api: ApiName, fault: Fault): Promise<void> {
  const { proxy, log, topic, groupId } = await benchOf(direct);
  const ledger = new GroupLedger();
  const listener = new RecordingMember('a', ledger);
  // Requests made only once are hit at the first contact.
  const first = ['findCoordinator', 'metadata'].includes(api);
  if (first) proxy.plant(api, fault);
  await listener.join(log, groupId, topic);
  await appendBoth(direct, topic, 0);
  await eventually(() => expect(ledger.allDelivered()).toHaveLength(10));

  if (!first) proxy.plant(api, fault);
  // Another member comes and goes, so that this one joins again.
  const other = new RecordingMember('b', ledger);
  const second = await other.join(direct, groupId, topic);
  await appendBoth(direct, topic, 5);
  await log.offsets({ topic, partition: 0 });
  await commitPatiently(log, groupId, { topic, partition: 0, nextOffset: 5, metadata: '' });
  await second.leave();
  await eventually(() => expect(listener.held.size).toBe(2));
  await appendBoth(direct, topic, 10);

  await eventually(() => expect(ledger.allDelivered()).toHaveLength(30));
  const each = Array.from({ length: 15 }, (_, index) => String(index));
  expect([...ledger.delivered.values()]).toEqual([each, each]);
  await eventually(() => expect(proxy.hits).toBe(1));
  const committed = await direct.committed(groupId, { topic, partition: 0 });
  expect(committed?.nextOffset).toBe(5);
  expect(listener.failures).toEqual([]);
}

async function appendBoth(log: EventLog, topic: string, from: number): Promise<void> {
  for (const partition of [0, 1]) {
    await log.append(
      Array.from({ length: 5 }, (_, index) => ({
        topic,
        partition,
        key: null,
        value: Buffer.from(String(from + index)),
      })),
    );
  }
}

/** As a projection does: a position that could not be committed is committed later. */
async function commitPatiently(
  log: EventLog,
  groupId: string,
  position: Parameters<EventLog['commitOffsets']>[1][number],
): Promise<void> {
  await eventually(async () => {
    try {
      await log.commitOffsets(groupId, [position]);
    } catch (error) {
      if (!isSensoriumError(error) || error.directive !== 'retry')
        expect.unreachable(String(error));
      throw error;
    }
  });
}
