// The next owner of a shard whose commit is out in part: it commits the rest, and nothing twice.
import { describe, expect, it } from 'vitest';

import { replayContextOf } from '../../property-tests/simulation/left-behind.ts';
import {
  recoveredShard as shard,
  recoverySemantics,
  recoverySettings,
  recoveryWorld,
  type RecoveryWorld,
} from '../../property-tests/simulation/recovery-world.ts';
import { SimulatedDisk } from '../../property-tests/simulation/simulated-snapshots.ts';
import { simulatedTopics } from '../../property-tests/simulation/simulated-process.ts';
import { CommitSize } from '../../src/actors/commit-size.ts';
import { journalRecord, openingEntry, type Decision } from '../../src/actors/journal.ts';
import {
  decodePositionMetadata,
  encodePositionMetadata,
  wholeMetadata,
  type PartialCommit,
  type PositionMetadata,
} from '../../src/actors/position-metadata.ts';
import { Session } from '../../src/actors/session.ts';
import type { Commit } from '../../src/log/event-log.ts';
import type { OutputRecord } from '../../src/records/record.ts';
import { semanticsFingerprint } from '../../src/sensors/fingerprint.ts';

/** By window length, as the semantics have them. */
const featureTopics = ['rows', 'rows of 30s', 'rows of 40s'];
const nothing = { rows: 0, others: 0, anomalyEvents: 0, watermarkMs: null, sourceMaxMs: null };

const metadata: PositionMetadata = {
  version: 1,
  origin: 0,
  fingerprint: semanticsFingerprint(recoverySemantics).text,
  sources: 1,
  watermarkMs: null,
  sourceMaxMs: null,
  sourceIdle: false,
  journal: { sequence: 1, originOffset: 0 },
  snapshots: [],
};

/** A world whose shard is committed at offset 0, and in part up to `partial.offset`. */
function worldOf(
  values: readonly { readonly timestamp?: number }[],
  partial: Partial<PartialCommit>,
  decisions: readonly (Decision & { readonly offset: number })[] = [],
): RecoveryWorld {
  const world = recoveryWorld();
  const { broker } = world;
  for (const value of values) {
    const key = Buffer.from('a');
    broker.append([
      {
        ...shard,
        key,
        value: Buffer.from(JSON.stringify(value)),
        timestampMs: value.timestamp ?? 0,
      },
    ]);
  }
  const entries = decisions.map(
    (entry, index) => ({ version: 1, sequence: index + 2, ...entry }) as const,
  );
  const journal = { topic: simulatedTopics.journal, partition: 0 };
  const key = `group/${shard.topic}/0`;
  broker.append([openingEntry(0), ...entries].map((entry) => journalRecord(entry, key, journal)));
  const cut = { offset: values.length, sequence: 1 + entries.length, ...nothing, ...partial };
  broker.commits.set(`group|${shard.topic}/0`, {
    nextOffset: 0,
    metadata: encodePositionMetadata({ ...metadata, version: 2, partial: cut }),
  });
  return world;
}

/** Recovers the shard and folds all of it; returns what was committed, and what the session failed of. */
async function own(
  world: RecoveryWorld,
  changes: Partial<typeof recoverySettings> = {},
): Promise<{ readonly commits: readonly Commit[]; readonly failures: readonly unknown[] }> {
  const settings = { ...recoverySettings, ...changes };
  const recovered = await world.recover({ settings });
  const commits: Commit[] = [];
  const failures: unknown[] = [];
  const writer = {
    epoch: '1',
    size: new CommitSize({ transactionTimeoutMs: 60_000 }),
    commit: (commit: Commit) => {
      commits.push({ ...commit, records: [...commit.records] });
      return Promise.resolve([]);
    },
    begin: () => undefined,
    close: () => Promise.resolve(),
  };
  const session = new Session(
    { ...world.context, settings, featureTopics },
    shard,
    writer,
    recovered,
    {
      live: () => undefined,
      failed: (error) => failures.push(error),
      decided: () => undefined,
      seek: () => undefined,
      setPaused: () => undefined,
      unansweredMs: () => 0,
    },
  );
  session.begin();
  const { log } = replayContextOf(
    { broker: world.broker, disk: new SimulatedDisk(world.scheduler) },
    recoverySemantics,
    1,
  );
  for await (const batch of log.read({ ...shard, from: 0 })) await session.onBatch(batch);
  await new Promise((resolve) => setImmediate(resolve));
  session.close();
  return { commits, failures };
}

const lettersOf = (records: Iterable<OutputRecord>): readonly string[] =>
  [...records]
    .filter(({ topic }) => topic === simulatedTopics.deadLetters)
    .map(({ headers = [] }) =>
      ['dlq.offset', 'dlq.reason']
        .map((name) => Buffer.from(headers.find(({ key }) => key === name)?.value ?? []).toString())
        .join(' '),
    );

const unreadable = [{}, {}, {}];

describe('a commit that is out in part', () => {
  it('is completed by the next owner with what is not out, and the position moves with the rest', async () => {
    const { commits, failures } = await own(worldOf(unreadable, { others: 1 }));

    expect(failures).toEqual([]);
    expect(commits).toHaveLength(1);
    expect(commits[0]?.nextOffset).toBe(3);
    expect(lettersOf(commits[0]?.records ?? [])).toEqual([
      '1 sensor_id_missing',
      '2 sensor_id_missing',
    ]);
    expect(decodePositionMetadata(commits[0]?.metadata ?? '', 'test')).toMatchObject({
      version: 1,
      journal: { sequence: 1 },
    });
    expect(commits[0]?.metadata).not.toContain('partial');
  });

  it('has the dead letter of a record that was skipped within it, once', async () => {
    const skip = { kind: 'skip', offset: 1, message: 'Error: trapped', decided_ms: 5 } as const;

    const missing = await own(worldOf(unreadable, { others: 1 }, [skip]));
    const out = await own(worldOf(unreadable, { others: 2 }, [skip]));
    const first = await own(worldOf(unreadable, {}, [{ ...skip, offset: 0 }]));

    expect(lettersOf(missing.commits[0]?.records ?? [])).toEqual([
      '1 fold_failed',
      '2 sensor_id_missing',
    ]);
    expect(lettersOf(out.commits[0]?.records ?? [])).toEqual(['2 sensor_id_missing']);
    expect(lettersOf(first.commits[0]?.records ?? [])[0]).toBe('0 fold_failed');
    expect([...missing.failures, ...out.failures, ...first.failures]).toEqual([]);
  });

  it('leaves the rows of an idle mark at its very position to the part that lacks them', async () => {
    const readings = [0, 1].map((value) => ({ sensor_id: 'a', timestamp: value * 20_000, value }));
    const closing = { kind: 'idle', offset: 2, watermark_ms: 40_000 } as const;
    const at = { watermarkMs: 40_000, sourceMaxMs: 20_000 };
    const rows = async (out: number): Promise<number> => {
      const { commits, failures } = await own(worldOf(readings, { rows: out, ...at }, [closing]));
      expect(failures).toEqual([]);
      const [commit] = commits;
      return [...(commit?.records ?? [])].filter(({ topic }) => topic !== simulatedTopics.anomalies)
        .length;
    };

    const all = await rows(0);

    expect(all).toBeGreaterThan(2);
    expect(await rows(1)).toBe(all - 1);
    expect(await rows(all)).toBe(0);
  });

  it.each([
    { what: 'more outputs are out than there are', partial: { others: 4 } },
    { what: 'other event time was committed', partial: { watermarkMs: 5 } },
    { what: 'other event time of the source was committed', partial: { sourceMaxMs: 5 } },
  ])('stops the shard where folding again gives something else: $what', async ({ partial }) => {
    const { commits, failures } = await own(worldOf(unreadable, partial));

    expect(commits).toEqual([]);
    expect(failures).toHaveLength(1);
    expect(String(failures[0])).toContain('is out in part, up to offset 3');
    expect(failures[0]).toMatchObject({ directive: 'stop' });
  });

  it('is refused by recovery where the log ends before its cut', async () => {
    const world = worldOf(unreadable, { offset: 4 });

    await expect(world.recover()).rejects.toThrow('ends at offset 3');
  });

  it('counts as committed whole once its records are gone and the gap is accepted', async () => {
    const world = worldOf(unreadable, { others: 1, watermarkMs: 7, sourceMaxMs: 9 });
    world.earliest = 2;

    await expect(world.recover()).rejects.toThrow('accept-gap');
    const settings = { ...recoverySettings, acceptGap: true };
    const { committedOffset, journalEntries } = await world.recover({ settings });

    expect(committedOffset).toBe(3);
    expect(world.committed()).toMatchObject({
      ...metadata,
      watermarkMs: 7,
      sourceMaxMs: 9,
      journal: { sequence: 2, originOffset: 0, partitions: 1 },
    });
    expect(world.committed().partial).toBeUndefined();
    expect(journalEntries.at(-1)).toMatchObject({
      kind: 'gap',
      offset: 3,
      from_offset: 0,
      to_offset: 2,
    });
    // The two that were not out of the cut are lost with the records: all three are counted.
    expect((await world.metrics.gapRecords.get()).values[0]?.value).toBe(3);
  });
});

describe('position metadata', () => {
  const partial = {
    offset: 9,
    sequence: 4,
    rows: 2,
    others: 1,
    anomalyEvents: 0,
    watermarkMs: 5,
    sourceMaxMs: 6,
  };

  it('of a commit in part is of version 2, which a program that knows no parts refuses', () => {
    const text = encodePositionMetadata({ ...metadata, version: 2, partial });

    expect(JSON.parse(text)).toMatchObject({ version: 2 });
    expect(decodePositionMetadata(text, 'here').partial).toEqual(partial);
    expect(() => encodePositionMetadata({ ...metadata, partial })).toThrow('version 2');
    expect(() => encodePositionMetadata({ ...metadata, version: 2 })).toThrow('version 2');
  });

  it.each([
    { ...metadata, version: 2 },
    { ...metadata, version: 2, partial: { ...partial, rows: 'many' } },
    { ...metadata, version: 3 },
  ])('that this program cannot have written is refused', (wrong) => {
    expect(() => decodePositionMetadata(JSON.stringify(wrong), 'here')).toThrow(
      'no metadata of this program',
    );
  });

  it('of a commit in part becomes that of the whole one', () => {
    expect(wholeMetadata({ ...metadata, version: 2, partial })).toEqual({
      ...metadata,
      watermarkMs: 5,
      sourceMaxMs: 6,
      journal: { ...metadata.journal, sequence: 4 },
    });
    expect(wholeMetadata(metadata)).toEqual(metadata);
  });
});
