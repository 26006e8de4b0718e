// One writer a partition, whichever version it is of: the ids of no two partitions meet, an owner
// of the former version is fenced, and an owner of this version that 7a19d02 has replaced commits
// nothing more.
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { FencedError } from '../../../src/errors.ts';
import type { EventLog, PartitionWriter } from '../../../src/log/event-log.ts';
import type { TopicPartition } from '../../../src/records/record.ts';
import {
  bytes,
  eventually,
  freshTopic,
  GroupLedger,
  RecordingMember,
  uniqueName,
  valuesOf,
} from '../../contracts/event-log-harness.ts';
import { FormerOwner } from './former-owner.ts';
import { kafkaBrokers, openTestLog } from './kafka-harness.ts';

describe.skipIf(kafkaBrokers.length === 0)('the transactional ids of a partition', () => {
  const log = openTestLog();
  const open: { close(): Promise<void> }[] = [];
  afterAll(() => log.close());
  afterEach(async () => {
    for (const each of open.splice(0)) await each.close();
  });

  const formerOwner = (groupId: string, input: TopicPartition): FormerOwner => {
    const owner = new FormerOwner(groupId, input);
    open.push(owner);
    return owner;
  };

  it('never meet those of another group and topic: a with b-c, beside a-b with c', async () => {
    const [a, b, c] = [uniqueName('a'), uniqueName('b'), uniqueName('c')];
    await log.ensureTopics([`${b}-${c}`, c].map((topic) => ({ topic, partitions: 1 })));
    const one = { group: a, place: { topic: `${b}-${c}`, partition: 0 } };
    const two = { group: `${a}-${b}`, place: { topic: c, partition: 0 } };

    const writers = await Promise.all(
      [one, two].map(({ group, place }) => log.openWriter(group, place)),
    );
    for (const nextOffset of [1, 2, 3]) {
      for (const writer of writers) await writer.commit({ nextOffset, metadata: '', records: [] });
    }

    for (const { group, place } of [one, two]) {
      expect(await log.committed(group, place)).toEqual({ nextOffset: 3, metadata: '' });
    }
  });

  it('fence an owner of the former version in the middle of its transaction', async () => {
    const [input, group] = [{ topic: await freshTopic(log), partition: 0 }, uniqueName('group')];
    const former = formerOwner(group, input);
    await former.acquire();
    await former.commitOffset(5);

    await log.openWriter(group, input);

    expect(await log.committed(group, input)).toBeUndefined();
    await expect(former.end()).rejects.toThrow();
    expect(await log.committed(group, input)).toBeUndefined();
  });

  it('let an observer read what was committed while a killed owner’s transaction is open', async () => {
    const topic = await freshTopic(log, 2);
    const [input, other] = [
      { topic, partition: 0 },
      { topic, partition: 1 },
    ];
    const group = uniqueName('group');
    await log.commitOffsets(group, [{ ...input, nextOffset: 3, metadata: 'before' }]);
    const killed = formerOwner(group, input);
    await killed.acquire();
    await killed.commitOffset(5);

    const committed = { nextOffset: 3, metadata: 'before' };
    expect(await log.observedPositions(group, [other, input])).toEqual([
      { committed: undefined, pending: false },
      { committed, pending: true },
    ]);

    // The owner is answered once that transaction has ended.
    const owned = log.committed(group, input);
    expect(await log.observedPositions(group, [input])).toEqual([{ committed, pending: true }]);
    await killed.end();
    const ended = { nextOffset: 5, metadata: 'former' };
    expect(await owned).toEqual(ended);
    expect(await log.observedPositions(group, [input])).toEqual([
      { committed: ended, pending: false },
    ]);
  });

  it('let nothing be committed beside an owner of the former version that took over from a member that was expelled', async () => {
    const { group, input, output, writer } = await memberThatWrites(log);
    const former = formerOwner(group, input);

    await former.expelMembers();
    await former.acquire();
    await former.commitOffset(5);
    await former.end();
    const late = commitOne(writer, output, 2);

    await expect(late).rejects.toBeInstanceOf(FencedError);
    expect(await log.committed(group, input)).toEqual({ nextOffset: 5, metadata: 'former' });
    expect(await valuesOf(log, output)).toEqual(['1']);
    // Nothing is left open: what others write is read at once.
    await log.append([{ ...output, key: null, value: bytes('later') }]);
    expect(await valuesOf(log, output)).toEqual(['1', 'later']);
  });

  it('let a member that was expelled go on where nobody owned its partitions meanwhile', async () => {
    const { group, input, output, writer } = await memberThatWrites(log);
    const former = formerOwner(group, input);

    for (const nextOffset of [2, 3]) {
      await former.expelMembers();
      await commitOne(writer, output, nextOffset);
    }

    expect(await log.committed(group, input)).toEqual({ nextOffset: 3, metadata: '' });
    expect(await valuesOf(log, output)).toEqual(['1', '2', '3']);
  });

  it('let members commit through every rebalance what they hold, and nothing that they lost', async () => {
    const topic = await freshTopic(log, 2);
    const output = { topic: await freshTopic(log), partition: 0 };
    const group = uniqueName('group');
    const [first, others] = [new RecordingMember('a', new GroupLedger()), openTestLog()];
    open.push(others);
    const member = await first.join(log, group, topic);
    const writers = await Promise.all(
      [0, 1].map((partition) => log.openWriter(group, { topic, partition })),
    );
    const commits = [0, 0];
    const commitFor = async (partition: number): Promise<void> => {
      const nextOffset = (commits[partition] ?? 0) + 1;
      await commitOne(writers[partition], output, nextOffset);
      commits[partition] = nextOffset;
    };

    let joining = true;
    const second = new RecordingMember('b', new GroupLedger());
    const joined = second.join(others, group, topic).finally(() => (joining = false));
    while (joining || first.held.size === 2) {
      for (const partition of first.held) {
        await commitFor(partition).catch((error: unknown) => {
          if (first.held.has(partition)) throw error;
        });
      }
    }
    await joined;

    const [kept = -1] = [...first.held];
    await commitFor(kept);
    await expect(commitFor(1 - kept)).rejects.toThrow();
    for (const partition of [0, 1]) {
      const position = await log.committed(group, { topic, partition });
      expect(position?.nextOffset ?? 0).toBe(commits[partition]);
    }
    await second.member?.leave();
    await member.leave();
  });
});

async function memberThatWrites(log: EventLog): Promise<{
  readonly group: string;
  readonly input: TopicPartition;
  readonly output: TopicPartition;
  readonly writer: PartitionWriter;
}> {
  const input = { topic: await freshTopic(log), partition: 0 };
  const output = { topic: await freshTopic(log), partition: 0 };
  const group = uniqueName('group');
  const listener = new RecordingMember('a', new GroupLedger());
  await listener.join(log, group, input.topic);
  const writer = await log.openWriter(group, input);
  await commitOne(writer, output, 1);
  await eventually(() => expect(listener.held.size).toBe(1));
  return { group, input, output, writer };
}

async function commitOne(
  writer: PartitionWriter | undefined,
  output: TopicPartition,
  nextOffset: number,
): Promise<void> {
  const records = [{ ...output, key: null, value: bytes(String(nextOffset)) }];
  await writer?.commit({ nextOffset, metadata: '', records });
}
