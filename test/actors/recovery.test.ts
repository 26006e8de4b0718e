// Recovery: the states it refuses, and those it trusts; over the simulated broker, with virtual
// time.
import { describe, expect, it } from 'vitest';

import {
  recoveredShard,
  recoverySemantics,
  recoverySettings,
  recoveryWorld,
} from '../../property-tests/simulation/recovery-world.ts';
import type { SimulatedBroker } from '../../property-tests/simulation/simulated-log.ts';
import { simulatedTopics } from '../../property-tests/simulation/simulated-process.ts';
import { journalRecord, openingEntry } from '../../src/actors/journal.ts';
import { encodePositionMetadata } from '../../src/actors/position-metadata.ts';
import { encodeShardSnapshot } from '../../src/actors/shard-memory.ts';
import { ConfigError, UnavailableError } from '../../src/errors.ts';
import { semanticsFingerprint } from '../../src/sensors/fingerprint.ts';
import type { Semantics } from '../../src/sensors/shard-state.ts';

const shard = recoveredShard;
const settings = recoverySettings;
const world = recoveryWorld;

const feed = (broker: SimulatedBroker, records: number): void => {
  for (let i = 0; i < records; i += 1) {
    broker.append([{ ...shard, key: Buffer.from('a'), value: Buffer.from('{}') }]);
  }
};

/** A never idle shard as 7a19d02 left it: an offset, and no entry in the journal. */
const commitAsBefore = (broker: SimulatedBroker, nextOffset: number): void => {
  const metadata = encodePositionMetadata({
    version: 1,
    origin: 0,
    fingerprint: semanticsFingerprint(recoverySemantics).text,
    sources: 1,
    watermarkMs: null,
    sourceMaxMs: null,
    sourceIdle: false,
    journal: { sequence: 0, originOffset: 0 },
    snapshots: [],
  });
  broker.commits.set(`group|${shard.topic}/0`, { nextOffset, metadata });
};

describe('recovery', () => {
  it('commits where the log began for us before anything else, so that replay always has a start', async () => {
    const { recover, committed, broker } = world();
    feed(broker, 3);

    const { memory, committedOffset } = await recover();

    expect([memory.position, committedOffset, committed().origin]).toEqual([0, 0, 0]);
  });

  it('starts a new group at the end only when told, and only at its very first start', async () => {
    const { recover, broker } = world();
    feed(broker, 3);
    const latest = { ...settings, startingOffsets: 'latest' as const };

    const first = await recover({ settings: latest });
    feed(broker, 2);
    const second = await recover({ settings: latest });

    expect(first.committedOffset).toBe(3);
    expect(second.committedOffset).toBe(3);
  });

  it('refuses settings that would compute other results, and names what differs', async () => {
    const { recover } = world();
    await recover();
    const semantics: Semantics = { ...recoverySemantics, windowMs: 30_000, windows: [] };

    const again = recover({ semantics });

    await expect(again).rejects.toThrow(ConfigError);
    await expect(again).rejects.toThrow(/WINDOW_MS: stored 10000, configured 30000/);
  });

  it('refuses input partitions that grew under keyed input, and says the cure', async () => {
    const { recover } = world();
    await recover();

    await expect(recover({ sourcePartitions: 2 })).rejects.toThrow(/INPUT_KEYING=rekey/);
  });

  it('refuses a partition that was added while it ran under keyed input', async () => {
    const { recover } = world();

    await expect(recover({ sourcePartitions: 0 })).rejects.toThrow(/1 partitions but had 0.*rekey/);
  });

  it('refuses a log that ends below the committed offset', async () => {
    const { recover, broker } = world();
    feed(broker, 5);
    await recover();
    const position = broker.commits.get(`group|${shard.topic}/0`);
    const { metadata } = position ?? { metadata: '' };
    broker.commits.set(`group|${shard.topic}/0`, { nextOffset: 9, metadata });

    await expect(recover()).rejects.toThrow(/ends at offset 5, but this group committed 9/);
  });

  it.each([
    ['input', simulatedTopics.input],
    ['journal', simulatedTopics.journal],
  ])('refuses an %s topic that was deleted and made again, however long it is', async (_, name) => {
    const { recover, broker } = world();
    feed(broker, 5);
    await recover();
    broker.topicIds.set(name, 'another');

    const again = recover();

    await expect(again).rejects.toThrow(ConfigError);
    await expect(again).rejects.toThrow(
      `${name} was deleted and made again (its topic id was id-of-${name} and is another)`,
    );
  });

  it('takes the ids of its topics over where an earlier version committed none', async () => {
    const { recover, broker } = world();
    feed(broker, 5);
    commitAsBefore(broker, 3);

    const { metadata } = await recover();

    expect([metadata.topicId, metadata.journal.topicId]).toEqual([
      `id-of-${simulatedTopics.input}`,
      `id-of-${simulatedTopics.journal}`,
    ]);
  });

  it('goes on where the log tells no ids, and keeps those that it knew', async () => {
    const { recover, broker } = world();
    await recover();
    broker.topicIds.clear();

    const { metadata } = await recover();

    expect(metadata.topicId).toBe(`id-of-${simulatedTopics.input}`);
  });

  it('refuses a log that no longer holds what replay needs, and names both offsets and the cure', async () => {
    const shortened = world();
    feed(shortened.broker, 20);
    await shortened.recover();
    shortened.earliest = 7;

    await expect(shortened.recover()).rejects.toThrow(
      /begins at offset 7.*from offset 0 \(committed 0\).*--accept-gap/s,
    );
  });

  it('goes on over a gap that is accepted, journals and counts it, and asks no second time', async () => {
    const shortened = world();
    feed(shortened.broker, 20);
    await shortened.recover();
    shortened.earliest = 7;

    const accepted = await shortened.recover({ settings: { ...settings, acceptGap: true } });
    const later = await shortened.recover();

    const gap = { kind: 'gap', sequence: 2, offset: 0, from_offset: 0, to_offset: 7 };
    expect(accepted.journalEntries.slice(1)).toEqual([expect.objectContaining(gap)]);
    expect([accepted.committedOffset, later.committedOffset]).toEqual([7, 7]);
    expect(later.journalEntries).toEqual(accepted.journalEntries);
    expect((await shortened.metrics.gapRecords.get()).values[0]?.value).toBe(7);
  });

  it('refuses a group whose offsets vanished, though the shard never decided anything', async () => {
    const { recover, broker } = world();
    feed(broker, 5);
    await recover();
    broker.commits.delete(`group|${shard.topic}/0`);

    const again = recover();

    await expect(again).rejects.toThrow(ConfigError);
    await expect(again).rejects.toThrow(/no committed offset .*new GROUP_ID and OUTPUT_TOPIC/s);
  });

  it('waits while Kafka answers a position older than one that it has acknowledged to this thread', async () => {
    const { recover, broker, context } = world();
    feed(broker, 5);
    await recover();
    context.heldPositions.acknowledged(shard, 4);

    const behind = recover();

    await expect(behind).rejects.toThrow(UnavailableError);
    await expect(behind).rejects.toThrow(/answers position 0 for .*, but has acknowledged 4/);
    const place = `group|${shard.topic}/0`;
    const { metadata } = broker.commits.get(place) ?? { metadata: '' };
    broker.commits.set(place, { nextOffset: 4, metadata });
    await expect(recover()).resolves.toMatchObject({ committedOffset: 4 });
  });

  it('finds the journal entries of a shard where they were written, after the topic grew', async () => {
    const { recover, broker, committed } = world();
    const { journalEntries } = await recover();
    broker.grow(simulatedTopics.journal, 5);

    // Every count up to the new one: by some of them the shard's key lies in another partition.
    for (let journalPartitions = 2; journalPartitions <= 6; journalPartitions += 1) {
      const later = await recover({ journalPartitions });

      expect(later.journalEntries).toEqual(journalEntries);
      expect(committed().journal.partitions).toBe(1);
    }
  });

  it('opens the journal of a shard that an earlier version committed without any entry', async () => {
    const { recover, broker, committed } = world();
    feed(broker, 5);
    commitAsBefore(broker, 3);

    const recovered = await recover();
    const later = await recover();

    expect([recovered.committedOffset, later.committedOffset]).toEqual([3, 3]);
    expect(recovered.journalEntries).toEqual([openingEntry(3)]);
    expect(later.journalEntries).toEqual([openingEntry(3)]);
    expect(committed().journal.sequence).toBe(1);
    broker.commits.delete(`group|${shard.topic}/0`);
    await expect(recover()).rejects.toThrow(/no committed offset/);
  });

  it('starts a new group beside another one whose journal it shares', async () => {
    const { recover, broker } = world();
    const journal = { topic: simulatedTopics.journal, partition: 0 };
    broker.append([journalRecord(openingEntry(0), `other/${shard.topic}/0`, journal)]);

    await expect(recover()).resolves.toMatchObject({ committedOffset: 0 });
  });

  it('refuses an offset that another program committed', async () => {
    const { recover, broker } = world();
    broker.commits.set(`group|${shard.topic}/0`, { nextOffset: 0, metadata: 'theirs' });

    await expect(recover()).rejects.toThrow(/another consumer uses this GROUP_ID/);
  });

  it('restores the newest snapshot that can be read and is not past the committed offset', async () => {
    const { recover, broker, committed, snapshots } = world();
    feed(broker, 9);
    const { memory } = await recover();
    const at = (position: number): Uint8Array =>
      encodeShardSnapshot({ ...memory, position }, shard, 0);
    snapshots.set('at-4', at(4));
    snapshots.set('at-8', at(8));
    const named = (id: string): object => ({ id, place: '', length: 0, checksum: 0, takenMs: 0 });
    const metadata = { ...committed(), snapshots: ['at-8', 'gone', 'at-4'].map(named) as never };
    const text = encodePositionMetadata(metadata);
    broker.commits.set(`group|${shard.topic}/0`, { nextOffset: 6, metadata: text });

    const recovered = await recover();

    expect(recovered.memory.position).toBe(4);
    expect(recovered.committedOffset).toBe(6);
  });

  it('obeys exactly the journal entries between the snapshot and the committed metadata', async () => {
    const { recover, broker, committed } = world();
    await recover();
    const journal = { topic: simulatedTopics.journal, partition: 0 };
    for (const sequence of [2, 3, 4]) {
      const entry = {
        version: 1,
        sequence,
        offset: 0,
        kind: 'idle',
        watermark_ms: sequence,
      } as const;
      broker.append([journalRecord(entry, 'group/other/0', journal)]);
      broker.append([journalRecord(entry, `group/${shard.topic}/0`, journal)]);
    }
    const metadata = { ...committed(), journal: { sequence: 3, originOffset: 0 } };
    const text = encodePositionMetadata(metadata);
    broker.commits.set(`group|${shard.topic}/0`, { nextOffset: 0, metadata: text });

    const { journalEntries } = await recover();

    expect(journalEntries.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  });
});
