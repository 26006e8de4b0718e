// The laws of the event log's group membership: who holds what, what is delivered, once, in order, to one member.
import { describe, expect, onTestFinished, test } from 'vitest';

import { UnavailableError } from '../../src/errors.ts';
import type { EventLog } from '../../src/log/event-log.ts';
import type { LogUnderTest } from './event-log-harness.ts';
import {
  bytes,
  closedGate,
  eventually,
  freshTopic,
  GroupLedger,
  recordsOf,
  RecordingMember,
  uniqueName,
} from './event-log-harness.ts';

interface Group {
  readonly topic: string;
  readonly groupId: string;
  readonly ledger: GroupLedger;
  member(name: string, start?: 'starts-itself' | 'waits'): RecordingMember;
  /** Appends one record to each partition; values are `<partition>:<tag>`. */
  appendToAll(tag: string): Promise<void>;
}

async function group(log: EventLog, partitions: number): Promise<Group> {
  const topic = await freshTopic(log, partitions);
  const groupId = uniqueName('group');
  const ledger = new GroupLedger();
  return {
    topic,
    groupId,
    ledger,
    member(name, start) {
      const member = new RecordingMember(name, ledger, start);
      onTestFinished(() => member.member?.leave());
      return member;
    },
    async appendToAll(tag) {
      await log.append(
        Array.from({ length: partitions }, (_, partition) => ({
          topic,
          partition,
          key: null,
          value: bytes(`${partition}:${tag}`),
        })),
      );
    },
  };
}

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** States the laws of membership and delivery for the log under test. */
export function eventLogGroupContract(underTest: LogUnderTest): void {
  describe('group', () => {
    deliveryLaws(underTest);
    membershipLaws(underTest);
  });
}

function deliveryLaws({ log }: LogUnderTest): void {
  test('a single member is assigned every partition and receives nothing before start', async () => {
    const { topic, groupId, ledger, member, appendToAll } = await group(log(), 4);
    await appendToAll('before');
    const waiting = member('a', 'waits');
    const joined = await waiting.join(log(), groupId, topic);
    await eventually(() => expect([...waiting.held].sort()).toEqual(range(4)));

    joined.start({ topic, partition: 2 }, 0);

    await eventually(() => expect(ledger.delivered.get(2)).toEqual(['2:before']));
    expect(waiting.batches.every((batch) => batch.partition === 2)).toBe(true);
  });

  test('records are delivered in order, once, from the offset of start', async () => {
    const { topic, groupId, ledger, member } = await group(log(), 1);
    const values = range(500).map(String);
    for (let from = 0; from < 250; from += 50) {
      await log().append(
        range(50).map((index) => ({
          topic,
          partition: 0,
          key: null,
          value: bytes(`${from + index}`),
        })),
      );
    }
    ledger.positions.set(0, 120);
    await member('a').join(log(), groupId, topic);
    for (let index = 250; index < 500; index += 1) {
      await log().append([{ topic, partition: 0, key: null, value: bytes(String(index)) }]);
    }

    await eventually(() => expect(ledger.delivered.get(0)?.length).toBeGreaterThanOrEqual(380));
    expect(ledger.delivered.get(0)).toEqual(values.slice(120));
  });

  test('a batch has the requested offset, the next offset and the high watermark', async () => {
    const { topic, groupId, ledger, member, appendToAll } = await group(log(), 1);
    for (const tag of ['a', 'b', 'c']) await appendToAll(tag);
    ledger.positions.set(0, 1);
    const listener = member('a');
    await listener.join(log(), groupId, topic);

    await eventually(() => expect(ledger.positions.get(0)).toBe(3));
    const first = listener.batches[0];
    expect(first).toMatchObject({ topic, partition: 0, fetchOffset: 1 });
    expect(first?.highWatermark).toBe(3);
    let position = 1;
    for (const batch of listener.batches) {
      expect(batch.fetchOffset).toBeLessThanOrEqual(position);
      position = batch.nextOffset;
    }
  });

  test('a partition whose offset the log does not hold fails alone, until its next start', async () => {
    const { topic, groupId, ledger, member, appendToAll } = await group(log(), 3);
    await appendToAll('a');
    const lost = member('a');
    ledger.positions.set(1, 7);

    const joined = await lost.join(log(), groupId, topic);

    await eventually(() => expect(lost.partitionFailures).toHaveLength(1));
    const [failure] = lost.partitionFailures;
    expect(failure).toMatchObject({ topic, partition: 1 });
    expect(failure?.error).toBeInstanceOf(UnavailableError);
    expect(failure?.error.message).toMatch(/Offset 7 of .*0 to 1/);
    // Others are delivered, before and after, in the same generation.
    await appendToAll('b');
    await eventually(() => {
      for (const partition of [0, 2]) {
        const both = [`${partition}:a`, `${partition}:b`];
        expect(ledger.delivered.get(partition)).toEqual(both);
      }
    });
    expect(ledger.delivered.get(1)).toBeUndefined();

    ledger.positions.set(1, 1);
    joined.start({ topic, partition: 1 }, 1);

    await eventually(() => expect(ledger.delivered.get(1)).toEqual(['1:b']));
    expect([lost.failures, lost.partitionFailures.length, lost.assignments]).toEqual([[], 1, 1]);
  });

  test('a second start moves delivery back', async () => {
    const { topic, groupId, ledger, member, appendToAll } = await group(log(), 1);
    await appendToAll('a');
    await appendToAll('b');
    const joined = await member('a').join(log(), groupId, topic);
    await eventually(() => expect(ledger.delivered.get(0)).toEqual(['0:a', '0:b']));

    ledger.positions.set(0, 0);
    joined.start({ topic, partition: 0 }, 0);

    await eventually(() => expect(ledger.delivered.get(0)).toEqual(['0:a', '0:b', '0:a', '0:b']));
  });

  test('the next batch of a partition waits until the previous one is done', async () => {
    const { topic, groupId, ledger, member, appendToAll } = await group(log(), 1);
    await appendToAll('a');
    const listener = member('a');
    const gate = closedGate();
    listener.gate = gate;
    await listener.join(log(), groupId, topic);
    await eventually(() => expect(listener.running).toBe(1));

    for (const tag of ['b', 'c', 'd']) await appendToAll(tag);
    await listener.member?.heartbeatAfterNow();
    expect(listener.batches).toHaveLength(1);
    gate.open();

    await eventually(() => expect(ledger.delivered.get(0)).toEqual(['0:a', '0:b', '0:c', '0:d']));
    expect(listener.runningMax).toBe(1);
  });

  test('a paused partition receives nothing until it is resumed, and others continue', async () => {
    const { topic, groupId, ledger, member, appendToAll } = await group(log(), 2);
    const joined = await member('a').join(log(), groupId, topic);
    await appendToAll('a');
    await eventually(() => expect(ledger.allDelivered().sort()).toEqual(['0:a', '1:a']));

    joined.pause({ topic, partition: 1 });
    await appendToAll('b');
    await eventually(() => expect(ledger.delivered.get(0)).toEqual(['0:a', '0:b']));
    await joined.heartbeatAfterNow();
    expect(ledger.delivered.get(1)).toEqual(['1:a']);
    joined.resume({ topic, partition: 1 });

    await eventually(() => expect(ledger.delivered.get(1)).toEqual(['1:a', '1:b']));
  });

  test('what a writer commits is delivered to the group', async () => {
    const { topic, groupId, ledger, member } = await group(log(), 1);
    const input = await freshTopic(log());
    await member('a').join(log(), groupId, topic);
    const writer = await log().openWriter(uniqueName('group'), { topic: input, partition: 0 });

    const record = { topic, partition: 0, key: null };
    await writer.commit({
      nextOffset: 1,
      metadata: '',
      records: [{ ...record, value: bytes('x') }],
    });
    await writer.commit({ nextOffset: 2, metadata: '', records: [] });
    await writer.commit({
      nextOffset: 3,
      metadata: '',
      records: [{ ...record, value: bytes('y') }],
    });

    await eventually(() => expect(ledger.delivered.get(0)).toEqual(['x', 'y']));
    await writer.close();
  });
}

function membershipLaws({ log, another }: LogUnderTest): void {
  test('a second member takes over half, and gives it back when it leaves', async () => {
    const { topic, groupId, ledger, member, appendToAll } = await group(log(), 8);
    const [first, second] = [member('first'), member('second')];
    await first.join(log(), groupId, topic);
    await appendToAll('one');
    await eventually(() => expect(ledger.allDelivered()).toHaveLength(8));
    const generations = first.generations;
    expect(generations).toBeGreaterThan(0);

    await second.join(await another(), groupId, topic);
    await eventually(() => {
      expect(second.held.size).toBe(4);
      expect(first.held.size).toBe(4);
    });
    expect([...first.held, ...second.held].sort()).toEqual(range(8));
    expect(first.revocations).toBeGreaterThan(0);
    expect(first.generations).toBeGreaterThan(generations);
    expect(second.generations).toBeGreaterThan(0);
    await appendToAll('two');
    await eventually(() => expect(ledger.allDelivered()).toHaveLength(16));

    await second.member?.leave();
    await eventually(() => expect(first.held.size).toBe(8));
    await appendToAll('three');
    await eventually(() => expect(ledger.allDelivered()).toHaveLength(24));

    for (const partition of range(8)) {
      expect(ledger.delivered.get(partition)).toEqual(
        ['one', 'two', 'three'].map((tag) => `${partition}:${tag}`),
      );
    }
    expect(ledger.violations).toEqual([]);
    expect([...first.failures, ...second.failures]).toEqual([]);
  });

  test('while members come and go every record is delivered once and in order', async () => {
    const { topic, groupId, ledger, member } = await group(log(), 4);
    const logs = [log(), await another(), await another()];
    let appending = true;
    let appended = 0;
    const append = async (): Promise<void> => {
      while (appending) {
        await log().append(
          range(4).map((partition) => ({
            topic,
            partition,
            key: null,
            value: bytes(String(appended)),
          })),
        );
        appended += 1;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    const appender = append();

    const members = logs.map((_, index) => member(`m${index}`));
    for (const [index, each] of members.entries())
      await each.join(logs[index] ?? log(), groupId, topic);
    await eventually(() => expect(members.every((each) => each.held.size > 0)).toBe(true));
    await members[0]?.member?.leave();
    await eventually(() => expect(members[1]?.held.size).toBe(2));
    await members[1]?.member?.leave();
    await eventually(() => expect(members[2]?.held.size).toBe(4));
    appending = false;
    await appender;

    await eventually(() => expect(ledger.allDelivered()).toHaveLength(appended * 4));
    for (const partition of range(4)) {
      expect(ledger.delivered.get(partition)).toEqual(range(appended).map(String));
    }
    expect(ledger.violations).toEqual([]);
  });

  test('groups do not see each other', async () => {
    const { topic, ledger, member, appendToAll } = await group(log(), 2);
    const otherLedger = new GroupLedger();
    const other = new RecordingMember('other', otherLedger);
    await member('a').join(log(), uniqueName('group'), topic);
    await other.join(log(), uniqueName('group'), topic);

    await appendToAll('x');

    await eventually(() => expect(ledger.allDelivered().sort()).toEqual(['0:x', '1:x']));
    await eventually(() => expect(otherLedger.allDelivered().sort()).toEqual(['0:x', '1:x']));
    await other.member?.leave();
  });

  test('heartbeatAfterNow resolves while a member and rejects once it has left', async () => {
    const { topic, groupId, member } = await group(log(), 1);
    const joined = await member('a').join(log(), groupId, topic);

    await joined.heartbeatAfterNow();
    await joined.leave();

    await expect(joined.heartbeatAfterNow()).rejects.toBeInstanceOf(UnavailableError);
  });

  test('leave waits for the running batch, delivers nothing more, and can be called twice', async () => {
    const { topic, groupId, ledger, member, appendToAll } = await group(log(), 1);
    await appendToAll('a');
    const listener = member('a');
    const gate = closedGate();
    listener.gate = gate;
    const joined = await listener.join(log(), groupId, topic);
    await eventually(() => expect(listener.running).toBe(1));

    let left = false;
    const leaving = joined.leave().then(() => {
      left = true;
    });
    await appendToAll('b');
    expect(left).toBe(false);
    gate.open();
    await leaving;
    await joined.leave();

    expect(listener.running).toBe(0);
    expect(listener.batches).toHaveLength(1);
    expect(recordsOf(listener.batches[0] ?? emptyBatch(topic)).map((each) => each.value)).toContain(
      '0:a',
    );
    expect(ledger.violations).toEqual([]);
  });
}

function emptyBatch(topic: string): RecordingMember['batches'][number] {
  throw new Error(`no batch of ${topic} was delivered`);
}
