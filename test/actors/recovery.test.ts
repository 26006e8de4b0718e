// What recovery refuses to go on with, and what it trusts: over the simulated broker, with virtual time.
import { describe, expect, it } from 'vitest';

import { historySemantics, type HistoryPlan } from '../../property-tests/simulation/history.ts';
import { createScheduler, type Scheduler } from '../../property-tests/simulation/scheduler.ts';
import { Life, processClock } from '../../property-tests/simulation/simulated-life.ts';
import { SimulatedBroker } from '../../property-tests/simulation/simulated-log.ts';
import { simulatedTopics } from '../../property-tests/simulation/simulated-process.ts';
import { journalRecord } from '../../src/actors/journal.ts';
import {
  decodePositionMetadata,
  encodePositionMetadata,
} from '../../src/actors/position-metadata.ts';
import { recoverShard, type Recovered } from '../../src/actors/recovery.ts';
import type { ShardContext, ShardSettings } from '../../src/actors/shard-context.ts';
import { encodeSnapshot } from '../../src/actors/shard-memory.ts';
import { ConfigError, CorruptSnapshotError } from '../../src/errors.ts';
import { createLogger } from '../../src/logger.ts';
import { createMetrics } from '../../src/metrics.ts';
import type { Semantics } from '../../src/sensors/shard-state.ts';

const shard = { topic: simulatedTopics.input, partition: 0 };
const plan = { inputKeying: 'auto', baseline: 'cumulative' } as HistoryPlan;

const settings: ShardSettings = {
  groupId: 'group',
  idleTimeoutMs: 1_000,
  commitIntervalMs: 100,
  snapshotIntervalMs: 1_000,
  openWindowsMax: 60,
  startingOffsets: 'earliest',
  anomalyEvents: 'all',
  outputFormat: 'json',
};

interface World {
  readonly scheduler: Scheduler;
  readonly broker: SimulatedBroker;
  readonly snapshots: Map<string, Uint8Array>;
  recover(changes?: Partial<ShardContext>): Promise<Recovered>;
  committed(): ReturnType<typeof decodePositionMetadata>;
}

function world(): World {
  const scheduler = createScheduler(1, 0);
  const broker = new SimulatedBroker(scheduler);
  broker.create(simulatedTopics.input, 1);
  broker.create(simulatedTopics.journal, 1);
  const snapshots = new Map<string, Uint8Array>();
  const log = broker.connect(new Life());
  const context: ShardContext = {
    log,
    snapshots: {
      write: () => Promise.reject(new Error('not written here')),
      read: async (_, { id }) => {
        const bytes = snapshots.get(id);
        if (bytes === undefined) throw new CorruptSnapshotError(`no snapshot ${id}`);
        return Promise.resolve(bytes);
      },
      remove: () => Promise.resolve(),
      close: () => Promise.resolve(),
    },
    semantics: historySemantics(plan),
    settings,
    topics: simulatedTopics,
    featureTopics: [simulatedTopics.output],
    clock: processClock(scheduler, new Life()),
    logger: createLogger('fatal'),
    metrics: createMetrics(),
    sourcePartitions: 1,
    rekeyedPartitions: 1,
    journalPartitions: 1,
    encodeFeatureRow: () => new Uint8Array(0),
    rekeying: { active: false, leastSourceMs: undefined },
  };
  const inVirtualTime = async <T>(work: Promise<T>): Promise<T> => {
    let done = false;
    const settled = work.finally(() => (done = true));
    settled.catch(() => undefined);
    await scheduler.runUntil(scheduler.nowMs + 60_000, () => done);
    return settled;
  };
  return {
    scheduler,
    broker,
    snapshots,
    recover: (changes = {}) => {
      const changed = { ...context, ...changes };
      const recovered = (async () => {
        const writer = await changed.log.openWriter('group', shard);
        return recoverShard(changed, shard, 'source', writer);
      })();
      return inVirtualTime(recovered);
    },
    committed: () => {
      const position = broker.commits.get(`group|${shard.topic}/${shard.partition}`);
      return decodePositionMetadata(position?.metadata ?? '', 'test');
    },
  };
}

const feed = (broker: SimulatedBroker, records: number): void => {
  for (let i = 0; i < records; i += 1) {
    broker.append([{ ...shard, key: Buffer.from('a'), value: Buffer.from('{}') }]);
  }
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
    const semantics: Semantics = { ...historySemantics(plan), windowMs: 30_000, windows: [] };

    const again = recover({ semantics });

    await expect(again).rejects.toThrow(ConfigError);
    await expect(again).rejects.toThrow(/WINDOW_MS=10000.*WINDOW_MS=30000/s);
  });

  it('refuses input partitions that grew under keyed input, and says the cure', async () => {
    const { recover } = world();
    await recover();

    await expect(recover({ sourcePartitions: 2 })).rejects.toThrow(/INPUT_KEYING=rekey/);
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

  it('refuses a log that no longer holds what replay needs, and names both offsets', async () => {
    const { recover, broker } = world();
    await recover();
    const log = broker.connect(new Life());
    const shortened = { ...log, offsets: () => Promise.resolve({ earliest: 7, end: 20 }) };

    await expect(recover({ log: shortened })).rejects.toThrow(/begins at offset 7.*from offset 0/s);
  });

  it('refuses a journal without a committed offset', async () => {
    const { recover, broker } = world();
    const entry = { version: 1, sequence: 1, offset: 0, kind: 'idle', watermark_ms: 5 } as const;
    const journal = { topic: simulatedTopics.journal, partition: 0 };
    broker.append([journalRecord(entry, `group/${shard.topic}/0`, journal)]);

    await expect(recover()).rejects.toThrow(/no committed/);
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
    const at = (position: number): Uint8Array => encodeSnapshot({ ...memory, position }, shard, 0);
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
    for (const sequence of [1, 2, 3]) {
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
    const metadata = { ...committed(), journal: { sequence: 2, originOffset: 0 } };
    const text = encodePositionMetadata(metadata);
    broker.commits.set(`group|${shard.topic}/0`, { nextOffset: 0, metadata: text });

    const { journalEntries } = await recover();

    expect(journalEntries.map(({ sequence }) => sequence)).toEqual([1, 2]);
  });
});
